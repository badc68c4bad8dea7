/** SvelteKit. */

import {
  answerWeb,
  createWorkflow,
  type Env,
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

/** What is used of a request event of SvelteKit. */
export interface SvelteEvent {
  readonly request: Request;
  /** What the platform hands over; on Cloudflare it has the environment. */
  readonly platform?: Readonly<{ env?: Env }> | undefined;
}

/** The exports of a `+server.ts`. */
export interface SvelteEventRoute {
  /** Answers deliveries, and requests that start runs. */
  readonly POST: (event: SvelteEvent) => Promise<Response>;
}

/** One workflow: `export const { POST } = serve(async (context) => { ... }, { env })` in a `+server.ts`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): SvelteEventRoute {
  return toRoute(toHandle(route, options));
}

/** Several workflows that can invoke each other, behind `[...any]/+server.ts`; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): SvelteEventRoute {
  return toRoute(toManyHandle(workflows, options));
}

function toRoute(handle: Handle): SvelteEventRoute {
  return { POST: ({ request, platform }) => answerWeb(handle, request, platform?.env) };
}

/** Lets signed requests alone through to a handler, which reads the body as if nobody had. */
export function verifySignatureSvelte<Event extends SvelteEvent, Result>(
  handler: (event: Event) => Result | Promise<Result>,
  config?: VerifySignatureConfig,
): (event: Event) => Promise<Result | Response> {
  return guardEvents(handler, config);
}
