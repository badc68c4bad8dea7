/** Hono, on every platform that it runs on. */

import {
  answerMethod,
  createWorkflow as createBase,
  type Env,
  type Handle,
  type RouteFunction,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  toResponse,
  type Workflow,
  type Workflows,
} from "./handle.ts";
import { toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };

/** The settings that are read from the bindings of a worker. */
export interface WorkflowBindings {
  QSTASH_TOKEN: string;
  QSTASH_URL?: string;
  QSTASH_CURRENT_SIGNING_KEY?: string;
  QSTASH_NEXT_SIGNING_KEY?: string;
  UPSTASH_WORKFLOW_URL?: string;
}

/** What is used of a context of Hono. */
export interface HonoContext {
  readonly req: HonoRequest;
  readonly env: unknown;
}

/** What is used of a request of Hono. */
export interface HonoRequest {
  readonly raw: Request;
  readonly method: string;
  readonly url: string;
  text(): Promise<string>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

/** A handler of Hono. */
export type HonoHandler = (context: HonoContext) => Promise<Response>;

/** One workflow: `app.post("/order", serve(async (context) => { ... }))`. Bindings of a worker are its environment. */
export function serve<
  TInitialPayload = unknown,
  _TBindings extends WorkflowBindings = WorkflowBindings,
  _TVariables extends object = object,
  TResult = unknown,
>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): HonoHandler {
  return toHandler(toHandle(route, options));
}

/** A workflow for `serveMany`, and for `context.invoke` of the others there. */
export function createWorkflow<
  TInitialPayload = unknown,
  TResult = unknown,
  _TBindings extends WorkflowBindings = WorkflowBindings,
  _TVariables extends object = object,
>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): Workflow<TInitialPayload, TResult> {
  return createBase(route, options);
}

/** Several workflows that can invoke each other: `app.post("/workflows/*", serveMany({ order, refund }))`. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): HonoHandler {
  return toHandler(toManyHandle(workflows, options));
}

/** A middleware that lets signed requests alone through; the handler reads the body as if nobody had. */
export function verifySignature(
  config?: VerifySignatureConfig,
): (context: HonoContext, next: () => Promise<void>) => Promise<Response | undefined> {
  const guard = toGuard(config);
  return async ({ req }, next) => {
    const { headers } = req.raw;
    // Hono keeps what it has read for all readers that come after.
    const body = new Uint8Array(await req.arrayBuffer());
    const refusal = await guard({ get: (name) => headers.get(name), body });
    if (refusal !== null) return toResponse(refusal);
    await next();
    return undefined;
  };
}

function toHandler(handle: Handle): HonoHandler {
  return async ({ req, env }) => {
    const { method, url, raw } = req;
    const request = { url, headers: raw.headers, text: () => req.text() };
    return toResponse(await answerMethod(handle, method, request, isEnv(env) ? env : undefined));
  };
}

function isEnv(env: unknown): env is Env {
  return typeof env === "object" && env !== null;
}
