/** H3 1 and 2, and what is made of it: Nitro, Nuxt, Analog. */

import { WorkflowError } from "../errors.ts";
import {
  answerNodeRequest,
  answerWeb,
  createWorkflow,
  type Handle,
  type RouteFunction,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  toResponse,
  type Workflows,
} from "./handle.ts";
import type { NodeRequest } from "./node-request.ts";
import { guardNode, guardWeb, toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** What is used of an event: version 2 has a Web request, version 1 that of Node. */
export interface H3Event {
  readonly req?: unknown;
  readonly node?: object | undefined;
}

/** An event handler. */
export interface H3Handler<Result = Response> {
  (event: H3Event): Promise<Result>;
  /** Tells version 1 that it is one. */
  readonly __is_handler__?: true;
}

/** The default export of a route is `handler`. */
export interface H3Route {
  /** Answers deliveries, and requests that start runs. */
  readonly handler: H3Handler;
}

/** One workflow: `const { handler } = serve(async (context) => { ... }); export default handler`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): H3Route {
  return toRoute(toHandle(route, options));
}

/** Several workflows that can invoke each other, behind `[...any].post.ts`; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): H3Route {
  return toRoute(toManyHandle(workflows, options));
}

function toRoute(handle: Handle): H3Route {
  const answer = async (event: H3Event): Promise<Response> => {
    if (isWebRequest(event.req)) return answerWeb(handle, event.req);
    return toResponse(await answerNodeRequest(handle, nodeRequestOf(event)));
  };
  return { handler: asHandler(answer) };
}

/** Lets signed requests alone through to an event handler, which reads the body as if nobody had. */
export function verifySignatureH3<Event extends H3Event, Result>(
  handler: (event: Event) => Result | Promise<Result>,
  config?: VerifySignatureConfig,
): ((event: Event) => Promise<Result | Response>) & { readonly __is_handler__?: true } {
  const guard = toGuard(config);
  return asHandler(async (event: Event) => {
    if (isWebRequest(event.req)) return (await guardWeb(guard, event.req)) ?? handler(event);
    const refusal = await guardNode(guard, nodeRequestOf(event));
    return refusal === null ? handler(event) : toResponse(refusal);
  });
}

function asHandler<Handler extends (event: never) => unknown>(
  handler: Handler,
): Handler & { readonly __is_handler__: true } {
  return Object.assign(handler, { __is_handler__: true as const });
}

function isWebRequest(request: unknown): request is Request {
  return typeof request === "object" && request !== null && "arrayBuffer" in request;
}

function nodeRequestOf({ node }: H3Event): NodeRequest {
  // The request of Node is what this field is for.
  if (node !== undefined && "req" in node) return node.req as NodeRequest;
  throw new WorkflowError("the event has neither a Web request (req) nor one of Node (node.req)");
}
