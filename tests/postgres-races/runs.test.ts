// What two nodes do to one run at the same time; see messages.test.ts for how they are made to collide.

import type { Change } from "@reprise/server";
import { expect, test } from "vitest";
import {
  countItems,
  itemHeaders,
  planRecords,
  recordsTemplate,
  resultRecord,
} from "../bench/wire.ts";
import { type Answer, BOTH_ORDERS, okOf, useRaceCluster } from "./race-cluster.ts";

// Nothing here is about leases: on a busy machine none is lost.
const cluster = useRaceCluster({ environment: { REPRISE_NODE_LEASE: "60s" } });

const writes =
  (table: Change["table"], type: Change["type"]) =>
  (changes: readonly Change[]): boolean =>
    changes.some((change) => change.type === type && change.table === table);

interface Submitted {
  readonly messageId: string;
  readonly deduplicated?: boolean;
}

interface StartOptions {
  readonly path: string;
  readonly runId: string;
}

function trigger(node: 0 | 1, { path, runId }: StartOptions): Promise<Answer> {
  const url = cluster.url(path);
  const headers = { ...itemHeaders(runId, url, true), "upstash-retries": "0" };
  const body = JSON.stringify([{ destination: url, headers, body: "{}" }]);
  return cluster.call(node, { method: "POST", path: "/v2/batch", body });
}

/** Starts a run whose first delivery has been answered. */
async function start(path = "/flow"): Promise<StartOptions> {
  const options = { path, runId: `wfr_${cluster.name("run")}` };
  okOf(await trigger(0, options));
  await settled(options.runId);
  return options;
}

/** Resolves when nothing of the run is on its way. */
async function settled(runId: string): Promise<void> {
  const open = `SELECT count(*) FROM messages m JOIN runs r ON r.key = m."runKey"
                WHERE r.id = '${runId}' AND m.state <> 'failed'`;
  await cluster.until(`${runId} to be settled`, async () => (await cluster.count(open)) === 0);
}

function submit(
  node: 0 | 1,
  { path, runId }: StartOptions,
  records: Parameters<typeof recordsTemplate>[1],
): Promise<Answer> {
  const body = recordsTemplate(cluster.url(path), records)(runId);
  return cluster.call(node, { method: "POST", path: "/v2/batch", body });
}

interface RunFacts {
  readonly state: string;
  readonly stepCount: number;
  readonly positions: readonly number[];
  readonly slots: readonly number[];
}

async function factsOf(runId: string): Promise<RunFacts> {
  const [run] = await cluster.query<{ readonly state: string; readonly stepCount: string }>(
    `SELECT state, "stepCount" FROM runs WHERE id = '${runId}'`,
  );
  const steps = await cluster.query<{ readonly position: string; readonly slot: string }>(
    `SELECT s.position, s.slot FROM steps s JOIN runs r ON r.key = s."runKey" WHERE r.id = '${runId}' ORDER BY s.position`,
  );
  return {
    state: run?.state ?? "lost",
    stepCount: Number(run?.stepCount),
    positions: steps.map(({ position }) => Number(position)),
    slots: steps.map(({ slot }) => Number(slot)),
  };
}

test.each(BOTH_ORDERS)(
  "append/append: the results of a group come at nodes %i and %i, and the last one brings them all",
  async (a, b) => {
    const run = await start(`/${cluster.name("join")}`);
    okOf(await submit(a, run, planRecords(2)));
    await settled(run.runId);
    const held = cluster.node(a).gatekeeper.hold(writes("steps", "insert"));
    const [first, second] = await cluster.collide(
      held,
      () => submit(a, run, [resultRecord(1, 2)]),
      () => submit(b, run, [resultRecord(2, 2)]),
    );
    okOf(first);
    okOf(second);
    await settled(run.runId);
    const { positions, slots, stepCount } = await factsOf(run.runId);
    expect([positions, stepCount]).toEqual([[0, 1, 2, 3, 4], 5]);
    // Whoever commits first stands first.
    expect(slots.slice(3)).toEqual([3, 5]);
    const lists = cluster.deliveriesOf(run.path).map(({ body }) => countItems(body));
    expect(lists.filter((items) => items === 5)).toHaveLength(1);
  },
);

test.each(BOTH_ORDERS)(
  "append/append: node %i records the result of a step, node %i hears that it is there",
  async (a, b) => {
    const run = await start();
    const held = cluster.node(a).gatekeeper.hold(writes("steps", "insert"));
    const [first, second] = await cluster.collide(
      held,
      () => submit(a, run, [resultRecord(1)]),
      () => submit(b, run, [resultRecord(1)]),
    );
    const [[one], [other]] = [okOf<Submitted[]>(first), okOf<Submitted[]>(second)];
    expect(other).toMatchObject({ messageId: one?.messageId, deduplicated: true });
    expect((await factsOf(run.runId)).slots).toEqual([0, 3]);
  },
);

