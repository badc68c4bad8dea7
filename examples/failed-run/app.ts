// The example app: the workflow endpoint, the courier it depends on, and a few routes to play with them.
// Needs QSTASH_URL, QSTASH_TOKEN and the signing keys, as `reprise dev` prints them.

import type { AddressInfo } from "node:net";
import { type ServerType, serve } from "@hono/node-server";
import { Client } from "@upstash/workflow";
import { Hono } from "hono";
import { courier } from "./courier.ts";
import { orderWorkflow } from "./order-workflow.ts";
import type { Order } from "./shop.ts";
import { executionsOf } from "./step-counters.ts";
import { createTunnel } from "./tunnel.ts";

const hostname = "127.0.0.1";

const app = new Hono();
app.post("/workflows/order", orderWorkflow);

app.post("/orders", async (context) => {
  const order: Order = await context.req.json();
  const client = new Client({});
  const { workflowRunId } = await client.trigger({
    url: `${urlOf(appServer)}/workflows/order`,
    body: order,
    label: `order-${order.orderId}`,
    retries: 2,
    retryDelay: "1000",
  });
  return context.json({ workflowRunId });
});

app.get("/orders/:orderId/executions", (context) =>
  context.json(executionsOf(context.req.param("orderId"))),
);

// The courier is always behind its tunnel; the app is reached directly or through a tunnel of its own.
const courierTunnel = createTunnel("courier.tunnel.example", courier);
const appTunnel = createTunnel("shop.tunnel.example", app);
const courierServer = await listen(courierTunnel.app, 0);
const tunnelServer = await listen(appTunnel.app, 0);
process.env.COURIER_URL = urlOf(courierServer);

for (const [name, tunnel, server] of [
  ["courier", courierTunnel, courierServer],
  ["tunnel", appTunnel, tunnelServer],
] as const) {
  const describe = () => ({ url: urlOf(server), isOnline: tunnel.isOnline() });
  app.get(`/${name}`, (context) => context.json(describe()));
  app.post(`/${name}/online`, (context) => {
    tunnel.setOnline(true);
    return context.json(describe());
  });
  app.post(`/${name}/offline`, (context) => {
    tunnel.setOnline(false);
    return context.json(describe());
  });
}

const appServer = await listen(app, Number(process.env.PORT ?? 3000));
console.log(`The order app is running at ${urlOf(appServer)}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    for (const server of [appServer, tunnelServer, courierServer]) server.close();
  });
}

function listen(hono: Hono, port: number): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: hono.fetch, hostname, port }, () => resolve(server));
    server.once("error", reject);
  });
}

function urlOf(server: ServerType): string {
  // A server that listens on a TCP port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return `http://${hostname}:${port}`;
}
