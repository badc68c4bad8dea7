// The app: the route of the workflows, the routes that start and feed them, and the services they depend on.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { serve } from "@hono/node-server";
import { Client } from "@upstash/workflow";
import { Hono } from "hono";
import {
  confirmationRunOf,
  deliverMail,
  type Issue,
  journalOf,
  keepConfirmationRun,
  type Letter,
  type Subscription,
  setArchiveOnline,
} from "./press.ts";
import { confirmationEventOf, workflows } from "./workflows.ts";

// QSTASH_URL and QSTASH_TOKEN say where the server is; the signing keys are for the route of the workflows.
const client = new Client({});
const app = new Hono();

app.post("/workflows/:name", workflows);

app.post("/issues", async (context) => {
  const issue: Issue = await context.req.json();
  const { workflowRunId } = await client.trigger({
    url: `${appUrl}/workflows/newsletter`,
    body: issue,
    label: "newsletter",
    retries: 2,
    retryDelay: "500",
  });
  return context.json({ workflowRunId });
});

app.get("/issues/:title", (context) => context.json(journalOf(context.req.param("title"))));

app.post("/readers", async (context) => {
  const subscription: Subscription = await context.req.json();
  const { workflowRunId } = await client.trigger({
    url: `${appUrl}/workflows/subscription`,
    body: subscription,
    label: "subscription",
  });
  keepConfirmationRun(subscription.reader, workflowRunId);
  return context.json({ workflowRunId });
});

app.get("/readers/:reader", (context) => context.json(journalOf(context.req.param("reader"))));

// The link in the mail.
app.post("/readers/:reader/confirmation", async (context) => {
  const reader = context.req.param("reader");
  const workflowRunId = confirmationRunOf(reader);
  if (workflowRunId === null) return context.json({ error: `${reader} did not subscribe` }, 404);
  // With the run id the server keeps a click that comes before the run waits for it.
  await client.notify({ eventId: confirmationEventOf(reader), workflowRunId });
  return context.json({ workflowRunId });
});

// The mail server, which is another company's server in real life.
app.post("/mail", async (context) => {
  const letter: Letter = await context.req.json();
  if (deliverMail(letter)) return context.json({ isAccepted: true });
  return context.json({ error: `no server takes mail for ${letter.reader}` }, 422);
});

// A switch to try what happens when the archive cannot be reached.
app.post("/archive/:state", (context) => {
  const isOnline = context.req.param("state") === "online";
  setArchiveOnline(isOnline);
  return context.json({ isOnline });
});

const server = serve({
  fetch: app.fetch,
  hostname: "127.0.0.1",
  port: Number(process.env.PORT ?? 3000),
});
await once(server, "listening");
// A server that listens on a TCP port has an address of this form.
const { port } = server.address() as AddressInfo;
/** Where the Reprise server reaches this app. */
const appUrl = process.env.APP_URL ?? `http://127.0.0.1:${port}`;
console.log(`The Hono example is running at ${appUrl}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
