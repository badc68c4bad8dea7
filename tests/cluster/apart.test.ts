// Real server processes whose clocks are minutes apart from each other and from the database's, and apps of our SDK that stay connected
// to them or keep their invocations going, while nodes are killed.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { Client, createWorkflow, type WorkflowContext } from "@reprise/sdk";
import { type Connection, connect } from "@reprise/sdk/connect";
import { serve } from "@reprise/sdk/node";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Cluster, LEASE_MS, SIGNING_KEYS, TOKEN } from "./cluster.ts";

// Longer than what is waited for one after the other, on a machine with other work.
vi.setConfig({ testTimeout: 300_000 });

const MINUTE_MS = 60_000;
const AHEAD_MS = [5 * MINUTE_MS, -3 * MINUTE_MS];
const DELAY_MS = 2_000;
/** Processes read one clock, which a system may set by a little at any moment; those of the nodes are minutes apart. */
const STEP_MS = 250;
const STEPS = 6;
const RUNS_EACH = 8;
const APP = "shop";

let cluster: Cluster;
const arrived = new Map<string, { readonly at: number; readonly headers: IncomingHttpHeaders }>();
/** Run -> the steps that have been executed, in order. */
const executed = new Map<string, number[]>();

const route = async (context: WorkflowContext<{ readonly first: number }>) => {
  let sum = context.requestPayload.first;
  for (let number = 1; number <= STEPS; number += 1) {
    sum += await context.run(`step ${number}`, async () => {
      executed.set(context.workflowRunId, [...(executed.get(context.workflowRunId) ?? []), number]);
      // So long that nodes die with steps under way.
      await new Promise((resolve) => setTimeout(resolve, 40));
      return number;
    });
  }
  return sum;
};

const listener = createServer((request, response) => {
  const name = (request.url ?? "").slice(1);
  response.on("error", () => {});
  if (name === "continued") {
    void continued?.(request, response);
    return;
  }
  arrived.set(name, { at: Date.now(), headers: request.headers });
  request.resume().on("end", () => response.end());
});
let continued: ReturnType<typeof serve> | null = null;
let connections: readonly Connection[] = [];

beforeAll(async () => {
  cluster = await Cluster.open(2, AHEAD_MS);
  await cluster.startAll();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { url: server } = cluster.balancer;
  const env = {
    QSTASH_URL: server,
    QSTASH_TOKEN: TOKEN,
    QSTASH_CURRENT_SIGNING_KEY: SIGNING_KEYS.current,
    QSTASH_NEXT_SIGNING_KEY: SIGNING_KEYS.next,
  };
  continued = serve(route, { mode: "continued", env });
  const open = () =>
    connect({ server, token: TOKEN, app: APP, workflows: { order: createWorkflow(route) } });
  connections = [open(), open()];
});

afterAll(async () => {
  for (const connection of connections) connection.close();
  listener.close();
  listener.closeAllConnections();
  await cluster?.close();
});

function urlOf(path: string): string {
  const { port } = listener.address() as AddressInfo; // It listens on TCP.
  return `http://127.0.0.1:${port}/${path}`;
}

