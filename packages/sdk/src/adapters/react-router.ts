/** React Router 7 and above as a framework, and Remix: the `action` of a resource route. */

import {
  answerWeb,
  createWorkflow,
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

/** What is used of the arguments of an action. */
export interface ActionArguments {
  readonly request: Request;
}

/** An `action`; React Router calls it for POST. */
export type Action = (args: ActionArguments) => Promise<Response>;

/** One workflow: `export const action = serve(async (context) => { ... })`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): Action {
  const handle = toHandle(route, options);
  return ({ request }) => answerWeb(handle, request);
}

/** Several workflows that can invoke each other, behind a splat route; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): Action {
  const handle = toManyHandle(workflows, options);
  return ({ request }) => answerWeb(handle, request);
}

/** Lets signed requests alone through to an action, which reads the body as if nobody had. */
export function verifySignature<Arguments extends ActionArguments, Result>(
  action: (args: Arguments) => Result | Promise<Result>,
  config?: VerifySignatureConfig,
): (args: Arguments) => Promise<Result | Response> {
  return guardEvents(action, config);
}
