/** SolidStart. */

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

/** What is used of an API event of SolidStart. */
export interface SolidEvent {
  readonly request: Request;
}

/** The exports of an API route. */
export interface SolidEventRoute {
  /** Answers deliveries, and requests that start runs. */
  readonly POST: (event: SolidEvent) => Promise<Response>;
}

/** One workflow: `export const { POST } = serve(async (context) => { ... })` in an API route. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): SolidEventRoute {
  return toRoute(toHandle(route, options));
}

/** Several workflows that can invoke each other, behind `[...any].ts`; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): SolidEventRoute {
  return toRoute(toManyHandle(workflows, options));
}

function toRoute(handle: Handle): SolidEventRoute {
  return { POST: ({ request }) => answerWeb(handle, request) };
}

/** Lets signed requests alone through to a handler, which reads the body as if nobody had. */
export function verifySignatureSolidjs<Event extends SolidEvent, Result>(
  handler: (event: Event) => Result | Promise<Result>,
  config?: VerifySignatureConfig,
): (event: Event) => Promise<Result | Response> {
  return guardEvents(handler, config);
}
