// What the testing kit says about a workflow is what a real server makes of it: end, results, recorded steps, attempts, and how often
// each function has been called.

import { createServer, type Server } from "node:http";
import { type AnyWorkflow, createWorkflow, serveMany, type WorkflowRunLog } from "@reprise/sdk";
import { type Connection, connect } from "@reprise/sdk/connect";
import { toNodeHandler } from "@reprise/sdk/node";
import { type Reprise, startReprise, type TestMode, testWorkflow } from "@reprise/sdk/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Case, type OpenWorld, openCaseWorld } from "./case.ts";
import { failureCases } from "./failure-cases.ts";
import { groupCases } from "./group-cases.ts";
import { outsideCases } from "./outside-cases.ts";
import { type SeenRun, seenInKit, seenOnServer } from "./seen.ts";
import { stepCases } from "./step-cases.ts";

const cases: readonly Case[] = [...stepCases, ...failureCases, ...groupCases, ...outsideCases];

interface Told {
  readonly runs: readonly SeenRun[];
  readonly counts: Readonly<Record<string, number>>;
  readonly notes: Readonly<Record<string, unknown>>;
}

const told = (world: OpenWorld, runs: readonly SeenRun[]): Told => ({
  runs,
  counts: Object.fromEntries([...world.counts].sort()),
  notes: world.notes,
});

let server: Reprise;
let services: Server[] = [];
let connections: Connection[] = [];
let apps = 0;

beforeAll(async () => {
  server = await startReprise();
});
afterAll(async () => {
  for (const connection of connections) connection.close();
  connections = [];
  await server.close();
  for (const service of services) {
    service.close();
    service.closeAllConnections();
  }
  services = [];
});

interface Way {
  readonly mode: TestMode;
  readonly warm: boolean;
}

describe.each<[string, Way]>([
  ["answered", { mode: "answered", warm: false }],
  ["classic", { mode: "classic", warm: false }],
  ["continued", { mode: "continued", warm: false }],
  ["warm", { mode: "answered", warm: true }],
  ["connected", { mode: "connected", warm: false }],
])("%s", (_, way) => {
  const onServers = new Map<Case, Promise<Told>>();

  beforeAll(() => {
    // All at once: most of their time they wait.
    for (const each of cases) {
      const told = onServer(each, way);
      told.catch(() => {});
      onServers.set(each, told);
    }
  });

  test.each(cases.map((each) => [each.name, each] as const))("%s", async (_name, each) => {
    expect(await inKit(each, way)).toEqual(await onServers.get(each));
  });
});

test("the table is as long as it is meant to be", () => {
  expect(cases.length).toBeGreaterThanOrEqual(60);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
});

async function inKit(each: Case, options: Way): Promise<Told> {
  const world = openCaseWorld("http://service.test");
  const { payload, headers, label, retries, retryDelay } = each;
  const given = { payload, headers, label, retries, retryDelay };
  const run = testWorkflow(createWorkflow(each.route(world), each.options?.(world)), {
    ...options,
    // Absent ones stay absent.
    ...JSON.parse(JSON.stringify(given)),
    workflows: each.siblings?.(world) ?? {},
    url: "http://app.test/main",
    now: 0,
  });
  for (const name of each.calls ?? []) run.onCall(name, world.service);
  for (const { eventId, data } of each.events ?? []) {
    await run.notify(eventId, data, { keep: true });
  }
  const first = await run.finished();
  if (each.revive === undefined) return told(world, [seenInKit(first)]);
  world.heal();
  const revived = each.revive === "resume" ? run.resume() : run.restart();
  return told(world, [seenInKit(first), seenInKit(await revived.finished())]);
}

async function onServer(each: Case, way: Way): Promise<Told> {
  const { world, listener } = openService();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const { port } = listener.address() as { readonly port: number }; // It listens on a port.
  const known = { ...world, serviceUrl: `http://127.0.0.1:${port}` };
  const main = createWorkflow(each.route(known), each.options?.(known));
  const workflows = { main, ...each.siblings?.(known) };
  const url =
    way.mode === "connected"
      ? await connectApp(workflows)
      : await server.serve(serveMany(workflows, { mode: way.mode, warm: way.warm }), {
          path: "main",
        });
  const { payload: body, headers, label, retries, retryDelay } = each;
  const given = JSON.parse(JSON.stringify({ body, headers, label, retries, retryDelay }));
  const { workflowRunId } = await server.client.trigger({ url, ...given });
  for (const { eventId, data: eventData } of each.events ?? []) {
    await server.client.notify({ eventId, eventData, workflowRunId });
  }
  const first = await ended(workflowRunId);
  if (each.revive === undefined) return told(world, [await seen(first)]);
  const before = await seen(first);
  world.heal();
  const dlqId = first.dlqId ?? "";
  const { dlq } = server.client;
  const revived =
    each.revive === "resume" ? await dlq.resume({ dlqId }) : await dlq.restart({ dlqId });
  const second = await ended(revived.workflowRunId);
  return told(world, [before, await seen(second)]);
}

function openService(): { readonly world: OpenWorld; readonly listener: Server } {
  const world = openCaseWorld("");
  const listener = createServer(toNodeHandler(world.service));
  services.push(listener);
  return { world, listener };
}

/** @returns the URL of `main` behind an app that dials out. */
async function connectApp(served: Record<string, AnyWorkflow>): Promise<string> {
  apps++;
  const { url, token } = server;
  const handler = serveMany(served, { warm: false, qstashClient: { baseUrl: url, token } });
  const routes = Object.keys(served).map((name) => [name, handler] as const);
  const workflows = Object.fromEntries(routes);
  const connection = connect({ server: url, token, app: `case-${apps}`, workflows });
  connections.push(connection);
  await until(() => connection.state === "connected");
  return connection.url("main");
}

async function seen(run: WorkflowRunLog): Promise<SeenRun> {
  const { dlqId } = run;
  return seenOnServer(run, dlqId === undefined ? null : await server.client.dlq.get(dlqId));
}

/** The run once it has ended, and its failure has been told. */
function ended(workflowRunId: string): Promise<WorkflowRunLog> {
  return until(async () => {
    const { runs } = await server.client.logs({ filter: { workflowRunId } });
    const [run] = runs;
    const isTold = run?.failureFunction?.state !== "CALLBACK_INPROGRESS";
    return run !== undefined && run.workflowState !== "RUN_STARTED" && isTold ? run : null;
  });
}

async function until<T>(fact: () => Promise<T | null> | T | false): Promise<T> {
  for (;;) {
    const found = await fact();
    if (found !== null && found !== false) return found;
    // Hundreds of runs are waited for at once: asking more often would slow them down.
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
}
