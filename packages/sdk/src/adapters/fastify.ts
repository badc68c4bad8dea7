/** Fastify 4 and 5. */

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
import { BODY_BYTES_MAX_DEFAULT, type NodeRequest } from "./node-request.ts";
import { guardNode, parse, toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** What is used of an instance of Fastify. */
export interface FastifyScope {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(...args: readonly unknown[]): unknown;
  addHook(...args: readonly unknown[]): unknown;
  route(options: FastifyRoute): unknown;
}

/** A route as Fastify takes it. */
export interface FastifyRoute {
  readonly method: "POST";
  readonly url: string;
  readonly bodyLimit: number;
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;
}

/** What is used of a request of Fastify. */
export interface FastifyRequest {
  readonly raw: NodeRequest;
  body: unknown;
}

/** What is used of a reply of Fastify. */
export interface FastifyReply {
  code(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  send(body: string): unknown;
}

/** A plugin: it reads the bodies of its own routes as they were sent, whatever parsers the app has. */
export type FastifyPlugin = (scope: FastifyScope) => Promise<void>;

/** One workflow: `app.register(serve(async (context) => { ... }), { prefix: "/order" })`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): FastifyPlugin {
  return toPlugin(toHandle(route, options), "/");
}

/** Several workflows that can invoke each other: `app.register(serveMany({ order, refund }), { prefix: "/workflows" })`. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): FastifyPlugin {
  return toPlugin(toManyHandle(workflows, options), "/*");
}

function toPlugin(handle: Handle, url: string): FastifyPlugin {
  return async (scope) => {
    readRawBodies(scope);
    scope.route({
      method: "POST",
      url,
      bodyLimit: BODY_BYTES_MAX_DEFAULT,
      handler: async (request, reply) => {
        const rawBody = request.body ?? undefined;
        const { status, headers, body } = await answerNodeRequest(handle, request.raw, rawBody);
        reply.code(status);
        reply.headers({ ...headers });
        return reply.send(body);
      },
    });
  };
}

function readRawBodies(scope: FastifyScope): void {
  scope.removeAllContentTypeParsers();
  const keep = (_request: unknown, body: unknown, done: Done): void => done(null, body);
  scope.addContentTypeParser("*", { parseAs: "buffer" }, keep);
}

type Done = (error: null, body: unknown) => void;

/**
 * Lets signed requests alone through to the routes of a plugin: `app.register(verifySignature(async (scope) => { scope.post(...) }))`. Their
 * `request.body` is parsed if it is JSON, and else a text.
 */
export function verifySignature<Scope extends FastifyScope>(
  routes: (scope: Scope) => Promise<void> | void,
  config?: VerifySignatureConfig,
): (scope: Scope) => Promise<void> {
  const guard = toGuard(config);
  return async (scope) => {
    readRawBodies(scope);
    scope.addHook("preValidation", async (request: FastifyRequest, reply: FastifyReply) => {
      const { method, headers, url } = request.raw;
      const rawBody = request.body ?? "";
      const signed = { method, headers, url, rawBody, on: () => undefined };
      const refusal = await guardNode(guard, signed);
      if (refusal === null) {
        // The parser above gives bytes, and nothing where there is no body.
        request.body = parse(rawBody as Uint8Array | string, headers["content-type"]);
        return undefined;
      }
      reply.code(refusal.status);
      reply.headers({ ...refusal.headers });
      return reply.send(refusal.body);
    });
    await routes(scope);
  };
}
