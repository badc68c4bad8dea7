/** AWS Lambda behind API Gateway (REST and HTTP APIs), a function URL or an Application Load Balancer. */

import {
  answerMethod,
  createWorkflow,
  type Handle,
  type RouteFunction,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  type Workflows,
} from "./handle.ts";
import {
  bodyOf,
  type LambdaEvent,
  type LambdaResult,
  methodOf,
  toLambdaRequest,
  toLambdaResult,
} from "./lambda-event.ts";
import { toRefusal } from "./refusal.ts";
import { toGuard, type VerifySignatureConfig } from "./signature.ts";

export type { LambdaEvent, LambdaResult, VerifySignatureConfig };
export { createWorkflow };

/** The `handler` of a function. */
export type LambdaHandler = (event: LambdaEvent) => Promise<LambdaResult>;

/** One workflow: `export const handler = serve(async (context) => { ... })`. */
export function serve<TInitialPayload = unknown, TResult = unknown>(
  route: RouteFunction<TInitialPayload, TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): LambdaHandler {
  return toHandler(toHandle(route, options));
}

/** Several workflows that can invoke each other; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): LambdaHandler {
  return toHandler(toManyHandle(workflows, options));
}

function toHandler(handle: Handle): LambdaHandler {
  return async (event) => {
    try {
      return toLambdaResult(
        event,
        await answerMethod(handle, methodOf(event), toLambdaRequest(event)),
      );
    } catch (error) {
      return toLambdaResult(event, toRefusal(error));
    }
  };
}

/** Lets signed requests alone through to a handler. */
export function verifySignature<Event extends LambdaEvent, Result, Rest extends readonly unknown[]>(
  handler: (event: Event, ...rest: Rest) => Result | Promise<Result>,
  config?: VerifySignatureConfig,
): (event: Event, ...rest: Rest) => Promise<Result | LambdaResult> {
  const guard = toGuard(config);
  return async (event, ...rest) => {
    const { headers } = toLambdaRequest(event);
    const refusal = await guard({ get: headers.get, body: bodyOf(event) });
    return refusal === null ? handler(event, ...rest) : toLambdaResult(event, refusal);
  };
}
