/** Servers whose handlers take a Web request and give a Web response. */

import {
  answerWeb,
  type RouteFunction,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  type Workflows,
} from "./handle.ts";
import { guardWeb, toGuard, type VerifySignatureConfig } from "./signature.ts";

/** A handler of Web requests. */
export type WebRequestHandler = (request: Request) => Promise<Response>;

/** One workflow. */
export function serveWeb<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): WebRequestHandler {
  const handle = toHandle(route, options);
  return (request) => answerWeb(handle, request);
}

/** Several workflows that can invoke each other; the last segment of the path names one. */
export function serveManyWeb(workflows: Workflows, options?: ServeManyOptions): WebRequestHandler {
  const handle = toManyHandle(workflows, options);
  return (request) => answerWeb(handle, request);
}

/** Lets signed requests alone through to a handler, which reads the body as if nobody had. */
export function verifySignatureWeb<Incoming extends Request, Rest extends readonly unknown[]>(
  handler: (request: Incoming, ...rest: Rest) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (request: Incoming, ...rest: Rest) => Promise<Response> {
  const guard = toGuard(config);
  return async (request, ...rest) => (await guardWeb(guard, request)) ?? handler(request, ...rest);
}
