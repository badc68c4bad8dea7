// The app: two workflow endpoints, the routes that start and feed them, and the services they depend on.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Client } from "@upstash/workflow";
import express from "express";
import { orderWorkflow } from "./order-workflow.ts";
import { refundEventOf, refundWorkflow } from "./refund-workflow.ts";
import {
  charge,
  type Decision,
  journalOf,
  keepRefundRun,
  type Order,
  type Refund,
  refundRunOf,
  setCarrierOnline,
} from "./shop.ts";

// QSTASH_URL and QSTASH_TOKEN say where the server is; the signing keys are for the two endpoints below.
const client = new Client({});
const app = express();

// Every delivery brings the results of the steps before it, and Express takes no more than 100 kB by itself.
app.use(express.json({ limit: "16mb" }));

app.use("/workflows/order", orderWorkflow);
app.use("/workflows/refund", refundWorkflow);

app.post("/orders", async (request, response) => {
  const order: Order = request.body;
  const { workflowRunId } = await client.trigger({
    url: `${appUrl}/workflows/order`,
    body: order,
    label: `order-${order.orderId}`,
    retries: 2,
    retryDelay: "500",
  });
  response.json({ workflowRunId });
});

app.get("/orders/:orderId", (request, response) => {
  response.json(journalOf(request.params.orderId));
});

app.post("/refunds", async (request, response) => {
  const refund: Refund = request.body;
  const { workflowRunId } = await client.trigger({
    url: `${appUrl}/workflows/refund`,
    body: refund,
    label: `refund-${refund.orderId}`,
  });
  keepRefundRun(refund.orderId, workflowRunId);
  response.json({ workflowRunId });
});

app.post("/refunds/:orderId/decision", async (request, response) => {
  const { orderId } = request.params;
  const decision: Decision = request.body;
  const workflowRunId = refundRunOf(orderId);
  if (workflowRunId === null) {
    response.status(404).json({ error: `no refund was asked for order ${orderId}` });
    return;
  }
  // With the run id the server keeps a decision that comes before the run waits for it.
  await client.notify({ eventId: refundEventOf(orderId), eventData: decision, workflowRunId });
  response.json({ workflowRunId });
});

// The payment provider, which is another company's server in real life.
app.post("/payments", (request, response) => {
  const order: Order = request.body;
  const receipt = charge(order);
  if (receipt === null) response.status(402).json({ error: "the card was declined" });
  else response.json(receipt);
});

// A switch to try what happens when the carrier cannot be reached.
app.post("/carrier/:state", (request, response) => {
  const isOnline = request.params.state === "online";
  setCarrierOnline(isOnline);
  response.json({ isOnline });
});

const server = app.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
await once(server, "listening");
// A server that listens on a TCP port has an address of this form.
const { port } = server.address() as AddressInfo;
/** Where the Reprise server reaches this app. */
const appUrl = process.env.APP_URL ?? `http://127.0.0.1:${port}`;
console.log(`The Express example is running at ${appUrl}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
