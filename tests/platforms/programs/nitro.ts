// The app as a route of Nitro.

import type { H3Handler } from "@reprise/sdk/h3";
import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/nitro";
import { failing, failingOptions, mirror, order, toParts } from "../../sdk/adapters/routes.ts";
import { readEnvironment } from "./surroundings.ts";

interface NitroEvent {
  readonly path: string;
  readonly node: { readonly req: { readonly rawBody?: unknown } };
}

const { signed, open, prefixed, config } = toParts(readEnvironment());
const many = serveMany({
  order: createWorkflow(order, signed),
  mirror: createWorkflow(mirror, signed),
});
const message = verifySignature(async (event: NitroEvent) => {
  const { rawBody } = event.node.req;
  if (!(rawBody instanceof Uint8Array)) return new Response(String(rawBody));
  return new Response(new Uint8Array(rawBody));
}, config);
const routes: Record<string, H3Handler> = {
  "/order": serve(order, signed).handler,
  "/order-text": serve(mirror, signed).handler,
  "/failing": serve(failing, { ...signed, ...failingOptions }).handler,
  "/open": serve(mirror, open).handler,
  "/prefixed": serve(mirror, prefixed).handler,
};

/** The default export of the route, once Nitro has wrapped it. */
export async function answer(event: NitroEvent): Promise<Response> {
  const [path = ""] = event.path.split("?");
  return path === "/message" ? message(event) : (routes[path] ?? many.handler)(event);
}
