/** Remix 2: the `action` of a resource route, as in React Router, which it has become. */

import { createWorkflow } from "./handle.ts";
import * as reactRouter from "./react-router.ts";
import type { VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** One workflow: `export const action = serve(async (context) => { ... })`. */
export const serve: typeof reactRouter.serve = reactRouter.serve;

/** Several workflows that can invoke each other, behind a splat route; the last segment of the path names one. */
export const serveMany: typeof reactRouter.serveMany = reactRouter.serveMany;

/** Lets signed requests alone through to an action, which reads the body as if nobody had. */
export const verifySignature: typeof reactRouter.verifySignature = reactRouter.verifySignature;
