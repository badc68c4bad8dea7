/** Express 4 and 5, and everything that takes middlewares of its kind (connect, Polka, restify). */

import {
  answerNode,
  createWorkflow,
  type RouteFunction,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  type Workflows,
} from "./handle.ts";
import type { NodeRequest } from "./node-request.ts";
import { type NodeResponse, sendAnswer } from "./node-response.ts";
import { guardNode, toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** For `app.use(path, ...)` and `app.post(path, ...)`. */
export type ExpressHandler = (
  request: NodeRequest,
  response: NodeResponse,
  next?: (error?: unknown) => void,
) => void;

/** One workflow: `app.use("/order", serve(async (context) => { ... }))`, before `express.json()` when requests are signed. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): ExpressHandler {
  const handle = toHandle(route, options);
  return (request, response) => void answerNode(handle, request, response);
}

/** Several workflows that can invoke each other: `app.use("/workflows", serveMany({ order, refund }))`. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): ExpressHandler {
  const handle = toManyHandle(workflows, options);
  return (request, response) => void answerNode(handle, request, response);
}

/** A middleware that lets signed requests alone through. It sets `request.rawBody`, and `request.body`, parsed if it is JSON. */
export function verifySignature(config?: VerifySignatureConfig): ExpressMiddleware {
  const guard = toGuard(config);
  return (request, response, next) => {
    guardNode(guard, request).then((refusal) => {
      if (refusal === null) next();
      else sendAnswer(response, refusal);
    }, next);
  };
}

/** A handler that hands on what it lets through. */
export type ExpressMiddleware = (
  request: NodeRequest,
  response: NodeResponse,
  next: (error?: unknown) => void,
) => void;

/** For `express.json({ verify: keepRawBody })`: signatures can be checked behind the parser then. */
export function keepRawBody(request: object, _response: object, rawBody: Uint8Array): void {
  Object.assign(request, { rawBody });
}
