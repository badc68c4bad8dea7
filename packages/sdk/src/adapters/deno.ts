/** Deno's own server. */

import { createWorkflow } from "./handle.ts";
import type { VerifySignatureConfig } from "./signature.ts";
import { serveManyWeb, serveWeb, verifySignatureWeb, type WebRequestHandler } from "./web.ts";

export type { VerifySignatureConfig, WebRequestHandler };
export { createWorkflow };

/** One workflow: `Deno.serve(serve(async (context) => { ... }))`. */
export const serve: typeof serveWeb = serveWeb;

/** Several workflows that can invoke each other; the last segment of the path names one. */
export const serveMany: typeof serveManyWeb = serveManyWeb;

/** Lets signed requests alone through to a handler, which reads the body as if nobody had. */
export const verifySignature: typeof verifySignatureWeb = verifySignatureWeb;
