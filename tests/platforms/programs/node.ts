// The app on `node:http`, for the Nodes that the repository itself does not run on.

import { createServer, type RequestListener } from "node:http";
import { createWorkflow, serve, serveMany, verifySignature } from "@reprise/sdk/node";
import { failing, failingOptions, mirror, order, toParts } from "../../sdk/adapters/routes.ts";
import { announce, readEnvironment } from "./surroundings.ts";

const { signed, open, prefixed, config } = toParts(readEnvironment());
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
const server = createServer((request, response) => {
  const [path = ""] = (request.url ?? "").split("?");
  (routes[path] ?? many)(request, response);
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address !== null) announce(address.port);
});
