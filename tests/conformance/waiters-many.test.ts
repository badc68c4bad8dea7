// Events that are long, or kept in numbers: what waits for them gets every byte, and nobody can fill the store with them.

import { expect, test } from "vitest";
import { gate } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A run that has not begun and waits already. */
async function startWaiting(eventId: string, name: string): Promise<string> {
  const url = world.app.on("/sink", () => new Response());
  const runId = await world.trigger({ url, workflowRunId: name, delay: "1d" });
  const step = { stepId: 1, stepName: "wait", stepType: "Wait", concurrent: 1 };
  const answer = await world.call("POST", `/v2/wait/${eventId}`, {
    headers: { "upstash-workflow-init": "false", "upstash-workflow-runid": runId },
    body: JSON.stringify({ url, step }),
  });
  expect(answer.status).toBe(200);
  return runId;
}

test("an event too long for all who wait in one transaction wakes each of them once", async () => {
  const runIds = [];
  for (const name of ["a", "b", "c"]) runIds.push(await startWaiting("long", name));
  const { commits } = world.store.counters;
  // In Base64 two of them have 24 MB, and a transaction takes 32 MiB.
  const eventData = "x".repeat(9_000_000);
  const answers = await world.client.notify({ eventId: "long", eventData });
  expect(world.store.counters.commits).toBeGreaterThan(commits + 1);
  expect(answers).toMatchObject(runIds.map((workflowRunId) => ({ workflowRunId })));
  expect(new Set(answers.map(({ messageId }) => messageId)).size).toBe(3);
  expect(await world.client.getWaiters({ eventId: "long" })).toEqual([]);
  const query = { where: [], order: "ascending", limit: 10 } as const;
  const waits = await world.store.list("waits", query);
  expect(waits.map(({ state }) => state)).toEqual(["done", "done", "done"]);
  const results = await world.store.list("steps", query);
  // Each is the payload of its run, which is empty, or a record with the event.
  expect(results.filter(({ body }) => body.byteLength > 12_000_000)).toHaveLength(3);
});

test("steps that wait at the same moment each take one of the events that were kept", async () => {
  const free = gate();
  const url = world.serve("/flow", async (context) => {
    await context.run("hold", () => free.opened);
    const waits = Array.from({ length: 8 }, (_, n) => context.waitForEvent(`wait ${n}`, "kept"));
    const found = await Promise.all(waits);
    return found.map(({ eventData }) => eventData).toSorted();
  });
  const workflowRunId = await world.trigger({ url });
  const expected = Array.from({ length: 8 }, (_, n) => `event ${n}`);
  for (const eventData of expected) {
    await world.client.notify({ eventId: "kept", eventData, workflowRunId });
  }
  free.open();
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(expected);
});

test("a webhook's URL with made-up events fills neither the store nor the place of notifications", async () => {
  const url = world.serve("/flow", (context) => context.sleep("nap", "1d"));
  const runId = await world.trigger({ url });
  const call = (n: number) =>
    world.call("POST", `/v2/workflows/hooks/u/${runId}/evt_${n}`, {
      token: null,
      body: "x".repeat(9_000_000),
    });
  const statuses: number[] = [];
  // Each is 12 MB in Base64: the fifth does not fit into 50 MiB.
  for (let n = 1; n <= 6; n += 1) statuses.push((await call(n)).status);
  expect(statuses).toEqual([200, 200, 200, 200, 429, 429]);
  const [answer] = await world.client.notify({
    eventId: "other",
    eventData: "x",
    workflowRunId: runId,
  });
  expect(answer?.error).toBe("");
  expect(await world.store.count("events", [])).toBe(5);
  await world.client.cancel({ ids: runId });
  expect(await world.store.count("events", [])).toBe(0);
});

test("a run id that has been used often makes nothing dearer that comes too late", async () => {
  const url = world.app.on("/sink", () => new Response());
  const use = async (times: number) => {
    for (let n = 0; n < times; n += 1) {
      const runId = await world.trigger({ url, workflowRunId: "daily", delay: "1d" });
      await world.client.cancel({ ids: runId });
    }
    const { rowsRead } = world.store.counters;
    const answer = await world.call("POST", "/v2/workflows/hooks/u/wfr_daily/evt_1");
    expect(answer.status).toBe(404);
    return world.store.counters.rowsRead - rowsRead;
  };
  const [once, often] = [await use(1), await use(20)];
  expect(often).toBe(once);
});

test("an event passes by a step that the app has completed in another way meanwhile", async () => {
  const runId = await startWaiting("paid", "changed");
  const url = `${world.app.url}/sink`;
  const headers = { "upstash-workflow-init": "false", "upstash-workflow-runid": runId };
  const record = { stepId: 1, stepName: "now", stepType: "Run", out: "1", concurrent: 1 };
  const item = { destination: url, headers, body: JSON.stringify(record) };
  expect((await world.call("POST", "/v2/batch", { body: JSON.stringify([item]) })).status).toBe(
    200,
  );
  const tell = { eventId: "paid", eventData: "x", workflowRunId: runId };
  expect((await world.client.notify(tell))[0]).toMatchObject({ error: "", messageId: "" });
  const step = { stepId: 2, stepName: "later", stepType: "Wait", concurrent: 1 };
  await world.call("POST", "/v2/wait/paid", { headers, body: JSON.stringify({ url, step }) });
  expect(await world.store.count("events", [])).toBe(0);
});
