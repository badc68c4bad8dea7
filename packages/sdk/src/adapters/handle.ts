/** What all adapters stand on: workflows that take a request in any form, and know what surrounds it. */

import { type Answer, jsonAnswer } from "../workflow/answer.ts";
import type { RequestLike } from "../workflow/request.ts";
import {
  createWorkflow,
  type ServeManyOptions,
  serve,
  serveMany,
  toResponse,
  type WebHandler,
} from "../workflow/serve.ts";
import type { AnyWorkflow, RouteFunction, ServeOptions, Workflow } from "../workflow/workflow.ts";
import { isRaw, type NodeRequest, type RawBody, readBody, toRequestLike } from "./node-request.ts";
import { type NodeResponse, sendAnswer } from "./node-response.ts";
import { refuse, toRefusal } from "./refusal.ts";

export type { RouteFunction, ServeManyOptions, ServeOptions, Workflow };
export { createWorkflow, toResponse };

/** Answers one request. */
export type Handle = WebHandler["handleRequest"];

/** Workflows by the name that they are served under. */
export type Workflows = Readonly<Record<string, AnyWorkflow>>;

/** Environment variables, and whatever else a platform has among them. */
export type Env = Readonly<Record<string, unknown>>;

/** The endpoint of one workflow. */
export function toHandle<TInitialPayload, TResult>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): Handle {
  return serve(route, options).handleRequest;
}

/** The endpoint of several workflows, told apart by the last segment of the path. */
export function toManyHandle(workflows: Workflows, options?: ServeManyOptions): Handle {
  return serveMany(workflows, options).handleRequest;
}

/**
 * Answers a request as read by an adapter.
 * @param env of the request, on platforms where the process has none.
 */
export async function answerMethod(
  handle: Handle,
  method: string,
  request: RequestLike,
  env?: Env,
): Promise<Answer> {
  // Links are followed and fetched ahead by programs: no run may begin with that.
  if (method !== "POST") {
    const message = `a workflow is called by POST, got ${method}`;
    return jsonAnswer(405, { error: "WorkflowError", message }, { allow: "POST" });
  }
  if (env === undefined || !hasTexts(env)) return handle(request);
  // Bindings that are no texts are handed through to the workflow function; the SDK reads texts alone.
  return handle(request, { env: env as Readonly<Record<string, string | undefined>> });
}

/** Hono on Node hands over its sockets as the environment: then the variables of the process are meant. */
function hasTexts(env: Env): boolean {
  for (const name in env) if (typeof env[name] === "string") return true;
  return false;
}

/** As a handler of Web requests. */
export async function answerWeb(handle: Handle, request: Request, env?: Env): Promise<Response> {
  if (request.bodyUsed) {
    const message =
      "the body of the request has been read already; hand the request over before that";
    return toResponse(refuse(500, "WorkflowError", message));
  }
  return toResponse(await answerMethod(handle, request.method, request, env));
}

/** As a handler of `node:http`. */
export async function answerNode(
  handle: Handle,
  request: NodeRequest,
  response: NodeResponse,
): Promise<void> {
  sendAnswer(response, await answerNodeRequest(handle, request));
}

/** The answer to a request of `node:http`; `rawBody` when a framework has kept it apart from the request. */
export async function answerNodeRequest(
  handle: Handle,
  request: NodeRequest,
  rawBody?: unknown,
): Promise<Answer> {
  try {
    const body: RawBody = isRaw(rawBody) ? rawBody : await readBody(request);
    return await answerMethod(handle, request.method ?? "GET", toRequestLike(request, body));
  } catch (error) {
    return toRefusal(error);
  }
}
