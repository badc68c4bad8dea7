// The app: two workflow endpoints, the routes that start and feed them, and the services they depend on.

import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { Client } from "@upstash/workflow";
import { changeWorkflow, decisionEventOf } from "./change-workflow.ts";
import { importWorkflow } from "./import-workflow.ts";
import {
  askSupplier,
  changeRunOf,
  type Decision,
  type Import,
  journalOf,
  keepChangeRun,
  listPrices,
  type PriceChange,
  setDatabaseWritable,
} from "./price-list.ts";
import { createWebServer, type Routes, readJson } from "./web-server.ts";

// QSTASH_URL and QSTASH_TOKEN say where the server is; the signing keys are for the two endpoints below.
const client = new Client({});

const routes: Routes = {
  "POST /workflows/import": (request) => importWorkflow(request),
  "POST /workflows/change": (request) => changeWorkflow(request),

  "POST /imports": async (request) => {
    const body = await readJson<Import>(request);
    const { workflowRunId } = await client.trigger({
      url: `${appUrl}/workflows/import`,
      body,
      label: "import",
      retries: 2,
      retryDelay: "500",
    });
    return Response.json({ workflowRunId });
  },

  "POST /changes": async (request) => {
    const body = await readJson<PriceChange>(request);
    const url = `${appUrl}/workflows/change`;
    const { workflowRunId } = await client.trigger({ url, body, label: "change" });
    keepChangeRun(body.changeId, workflowRunId);
    return Response.json({ workflowRunId });
  },

  "POST /changes/:changeId/decision": async (request, [changeId = ""]) => {
    const eventData = await readJson<Decision>(request);
    const workflowRunId = changeRunOf(changeId);
    if (workflowRunId === null) {
      return Response.json({ error: `there is no change ${changeId}` }, { status: 404 });
    }
    // With the run id the server keeps a decision that comes before the run waits for it.
    await client.notify({ eventId: decisionEventOf(changeId), eventData, workflowRunId });
    return Response.json({ workflowRunId });
  },

  "GET /journal/:id": (_request, [id = ""]) => Response.json(journalOf(id)),
  "GET /prices": () => Response.json(listPrices()),

  // The supplier, which is another company's server in real life.
  "GET /supplier/prices/:importId": (request, [importId = ""]) =>
    request.headers.get("X-Contract") === null
      ? Response.json({ error: "prices are for customers" }, { status: 403 })
      : Response.json(askSupplier(importId)),

  // A switch to try what happens when the database cannot be written.
  "POST /database/:state": (_request, [state]) => {
    const isWritable = state === "writable";
    setDatabaseWritable(isWritable);
    return Response.json({ isWritable });
  },
};

const server = createWebServer(routes);
server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
await once(server, "listening");
// A server that listens on a TCP port has an address of this form.
const { port } = server.address() as AddressInfo;
/** Where the Reprise server reaches this app. */
const appUrl = process.env.APP_URL ?? `http://127.0.0.1:${port}`;
console.log(`The node:http example is running at ${appUrl}`);

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => server.close());
