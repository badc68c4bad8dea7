import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/elysia";
import { toNodeHandler } from "@reprise/sdk/node";
import { Elysia } from "elysia";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listenTo } from "./world.ts";

const raw = { parse: "none" } as const;

adapterSuite("Elysia", async ({ signed, open, prefixed, config }) => {
  const many = serveMany({
    order: createWorkflow(order, signed),
    mirror: createWorkflow(mirror, signed),
  });
  const message = verifySignature(
    ({ request }: { readonly request: Request }) => request.text(),
    config,
  );
  const app = new Elysia()
    .post("/order", serve(order, signed), raw)
    .post("/order-text", serve(mirror, signed), raw)
    .post("/failing", serve(failing, { ...signed, ...failingOptions }), raw)
    .post("/open", serve(mirror, open), raw)
    .post("/prefixed", serve(mirror, prefixed), raw)
    .post("/many/*", many, raw)
    .post("/message", message, raw);
  return listenTo(toNodeHandler((request) => app.handle(request)));
});
