import { createServer, type RequestListener } from "node:http";
import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/node";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listen } from "./world.ts";

adapterSuite(
  "node:http",
  async ({ signed, open, prefixed, config }) => {
    const many = serveMany({
      order: createWorkflow(order, signed),
      mirror: createWorkflow(mirror, signed),
    });
    const routes: Record<string, RequestListener> = {
      "/order": serve(order, signed),
      "/order-text": serve(mirror, signed),
      "/failing": serve(failing, { ...signed, ...failingOptions }),
      "/open": serve(mirror, open),
      "/prefixed": serve(mirror, prefixed),
      "/message": verifySignature((request, response) => {
        response.end(String(Buffer.from(request.rawBody)));
      }, config),
    };
    return listen(
      createServer((request, response) => {
        const [path = ""] = (request.url ?? "").split("?");
        (routes[path] ?? many)(request, response);
      }),
    );
  },
  { readsForwarded: true },
);
