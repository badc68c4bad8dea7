import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/koa";
import Koa from "koa";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listenTo } from "./world.ts";

adapterSuite(
  "Koa",
  async ({ signed, open, prefixed, config }) => {
    const app = new Koa();
    const many = serveMany({
      order: createWorkflow(order, signed),
      mirror: createWorkflow(mirror, signed),
    });
    const routes: Record<string, Koa.Middleware> = {
      "/order": serve(order, signed),
      "/order-text": serve(mirror, signed),
      "/failing": serve(failing, { ...signed, ...failingOptions }),
      "/open": serve(mirror, open),
      "/prefixed": serve(mirror, prefixed),
    };
    const verify = verifySignature(config);
    app.use(async (context, next) => {
      if (context.path !== "/message") return (routes[context.path] ?? many)(context, next);
      await verify(context, async () => {
        context.body = String(
          Buffer.from("rawBody" in context.request ? bytesOf(context.request.rawBody) : ""),
        );
      });
    });
    return listenTo(app.callback());
  },
  { readsForwarded: true },
);

function bytesOf(rawBody: unknown): Uint8Array {
  return rawBody instanceof Uint8Array ? rawBody : Buffer.from(String(rawBody));
}
