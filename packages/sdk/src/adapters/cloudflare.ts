/** Cloudflare Workers and Pages functions. */

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
import { guardWeb, toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** The settings that are read from the bindings of a worker. */
export interface WorkflowBindings {
  QSTASH_TOKEN: string;
  QSTASH_URL?: string;
  QSTASH_CURRENT_SIGNING_KEY?: string;
  QSTASH_NEXT_SIGNING_KEY?: string;
  UPSTASH_WORKFLOW_URL?: string;
}

/** What a Pages function is called with. */
export type PagesHandlerArgs = [context: PagesContext];

/** What is used of the context of a Pages function. */
export interface PagesContext {
  readonly request: Request;
  readonly env: object;
}

/** What a worker is called with. */
export type WorkersHandlerArgs = [request: Request, env: object, context?: object];

/** The default export of a worker. */
export interface WorkerModule {
  /** Answers deliveries, and requests that start runs. */
  readonly fetch: (...args: PagesHandlerArgs | WorkersHandlerArgs) => Promise<Response>;
}

/** One workflow: `export default serve(async (context) => { ... })`, or `export const onRequestPost = serve(...).fetch` of a Pages function. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): WorkerModule {
  return toModule(toHandle(route, options));
}

/** Several workflows that can invoke each other; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): WorkerModule {
  return toModule(toManyHandle(workflows, options));
}

function toModule(handle: Handle): WorkerModule {
  return {
    fetch: (...[first, env]: PagesHandlerArgs | WorkersHandlerArgs) =>
      "request" in first
        ? answerWeb(handle, first.request, toEnv(first.env))
        : answerWeb(handle, first, toEnv(env)),
  };
}

/** Bindings that are no texts are handed through to the workflow function. */
function toEnv(env: object | undefined): Env | undefined {
  return env as Env | undefined; // Every object is a record of unknown values.
}

/**
 * Lets signed requests alone through to a worker, which reads the body as if nobody had. Bindings are not variables of a process: the
 * keys are taken from those of the request when `config` has none.
 */
export function verifySignature<Args extends readonly [env?: object, ...rest: unknown[]]>(
  handler: (request: Request, ...args: Args) => Response | Promise<Response>,
  config: VerifySignatureConfig = {},
): (request: Request, ...args: Args) => Promise<Response> {
  return async (request, ...args) => {
    const guard = toGuard(withKeys(config, toEnv(args[0]) ?? {}));
    return (await guardWeb(guard, request)) ?? handler(request, ...args);
  };
}

function withKeys(config: VerifySignatureConfig, env: Env): VerifySignatureConfig {
  const text = (name: string): string | undefined => {
    const value = env[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    ...config,
    currentSigningKey: config.currentSigningKey ?? text("QSTASH_CURRENT_SIGNING_KEY"),
    nextSigningKey: config.nextSigningKey ?? text("QSTASH_NEXT_SIGNING_KEY"),
  };
}