test.each(BOTH_ORDERS)(
  "trigger/trigger: nodes %i and %i start one run under one id",
  async (a, b) => {
    const run = { path: `/${cluster.name("trigger")}`, runId: `wfr_${cluster.name("run")}` };
    const held = cluster.node(a).gatekeeper.hold(writes("runs", "insert"));
    const [first, second] = await cluster.collide(
      held,
      () => trigger(a, run),
      () => trigger(b, run),
    );
    const [[one], [other]] = [okOf<Submitted[]>(first), okOf<Submitted[]>(second)];
    expect(other).toMatchObject({ messageId: one?.messageId, deduplicated: true });
    expect(await cluster.count(`SELECT count(*) FROM runs WHERE id = '${run.runId}'`)).toBe(1);
    await settled(run.runId);
    expect(cluster.deliveriesOf(run.path)).toHaveLength(1);
  },
);

test.each(BOTH_ORDERS)(
  "append/cancel: the result at node %i is kept, and the cancel at node %i ends the run",
  async (a, b) => {
    const run = await start();
    const held = cluster.node(a).gatekeeper.hold(writes("steps", "insert"));
    const [appended, canceled] = await cluster.collide(
      held,
      () => submit(a, run, [resultRecord(1)]),
      () => cancel(b, run),
    );
    okOf(appended);
    okOf(canceled);
    expect(await factsOf(run.runId)).toMatchObject({ state: "canceled", slots: [0, 3] });
  },
);

test.each(BOTH_ORDERS)(
  "cancel/append: the cancel at node %i ends the run, and node %i takes no result",
  async (a, b) => {
    const run = await start();
    const held = cluster.node(a).gatekeeper.hold(writes("runs", "update"));
    const [canceled, appended] = await cluster.collide(
      held,
      () => cancel(a, run),
      () => submit(b, run, [resultRecord(1)]),
    );
    okOf(canceled);
    expect(appended.status, appended.text).toBe(400);
    expect(await factsOf(run.runId)).toMatchObject({ state: "canceled", slots: [0] });
  },
);

function cancel(node: 0 | 1, { runId }: StartOptions): Promise<Answer> {
  return cluster.call(node, { method: "DELETE", path: `/v2/workflows/runs/${runId}?cancel=true` });
}

/** Starts a run that waits for the event. */
async function waiting(eventId: string, timeoutMs = 3_600_000): Promise<StartOptions> {
  const run = await start();
  const url = cluster.url(run.path);
  const step = { stepId: 1, stepName: "wait", stepType: "Wait", concurrent: 1 };
  const timeoutHeaders = {
    "Upstash-Workflow-RunId": [run.runId],
    "Upstash-Workflow-Init": ["false"],
  };
  const body = { url, step, timeout: `${timeoutMs}ms`, timeoutUrl: url, timeoutHeaders };
  const headers = {
    "Content-Type": "application/json",
    "Upstash-Workflow-RunId": run.runId,
    "Upstash-Workflow-Init": "false",
    "Upstash-Workflow-Sdk-Version": "1",
  };
  const path = `/v2/wait/${eventId}`;
  const request = { method: "POST", path, headers, body: JSON.stringify(body) } as const;
  okOf(await cluster.call(0, request));
  return run;
}

function notify(node: 0 | 1, eventId: string, body: string): Promise<Answer> {
  return cluster.call(node, { method: "POST", path: `/v2/notify/${eventId}`, body });
}

async function resultOf(runId: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const rows = await cluster.query<{ readonly body: Buffer }>(
    `SELECT s.body FROM steps s JOIN runs r ON r.key = s."runKey" WHERE r.id = '${runId}' AND s.slot = 3`,
  );
  // The server writes results as JSON objects.
  return rows.map(
    ({ body }) => JSON.parse(body.toString("utf8")) as Readonly<Record<string, unknown>>, // As above.
  );
}

const base64 = (text: string) => Buffer.from(text).toString("base64");

test.each(BOTH_ORDERS)(
  "notify/notify: node %i wakes the run, node %i finds nobody",
  async (a, b) => {
    const event = cluster.name("event");
    const { runId } = await waiting(event);
    const held = cluster.node(a).gatekeeper.hold(writes("waits", "update"));
    const [first, second] = await cluster.collide(
      held,
      () => notify(a, event, "first"),
      () => notify(b, event, "second"),
    );
    expect(okOf<unknown[]>(first)).toHaveLength(1);
    expect(okOf<unknown[]>(second)).toHaveLength(0);
    expect((await resultOf(runId)).map(({ out }) => out)).toEqual([base64("first")]);
  },
);

