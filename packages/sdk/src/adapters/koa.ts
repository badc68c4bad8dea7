/** Koa 2 and 3. */

import type { Answer } from "../workflow/answer.ts";
import {
  answerNodeRequest,
  createWorkflow,
  type Handle,
  type RouteFunction,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  type Workflows,
} from "./handle.ts";
import type { NodeRequest } from "./node-request.ts";
import { guardNode, toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** What is used of a context of Koa. */
export interface KoaContext {
  readonly req: NodeRequest;
  /** Body parsers leave `body` and `rawBody` here. */
  readonly request: object;
  readonly originalUrl: string;
  status: number;
  body: unknown;
  set(headers: Record<string, string>): void;
}

/** A middleware of Koa. */
export type KoaHandler = (context: KoaContext, next?: () => Promise<unknown>) => Promise<void>;

/** One workflow: `router.post("/order", serve(async (context) => { ... }))`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): KoaHandler {
  return toHandler(toHandle(route, options));
}

/** Several workflows that can invoke each other: `router.post("/workflows/:name", serveMany({ order, refund }))`. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): KoaHandler {
  return toHandler(toManyHandle(workflows, options));
}

/** A middleware that lets signed requests alone through. It sets `rawBody` and `body` (parsed if it is JSON) of `context.request`. */
export function verifySignature(
  config?: VerifySignatureConfig,
): (context: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  const guard = toGuard(config);
  return async (context, next) => {
    const request = nodeRequestOf(context);
    const refusal = await guardNode(guard, request);
    if (refusal !== null) return give(context, refusal);
    const { rawBody, body } = request;
    Object.assign(context.request, { rawBody, body });
    await next();
  };
}

function toHandler(handle: Handle): KoaHandler {
  return async (context) => {
    const request = nodeRequestOf(context);
    give(context, await answerNodeRequest(handle, request));
  };
}

/** The request of Node, with what the body parsers of Koa have left elsewhere. */
function nodeRequestOf({ req, request, originalUrl }: KoaContext): NodeRequest {
  const kept = {
    rawBody: "rawBody" in request ? request.rawBody : req.rawBody,
    body: "body" in request ? request.body : req.body,
  };
  return {
    method: req.method,
    url: originalUrl,
    headers: req.headers,
    socket: req.socket ?? null,
    readableEnded: req.readableEnded ?? false,
    destroyed: req.destroyed ?? false,
    ...kept,
    on: (event, listener) => req.on(event, listener),
  };
}

function give(context: KoaContext, { status, headers, body }: Answer): void {
  // First the body: setting it chooses a status and a type.
  context.body = body ?? "";
  context.status = status;
  context.set({ ...headers });
}
