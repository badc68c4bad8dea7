/** Elysia. Give its routes `{ parse: "none" }`, so that the body arrives as it was sent. */

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

/** What is used of a context of Elysia. */
export interface ElysiaContext {
  readonly request: Request;
}

/** A handler of Elysia. */
export type ElysiaHandler = (context: ElysiaContext) => Promise<Response>;

/** One workflow: `app.post("/order", serve(async (context) => { ... }), { parse: "none" })`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): ElysiaHandler {
  return toHandler(toHandle(route, options));
}

/** Several workflows that can invoke each other: `app.post("/workflows/*", serveMany({ order, refund }), { parse: "none" })`. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): ElysiaHandler {
  return toHandler(toManyHandle(workflows, options));
}

function toHandler(handle: Handle): ElysiaHandler {
  // Elysia reads the source of handlers to see what they need; this one needs the request alone.
  return ({ request }) => answerWeb(handle, request);
}

/** Lets signed requests alone through to a handler, which reads the body of `request` as if nobody had. */
export function verifySignature<Context extends ElysiaContext, Result>(
  handler: (context: Context) => Result | Promise<Result>,
  config?: VerifySignatureConfig,
): (context: Context) => Promise<Result | Response> {
  return guardEvents(handler, config);
}