async function until(what: string, isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const startedAt = Date.now();
  while (!(await isTrue())) {
    if (Date.now() - startedAt > 90_000) throw new Error(`${what}: not in time`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

async function ask(
  node: number,
  method: string,
  path: string,
  more: Readonly<Record<string, string>> = {},
) {
  const headers = { authorization: `Bearer ${TOKEN}`, ...more };
  const body = method === "POST" ? { body: "{}" } : {};
  const url = `${cluster.nodes[node]?.url}${path}`;
  const answer = await fetch(url, { method, headers, ...body });
  return { status: answer.status, text: await answer.text() };
}

test("what has a delay or a time is due by the clock of the database, whichever node is asked", async () => {
  const due = new Map<string, number>();
  for (const node of [0, 1]) {
    const delayed = { "upstash-delay": `${DELAY_MS}ms` };
    const timed = { "upstash-not-before": String(Math.ceil((Date.now() + DELAY_MS) / 1_000)) };
    for (const [kind, headers] of Object.entries({ delayed, timed })) {
      const name = `${kind}-${node}`;
      const askedAt = Date.now();
      const { status } = await ask(node, "POST", `/v2/publish/${urlOf(name)}`, headers);
      expect([name, status]).toEqual([name, 200]);
      const at = Number(timed["upstash-not-before"]) * 1_000;
      due.set(name, kind === "timed" ? at : askedAt + DELAY_MS);
    }
  }
  await until("all to arrive", () => [...due.keys()].every((name) => arrived.has(name)));
  for (const [name, dueAt] of due) {
    const { at, headers } = arrived.get(name) ?? { at: 0, headers: {} };
    expect(at, `${name} is early by ${dueAt - at} ms`).toBeGreaterThan(dueAt - STEP_MS);
    // An app with a right clock accepts the signature.
    const [, claims = ""] = String(headers["upstash-signature"]).split(".");
    const { nbf, exp } = JSON.parse(Buffer.from(claims, "base64url").toString());
    expect([nbf * 1_000 <= at + 1_000, exp * 1_000 > at]).toEqual([true, true]);
  }
});

test("leases and ticks follow the clock of the database, and nobody is less ready for that", async () => {
  for (const node of [0, 1]) {
    const headers = { "upstash-cron": "* * * * *", "upstash-schedule-id": `every-${node}` };
    const { status } = await ask(node, "POST", `/v2/schedules/${urlOf("tick")}`, headers);
    expect(status).toBe(200);
    // A node whose own clock is wrong works like any other.
    await until("it to be ready", async () => (await ask(node, "GET", "/readyz")).status === 200);
    const { text } = await ask(node, "GET", "/metrics");
    const [, offset] = /^reprise_clock_offset_seconds (\S+)$/m.exec(text) ?? [];
    expect(Math.round(Number(offset) / 60)).toBe((AHEAD_MS[node] ?? 0) / MINUTE_MS);
  }
  const now = "extract(epoch FROM clock_timestamp()) * 1000";
  // A node that was too slow to renew its lease takes another one, and its old row stays for a while.
  await until("a lease for each node", async () => {
    const leases = await cluster.query<{ readonly left: number }>(
      `SELECT ("leaseUntil" - ${now})::int AS left FROM nodes`,
    );
    for (const { left } of leases) expect(left).toBeLessThan(LEASE_MS + STEP_MS);
    return leases.filter(({ left }) => left > 0).length === 2;
  });
  const ticks = await cluster.query<{ readonly left: number }>(
    `SELECT ("dueAt" - ${now})::int AS left FROM schedules`,
  );
  for (const { left } of ticks) expect(left).toBeLessThan(MINUTE_MS + STEP_MS);
  expect(ticks).toHaveLength(2);
});

interface RunFacts {
  readonly id: string;
  readonly state: string;
  readonly records: number;
  readonly response: Buffer | null;
}

/** Triggers runs of both kinds; clients ask again when a node has gone. */
async function triggerAll(first: number): Promise<readonly string[]> {
  const retry = { retries: 20, backoff: () => 200 };
  const client = new Client({ baseUrl: cluster.balancer.url, token: TOKEN, retry });
  const url = connections[0]?.url("order") ?? "";
  const started = Array.from({ length: RUNS_EACH }, (_, number) =>
    [url, urlOf("continued")].map((target) =>
      client.trigger({
        url: target,
        body: { first: first + number },
        retries: 5,
        retryDelay: "100",
      }),
    ),
  );
  const answers = await Promise.all(started.flat());
  return answers.map(({ workflowRunId }) => workflowRunId);
}

function facts(ids: readonly string[]): Promise<readonly RunFacts[]> {
  const list = ids.map((id) => `'${id}'`).join();
  return cluster.query<RunFacts>(
    `SELECT id, state, response, (SELECT count(*)::int FROM steps s WHERE s."runKey" = r.key) AS records
     FROM runs r WHERE id IN (${list})`,
  );
}

test.each([0, 1])(
  "node %i dies with apps at work: they find the other one, and every run comes to its end with each result once",
  async (victim) => {
    const node = cluster.nodes[victim];
    const first = 1_000 * (victim + 1);
    const ids = await triggerAll(first);
    const doneSteps = () => ids.flatMap((id) => executed.get(id) ?? []).length;
    await until("steps to be under way", () => doneSteps() > RUNS_EACH);
    await node?.kill();
    await until("all runs to end", async () =>
      (await facts(ids)).every(({ state }) => state === "succeeded"),
    );
    expect(await node?.start()).toBe(true);

    const runs = await facts(ids);
    expect(runs).toHaveLength(2 * RUNS_EACH);
    const sums = runs.map(({ response }) => Number(response?.toString())).toSorted((a, b) => a - b);
    const steps = (STEPS * (STEPS + 1)) / 2;
    const wanted = Array.from({ length: RUNS_EACH }, (_, number) => first + number + steps);
    expect(sums).toEqual(wanted.flatMap((sum) => [sum, sum]));
    // The payload and one record for each step.
    expect(new Set(runs.map(({ records }) => records))).toEqual(new Set([1 + STEPS]));
    for (const id of ids) {
      const order = executed.get(id) ?? [];
      // A step may run again whose result nobody had recorded; a recorded one never does.
      expect(order, id).toEqual(order.toSorted((a, b) => a - b));
      expect(order.length, id).toBeLessThanOrEqual(2 * STEPS);
    }
  },
);
