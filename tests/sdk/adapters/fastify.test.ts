import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/fastify";
import fastify, { type FastifyInstance } from "fastify";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";

adapterSuite(
  "Fastify",
  async ({ signed, open, prefixed, config }) => {
    const app = fastify();
    app.register(serve(order, signed), { prefix: "/order" });
    app.register(serve(mirror, signed), { prefix: "/order-text" });
    app.register(serve(failing, { ...signed, ...failingOptions }), { prefix: "/failing" });
    app.register(serve(mirror, open), { prefix: "/open" });
    app.register(serve(mirror, prefixed), { prefix: "/prefixed" });
    const many = serveMany({
      order: createWorkflow(order, signed),
      mirror: createWorkflow(mirror, signed),
    });
    app.register(many, { prefix: "/many" });
    app.register(
      verifySignature((scope: FastifyInstance) => {
        const options = { bodyLimit: 8 * 1024 * 1024 };
        scope.post("/message", options, async (request) =>
          typeof request.body === "string" ? request.body : JSON.stringify(request.body, null, 2),
        );
      }, config),
    );
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    return { url, close: () => app.close() };
  },
  { readsForwarded: true },
);
