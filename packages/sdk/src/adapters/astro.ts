/** Astro endpoints. */

import type { WorkflowContext } from "../workflow/context.ts";
import {
  answerWeb,
  createWorkflow,
  type Env,
  type ServeManyOptions,
  type ServeOptions,
  toHandle,
  toManyHandle,
  type Workflows,
} from "./handle.ts";
import { guardEvents, type VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** What is used of the context of an endpoint. */
export interface AstroContext {
  readonly request: Request;
  /** On Cloudflare it has the environment. */
  readonly locals?: object;
}

/** The exports of an endpoint. */
export interface AstroRoute<Context extends AstroContext = AstroContext> {
  /** Answers deliveries, and requests that start runs. */
  readonly POST: (context: Context) => Promise<Response>;
}

/**
 * One workflow: `export const { POST } = serve(async (context) => { ... })`, with `prerender = false` where pages are static.
 * @param route gets Astro's context of the delivery as its second argument.
 */
export function serve<
  TInitialPayload = unknown,
  TResult = unknown,
  Context extends AstroContext = AstroContext,
>(
  route: (context: WorkflowContext<TInitialPayload>, apiContext: Context) => Promise<TResult>,
  options?: ServeOptions<TInitialPayload, TResult>,
): AstroRoute<Context> {
  // A function that is kept for the next delivery would go on with Astro's context of this one.
  const cold = { ...options, warm: false } as ServeOptions<TInitialPayload, TResult>; // The same but one field.
  const POST = (apiContext: Context): Promise<Response> => {
    const handle = toHandle<TInitialPayload, TResult>(
      (context) => route(context, apiContext),
      cold,
    );
    return answerWeb(handle, apiContext.request, envOf(apiContext));
  };
  return { POST };
}

/** Several workflows that can invoke each other, behind `[...any].ts`; the last segment of the path names one. */
export function serveMany(workflows: Workflows, options?: ServeManyOptions): AstroRoute {
  const handle = toManyHandle(workflows, options);
  return { POST: (context) => answerWeb(handle, context.request, envOf(context)) };
}

function envOf({ locals }: AstroContext): Env | undefined {
  // Astro's adapter for Cloudflare leaves its bindings there; elsewhere nothing is.
  const { runtime } = (locals ?? {}) as { readonly runtime?: { readonly env?: Env } };
  return runtime?.env;
}

/** Lets signed requests alone through to an endpoint, which reads the body as if nobody had. */
export function verifySignature<Context extends AstroContext>(
  endpoint: (context: Context) => Response | Promise<Response>,
  config?: VerifySignatureConfig,
): (context: Context) => Promise<Response> {
  return guardEvents(endpoint, config);
}
