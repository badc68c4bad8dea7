import { createWorkflow, serve, serveMany, verifySignatureH3 } from "@reprise/sdk/h3";
import {
  serveMany as serveManyNitro,
  serve as serveNitro,
  verifySignature,
} from "@reprise/sdk/nitro";
import { serve as serveNuxt, verifySignatureNuxt } from "@reprise/sdk/nuxt";
import { H3 } from "h3";
import { toNodeHandler } from "h3/node";
import { expect, test } from "vitest";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listenTo } from "./world.ts";

adapterSuite("H3 2", async ({ signed, open, prefixed, config }) => {
  const app = new H3();
  app.post("/order", serve(order, signed).handler);
  app.post("/order-text", serve(mirror, signed).handler);
  app.post("/failing", serve(failing, { ...signed, ...failingOptions }).handler);
  app.post("/open", serve(mirror, open).handler);
  app.post("/prefixed", serve(mirror, prefixed).handler);
  const many = serveMany({
    order: createWorkflow(order, signed),
    mirror: createWorkflow(mirror, signed),
  });
  app.post("/many/**", many.handler);
  app.post(
    "/message",
    verifySignatureH3((event: { readonly req: Request }) => event.req.text(), config),
  );
  return listenTo(toNodeHandler(app));
});

// Events of version 1, by their documented shape: what Nitro 2 and Nuxt call handlers with.
adapterSuite(
  "H3 1, Nitro and Nuxt",
  async ({ signed, open, prefixed, config }) => {
    const many = serveManyNitro({
      order: createWorkflow(order, signed),
      mirror: createWorkflow(mirror, signed),
    });
    const message = verifySignatureNuxt(
      async (event: { readonly node: { readonly req: { readonly rawBody?: unknown } } }) =>
        new Response(toText(event.node.req.rawBody)),
      config,
    );
    const routes: Record<string, (event: never) => Promise<Response>> = {
      "/order": serveNuxt(order, signed).handler,
      "/order-text": serveNitro(mirror, signed).handler,
      "/failing": serveNitro(failing, { ...signed, ...failingOptions }).handler,
      "/open": serveNuxt(mirror, open).handler,
      "/prefixed": serveNitro(mirror, prefixed).handler,
      "/message": message,
    };
    return listenTo(async (req, res) => {
      const [path = ""] = (req.url ?? "").split("?");
      // The shape of an event, as far as the handlers know it.
      const event = { node: { req, res }, path: req.url } as never;
      const answer = await (routes[path] ?? many.handler)(event);
      res.writeHead(answer.status, [...answer.headers].flat());
      res.end(Buffer.from(await answer.arrayBuffer()));
    });
  },
  { readsForwarded: true },
);

test("version 1 takes the handlers for handlers of its own", () => {
  const { handler } = serve(mirror);
  expect(handler.__is_handler__).toBe(true);
  expect(verifySignature).toBe(verifySignatureH3);
});

function toText(rawBody: unknown): string {
  return rawBody instanceof Uint8Array ? Buffer.from(rawBody).toString() : String(rawBody);
}
