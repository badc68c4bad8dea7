import {
  createWorkflow,
  keepRawBody,
  serve,
  serveMany,
  verifySignature,
} from "@reprise/sdk/express";
import express from "express";
import { adapterSuite } from "./adapter.suite.ts";
import { failing, failingOptions, mirror, order } from "./routes.ts";
import { listenTo } from "./world.ts";

adapterSuite(
  "Express",
  async ({ signed, open, prefixed, config }) => {
    const app = express();
    app.use("/order", serve(order, signed));
    app.post("/order-text", serve(mirror, signed));
    app.use("/failing", serve(failing, { ...signed, ...failingOptions }));
    app.use("/open", serve(mirror, open));
    app.use("/prefixed", serve(mirror, prefixed));
    const many = serveMany({
      order: createWorkflow(order, signed),
      mirror: createWorkflow(mirror, signed),
    });
    app.use("/many", many);
    app.post("/message", verifySignature(config), express.json(), (request, response) => {
      response.type("text").send("rawBody" in request ? toText(request.rawBody) : "");
    });
    return listenTo(app);
  },
  { readsForwarded: true },
);

// Behind the parser the body is printed again, which gives what the server has sent: it writes compact JSON.
adapterSuite(
  "Express, behind express.json()",
  async ({ signed, open, prefixed, config }) => {
    const app = express();
    const parsers = [express.json({ limit: "10mb" }), express.text({ limit: "10mb" })];
    app.use(/\/(?:order|open|prefixed|failing|many).*/, ...parsers);
    app.use("/message", express.json({ limit: "10mb", verify: keepRawBody }));
    const router = express.Router();
    router.post("/order", serve(order, signed));
    router.post("/order-text", serve(mirror, signed));
    router.post("/failing", serve(failing, { ...signed, ...failingOptions }));
    router.post("/open", serve(mirror, open));
    router.post("/prefixed", serve(mirror, prefixed));
    router.post(
      "/many/:name",
      serveMany({
        order: createWorkflow(order, signed),
        mirror: createWorkflow(mirror, signed),
      }),
    );
    router.post("/message", verifySignature(config), (request, response) => {
      response.type("text").send("rawBody" in request ? toText(request.rawBody) : "");
    });
    app.use(router);
    return listenTo(app);
  },
  { readsForwarded: true },
);

function toText(rawBody: unknown): string {
  return rawBody instanceof Uint8Array ? Buffer.from(rawBody).toString() : String(rawBody);
}
