import { getRequestListener } from "@hono/node-server";
import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/hono";
import { Hono } from "hono";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listenTo } from "./world.ts";

adapterSuite("Hono", async ({ signed, open, prefixed, config }) => {
  const app = new Hono();
  app.post("/order", serve(order, signed));
  app.post("/order-text", serve(mirror, signed));
  app.post("/failing", serve(failing, { ...signed, ...failingOptions }));
  app.post("/open", serve(mirror, open));
  app.post("/prefixed", serve(mirror, prefixed));
  const many = serveMany({
    order: createWorkflow(order, signed),
    mirror: createWorkflow(mirror, signed),
  });
  app.post("/many/*", many);
  app.post("/message", verifySignature(config), async (context) =>
    context.text(await context.req.text()),
  );
  return listenTo(getRequestListener(app.fetch));
});

// As on workers, where the bindings of each request are the environment, and behind a reader of the body.
adapterSuite("Hono, with bindings", async ({ env, config, prefixed: { url } }) => {
  const app = new Hono();
  app.use("/order-text", async (context, next) => {
    await context.req.text();
    await next();
  });
  app.post("/order", serve(order));
  app.post("/order-text", serve(mirror));
  app.post("/failing", serve(failing, failingOptions));
  app.post("/open", serve(mirror, { receiver: undefined }));
  app.post("/prefixed", serve(mirror, { url, receiver: undefined }));
  app.post(
    "/many/:name",
    serveMany({ order: createWorkflow(order), mirror: createWorkflow(mirror) }),
  );
  app.post("/message", verifySignature(config), async (context) =>
    context.text(await context.req.text()),
  );
  return listenTo(getRequestListener((request) => app.fetch(request, { ...env, bucket: {} })));
});
