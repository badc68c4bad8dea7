/** TanStack Start. */

import {
  answerWeb,
  createWorkflow,
  type Handle,
  type RouteFunction,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  type Workflows,
} from "./handle.ts";
import { guardEvents, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** What is used of the context of a server route. */
export interface TanstackContext {
  readonly request: Request;
}

/** The exports of the `handlers` of a server route. */
export interface TanstackContextRoute {
  /** Answers deliveries, and requests that start runs. */
  readonly POST: (event: TanstackContext) => Promise<Response>;
}

/** One workflow: `server: { handlers: serve(async (context) => { ... }) }` of a file route. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): TanstackContextRoute {
  return toRoute(toHandle(route, options));
}

/** Several workflows that can invoke each other, behind a splat route `$.ts`; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): TanstackContextRoute {
  return toRoute(toManyHandle(workflows, options));
}

function toRoute(handle: Handle): TanstackContextRoute {
  return { POST: ({ request }) => answerWeb(handle, request) };
}

/** Lets signed requests alone through to a handler, which reads the body as if nobody had. */
export function verifySignature<Event extends TanstackContext, Result>(
  handler: (event: Event) => Result | Promise<Result>,
  config?: VerifySignatureConfig,
): (event: Event) => Promise<Result | Response> {
  return guardEvents(handler, config);
}
