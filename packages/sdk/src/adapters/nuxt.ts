/** Nuxt: server routes. */

import * as h3 from "./h3.ts";
import { createWorkflow } from "./handle.ts";
import type { VerifySignatureConfig } from "./signature.ts";

export type { VerifySignatureConfig };
export { createWorkflow };

/** One workflow, in `server/api/order.post.ts`: `const { handler } = serve(async (context) => { ... }); export default handler`. */
export const serve: typeof h3.serve = h3.serve;

/** Several workflows that can invoke each other, behind `[...any].post.ts`; the last segment of the path names one. */
export const serveMany: typeof h3.serveMany = h3.serveMany;

/** Lets signed requests alone through to an event handler, which reads the body as if nobody had. */
export const verifySignatureNuxt: typeof h3.verifySignatureH3 = h3.verifySignatureH3;
