/** `node:http`, and everything whose handlers take its requests and responses. */

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
import { type NodeRequest, readBody, toRequestLike } from "./node-request.ts";
import { type NodeResponse, sendAnswer, sendResponse } from "./node-response.ts";
import { toRefusal } from "./refusal.ts";
import { guardNode, toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** A listener of `http.createServer`. */
export type NodeHandler = (request: NodeRequest, response: NodeResponse) => Promise<void>;

/** One workflow: `createServer(serve(async (context) => { ... }))`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): NodeHandler {
  const handle = toHandle(route, options);
  return (request, response) => answerNode(handle, request, response);
}

/** Several workflows that can invoke each other; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): NodeHandler {
  const handle = toManyHandle(workflows, options);
  return (request, response) => answerNode(handle, request, response);
}

/**
 * Lets signed requests alone through.
 * @param handler finds the body in `request.rawBody`, and in `request.body`, parsed if it is JSON.
 */
export function verifySignature<Incoming extends NodeRequest, Outgoing extends NodeResponse>(
  handler: (request: Incoming & WithBody, response: Outgoing) => unknown,
  config?: VerifySignatureConfig,
): (request: Incoming, response: Outgoing) => Promise<void> {
  const guard = toGuard(config);
  return async (request, response) => {
    const refusal = await guardNode(guard, request);
    // A request that was let through has both.
    if (refusal === null) await handler(request as Incoming & WithBody, response);
    else sendAnswer(response, refusal);
  };
}

/** What `verifySignature` adds to a request. */
export interface WithBody {
  /** The body as it was sent. */
  readonly rawBody: string | Uint8Array;
  /** Parsed if it is JSON; else a text. */
  readonly body: unknown;
}

/** Makes a listener of any handler of Web requests. Its answer is sent as it comes; its signal tells that nobody waits for it any more. */
export function toNodeHandler(
  handler: (request: Request) => Response | Promise<Response>,
): NodeHandler {
  return async (request, response) => {
    const abort = new AbortController();
    response.once("close", () => abort.abort());
    try {
      await sendResponse(response, await handler(await toWebRequest(request, abort.signal)));
    } catch (error) {
      sendAnswer(response, toRefusal(error));
    }
  };
}

async function toWebRequest(request: NodeRequest, signal: AbortSignal): Promise<Request> {
  const body = await readBody(request);
  const { method = "GET" } = request;
  const { url, headers } = toRequestLike(request, body);
  const pairs: [string, string][] = [];
  headers.forEach((value, name) => void pairs.push([name, value]));
  const init = { method, signal, headers: pairs };
  if (method === "GET" || method === "HEAD") return new Request(url, init);
  // What is read of a socket is never shared with another thread.
  return new Request(url, { ...init, body: body as string | Uint8Array<ArrayBuffer> });
}
