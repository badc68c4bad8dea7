/** NestJS, on Express and on Fastify. */

import { SignatureError } from "../errors.ts";
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
import { type NodeResponse, sendAnswer } from "./node-response.ts";
import { guardNode, toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** A request of Express, or one of Fastify, which has that of Node in it. */
export type NestRequest =
  | NodeRequest
  | { readonly raw: NodeRequest; readonly body?: unknown; readonly rawBody?: unknown };

/** A response of Express, or a reply of Fastify. */
export type NestResponse = NodeResponse | NestReply;

/** What is used of a reply of Fastify. */
export interface NestReply {
  status(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  send(body: string): unknown;
}

/** For a method with `@Req()` and `@Res()`, and as a functional middleware: `consumer.apply(handler).forRoutes("order")`. */
export type NestHandler = (request: NestRequest, response: NestResponse) => Promise<void>;

/**
 * One workflow: `@Post("order") order(@Req() request, @Res() response) { return handler(request, response); }`. Create the app with
 * `{ rawBody: true }`, so that signatures can be checked, and let its parsers take large bodies: `app.useBodyParser("json", { limit: "100mb" })`.
 */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): NestHandler {
  return toHandler(toHandle(route, options));
}

/** Several workflows that can invoke each other; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): NestHandler {
  return toHandler(toManyHandle(workflows, options));
}

function toHandler(handle: Handle): NestHandler {
  return async (request, response) => {
    const answer = await answerNodeRequest(handle, nodeRequestOf(request));
    if ("writeHead" in response) return sendAnswer(response, answer);
    response.status(answer.status);
    response.headers({ ...answer.headers });
    response.send(answer.body);
  };
}

/** The request of Node, with what the body parsers of the framework have left on its own. */
function nodeRequestOf(request: NestRequest): NodeRequest {
  if (!("raw" in request)) return request;
  const { raw, body, rawBody } = request;
  return {
    method: raw.method,
    url: raw.url,
    headers: raw.headers,
    socket: raw.socket ?? null,
    readableEnded: raw.readableEnded ?? false,
    body,
    rawBody,
    on: (event, listener) => raw.on(event, listener),
  };
}

/** What is used of an `ExecutionContext`. */
export interface NestExecutionContext {
  switchToHttp(): { getRequest<T>(): T };
}

/** A guard. */
export interface NestGuard {
  /** @throws SignatureError, which Nest answers with 403. */
  canActivate(context: NestExecutionContext): Promise<boolean>;
}

/** A guard that lets signed requests alone through: `@UseGuards(verifySignature())`, in an app created with `{ rawBody: true }`. */
export function verifySignature(config?: VerifySignatureConfig): NestGuard {
  const guard = toGuard(config);
  return {
    canActivate: async (context) => {
      const request = nodeRequestOf(context.switchToHttp().getRequest<NestRequest>());
      const refusal = await guardNode(guard, request);
      if (refusal === null) return true;
      // Nest answers errors of this shape by their status.
      const { message } = JSON.parse(refusal.body ?? "{}") as { readonly message?: string };
      const { status } = refusal;
      const shape = { status, statusCode: status, expose: true };
      throw Object.assign(new SignatureError(message ?? ""), shape);
    },
  };
}