const TIMEOUT_MS = 700;
/** So long that an event is in hand before it is over, on a busy machine too. */
const AMPLE_TIMEOUT_MS = 5_000;

test.each(BOTH_ORDERS)(
  "notify/timeout: node %i has the event in hand while the time ends for node %i",
  async (a, b) => {
    const event = cluster.name("event");
    const { runId } = await waiting(event, AMPLE_TIMEOUT_MS);
    const held = cluster.node(a).gatekeeper.hold(writes("waits", "update"));
    const notified = notify(a, event, "in time");
    await held.entered;
    const due = `SELECT count(*) FROM waits w JOIN runs r ON r.key = w."runKey"
               WHERE r.id = '${runId}' AND w."dueAt" <= extract(epoch FROM clock_timestamp()) * 1000`;
    await cluster.until("the end of the time", async () => (await cluster.count(due)) === 1);
    const { gatekeeper } = cluster.node(b);
    const before = gatekeeper.claims;
    await cluster.until("the other node to look", () => {
      return Promise.resolve(gatekeeper.claims > before + 1);
    });
    held.release();
    expect(okOf<unknown[]>(await notified)).toHaveLength(1);
    await settled(runId);
    const results = await resultOf(runId);
    expect(results.map(({ out, waitTimeout }) => [out, waitTimeout ?? false])).toEqual([
      [base64("in time"), false],
    ]);
  },
);

test.each([0, 1] as const)(
  "timeout/notify: the time has ended, and the event at node %i comes too late",
  async (node) => {
    const event = cluster.name("event");
    // Set before there is anything to hold, because the time ends by itself.
    const holds = BOTH_ORDERS.map(([one]) => {
      return cluster.node(one).gatekeeper.hold(writes("waits", "update"));
    });
    const { runId } = await waiting(event, TIMEOUT_MS);
    const timedOut = await Promise.race(holds.map(({ entered }, one) => entered.then(() => one)));
    // The other node's transactions pass; of the event's node they may stand behind the one that is held.
    holds[timedOut === 0 ? 1 : 0]?.release();
    const notified = notify(node, event, "late");
    if (node !== timedOut) await cluster.waitsForLock();
    holds[timedOut]?.release();
    expect(okOf<unknown[]>(await notified)).toHaveLength(0);
    await settled(runId);
    expect((await resultOf(runId)).map(({ waitTimeout }) => waitTimeout)).toEqual([true]);
  },
);

async function failedRun(): Promise<{ readonly runId: string; readonly dlqId: string }> {
  const runId = `wfr_${cluster.name("run")}`;
  okOf(await trigger(0, { path: "/failing", runId }));
  let dlqId: string | undefined;
  await cluster.until(`the dead letter of ${runId}`, async () => {
    const page = await cluster.call(0, { method: "GET", path: "/v2/workflows/dlq?count=100" });
    const { messages } = okOf<{
      readonly messages: readonly { readonly workflowRunId: string; readonly dlqId: string }[];
    }>(page);
    dlqId = messages.find(({ workflowRunId }) => workflowRunId === runId)?.dlqId;
    return dlqId !== undefined;
  });
  return { runId, dlqId: dlqId ?? "" };
}

function revive(node: 0 | 1, action: "resume" | "restart", dlqId: string): Promise<Answer> {
  return cluster.call(node, { method: "POST", path: `/v2/workflows/dlq/${action}/${dlqId}` });
}

test.each(BOTH_ORDERS)(
  "resume/resume: node %i resumes the run, node %i finds nothing to resume",
  async (a, b) => {
    const { runId, dlqId } = await failedRun();
    const held = cluster.node(a).gatekeeper.hold(writes("runs", "insert"));
    const [first, second] = await cluster.collide(
      held,
      () => revive(a, "resume", dlqId),
      () => revive(b, "resume", dlqId),
    );
    okOf(first);
    expect(second.status, second.text).toBe(404);
    expect(await heirsOf(runId)).toBe(1);
  },
);

test.each(BOTH_ORDERS)(
  "restart/resume: node %i restarts the run, node %i cannot resume it as well",
  async (a, b) => {
    const { runId, dlqId } = await failedRun();
    const held = cluster.node(a).gatekeeper.hold(writes("runs", "insert"));
    const [first, second] = await cluster.collide(
      held,
      () => revive(a, "restart", dlqId),
      () => revive(b, "resume", dlqId),
    );
    okOf(first);
    expect(second.status, second.text).toBe(404);
    expect(await heirsOf(runId)).toBe(1);
  },
);

function heirsOf(runId: string): Promise<number> {
  return cluster.count(
    `SELECT count(*) FROM runs WHERE "sourceRunKey" = (SELECT key FROM runs WHERE id = '${runId}')`,
  );
}
