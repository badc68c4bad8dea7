/** Next.js: route handlers of the app router on Node and at the edge, and API routes of the pages router. */

import {
  answerNode,
  answerWeb,
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
import { verifySignatureWeb } from "./web.ts";

export type { VerifySignatureConfig };
export { createWorkflow, createWorkflow as createWorkflowPagesRouter };

/** The exports of a `route.ts`. */
export interface NextRoute {
  /** Answers deliveries, and requests that start runs. */
  readonly POST: (request: Request) => Promise<Response>;
}

/** The default export of an API route is `handler`. */
export interface NextApiRoute {
  /** Answers deliveries, and requests that start runs. */
  readonly handler: (request: NodeRequest, response: NodeResponse) => Promise<void>;
}

/** One workflow behind `app/.../route.ts`: `export const { POST } = serve(async (context) => { ... })`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): NextRoute {
  return toRoute(toHandle(route, options));
}

/** Several workflows behind `app/.../[...any]/route.ts`, that can invoke each other; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): NextRoute {
  return toRoute(toManyHandle(workflows, options));
}

/** One workflow behind `pages/api/...`: `const { handler } = servePagesRouter(...); export default handler`. */
export function servePagesRouter<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): NextApiRoute {
  return toApiRoute(toHandle(route, options));
}

/** Several workflows behind `pages/api/.../[...any].ts`. */
export function serveManyPagesRouter(
  workflows: Workflows,
  options?: ServeManyOptions,
): NextApiRoute {
  return toApiRoute(toManyHandle(workflows, options));
}

function toRoute(handle: Handle): NextRoute {
  return { POST: (request) => answerWeb(handle, request) };
}

function toApiRoute(handle: Handle): NextApiRoute {
  return { handler: (request, response) => answerNode(handle, request, response) };
}

/**
 * Lets signed requests alone through to a route handler of the app router.
 * @param handler still reads the body as if nobody had.
 */
export function verifySignatureAppRouter<
  Incoming extends Request = Request,
  Rest extends readonly unknown[] = readonly [params?: unknown],
>(
  handler: (request: Incoming, ...rest: Rest) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (request: Incoming, ...rest: Rest) => Promise<Response> {
  return verifySignatureWeb(handler, config);
}

/** Lets signed requests alone through to a handler at the edge. */
export const verifySignatureEdge: typeof verifySignatureAppRouter = verifySignatureAppRouter;

/**
 * Lets signed requests alone through to an API route of the pages router. Export `config = { api: { bodyParser: false } }` beside it: what
 * Next.js has parsed is no longer what was signed. The handler finds the body in `request.body`, parsed if it is JSON.
 */
export function verifySignature<Incoming extends NodeRequest, Outgoing extends NodeResponse>(
  handler: (request: Incoming, response: Outgoing) => unknown,
  config?: VerifySignatureConfig,
): (request: Incoming, response: Outgoing) => Promise<void> {
  const guard = toGuard(config);
  return async (request, response) => {
    const refusal = await guardNode(guard, request);
    if (refusal === null) await handler(request, response);
    else sendAnswer(response, refusal);
  };
}
