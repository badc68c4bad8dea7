// Failed runs through our client, with a real server and apps on the official SDK.

import { WorkflowNonRetryableError } from "@upstash/workflow";
import { expect, test } from "vitest";
import { useWorld } from "../../conformance/world.ts";
import { collect, runClient } from "./clients.ts";

const world = useWorld();

let isBroken = true;

/** A workflow whose second step fails as long as it is broken. */
function fragile(): string {
  isBroken = true;
  return world.serve<string>("/fragile", async (context) => {
    await context.run("first", () => 1);
    await context.run("second", () => {
      if (isBroken) throw new Error("broken");
    });
    return "done";
  });
}

async function failMany(labels: readonly string[]): Promise<readonly string[]> {
  const url = fragile();
  const started = await runClient(world).trigger(
    labels.map((label) => ({ url, label, retries: 0, body: "x" })),
  );
  const entries = started.map(({ workflowRunId }) => world.deadLetter(workflowRunId));
  return (await Promise.all(entries)).map(({ dlqId }) => dlqId);
}

test("entries are listed, filtered and shown with their attempts", async () => {
  const { dlq } = runClient(world);
  const [dlqId = ""] = await failMany(["a", "a", "a", "b"]);
  const page = await dlq.list({ count: 3 });
  expect(page.messages).toHaveLength(3);
  const rest = await dlq.list({ count: 3, cursor: page.cursor });
  expect(rest.messages).toHaveLength(1);
  expect(rest.cursor ?? "").toBe("");
  const found = await collect(dlq.all({ label: "a" }, { count: 2, order: "latestFirst" }));
  expect(found.map(({ labels }) => labels)).toEqual([["a"], ["a"], ["a"]]);
  expect(await collect(dlq.all({ fromDate: new Date(Date.now() + 60_000) }))).toEqual([]);
  const entry = await dlq.get(dlqId);
  expect(entry).toMatchObject({ dlqId, body: "x", responseStatus: 500, labels: ["a"] });
  expect(entry.attempts).toHaveLength(1);
  expect(entry.reason).toEqual(expect.any(String));
  await expect(dlq.get("0-0")).rejects.toMatchObject({
    status: 404,
    code: "dead_letter_not_found",
  });
});

test("entries are held and released, one, several, or those that a filter chooses", async () => {
  const { dlq } = runClient(world);
  const ids = await failMany(["a", "a", "b"]);
  const [dlqId = ""] = ids;
  const expiries = () => Promise.all(ids.map(async (id) => (await dlq.get(id)).expiresAt));
  const before = await expiries();
  expect(before).toEqual(ids.map(() => expect.any(Number)));
  expect(await dlq.hold(dlqId)).toEqual({ held: 1 });
  expect(await expiries()).toEqual([null, ...before.slice(1)]);
  expect(await dlq.hold([...ids, "1-1"])).toEqual({ held: 3 });
  expect(await dlq.hold([])).toEqual({ held: 0 });
  const page = await dlq.release({ filter: { label: "a" }, count: 1 });
  expect(page).toEqual({ released: 1, cursor: expect.any(String) });
  const rest = await dlq.release({ filter: { label: "a" }, count: 1, cursor: page.cursor });
  expect(rest).toEqual({ released: 1 });
  expect(await expiries()).toEqual([...before.slice(0, 2), null]);
  expect(await dlq.release({ all: true })).toEqual({ released: 3 });
  expect(await expiries()).toEqual(before);
});

test("a resume goes on from the failed step, with other settings", async () => {
  const client = runClient(world);
  const [dlqId = ""] = await failMany(["a"]);
  isBroken = false;
  const answer = await client.dlq.resume(dlqId, {
    retries: 6,
    retryDelay: "2000",
    delay: "1h",
    label: ["second", "try"],
    flowControl: { key: "calm", parallelism: 1 },
    failureUrl: "https://example.com/failed",
  });
  expect(answer.cursor).toBeUndefined();
  const [run] = answer.workflowRuns;
  expect(run).toMatchObject({ workflowCreatedAt: expect.any(Number) });
  const { runs } = await client.logs({ filter: { workflowRunId: run?.workflowRunId } });
  expect(runs[0]).toMatchObject({
    labels: ["second", "try"],
    flowControlKey: "calm",
    resumedFrom: { mode: "resume" },
    waitingFor: expect.stringContaining("delay"),
  });
  await expect(client.dlq.resume(dlqId)).rejects.toMatchObject({ status: 404 });
});

test("a restart begins again", async () => {
  const { dlq } = runClient(world);
  const [dlqId = ""] = await failMany(["a"]);
  isBroken = false;
  const { workflowRuns } = await dlq.restart([dlqId]);
  const run = await world.succeeded(workflowRuns[0]?.workflowRunId ?? "");
  expect(run).toMatchObject({ workflowRunResponse: '"done"', resumedFrom: { mode: "restart" } });
});

test("many are resumed and restarted by filters, page by page", async () => {
  const { dlq } = runClient(world);
  await failMany(["a", "a", "a", "b", "b", "b"]);
  isBroken = false;
  const page = await dlq.resume({ filter: { label: "a" }, count: 2 });
  expect(page.workflowRuns).toHaveLength(2);
  const rest = await dlq.resume({ filter: { label: "a" }, count: 2, cursor: page.cursor });
  expect(rest.workflowRuns).toHaveLength(1);
  const restarted = await collect(
    dlq.restartAll({ filter: { label: "b" }, count: 2 }, { label: "again" }),
  );
  expect(restarted).toHaveLength(3);
  expect(await collect(dlq.resumeAll({ all: true }))).toEqual([]);
  for (const { workflowRunId } of restarted) {
    expect((await world.succeeded(workflowRunId)).labels).toEqual(["again"]);
  }
});

test("older forms of a resume give what they gave", async () => {
  const { dlq } = runClient(world);
  const [first = "", second = ""] = await failMany(["a", "b"]);
  isBroken = false;
  const run = await dlq.resume({ dlqId: first, retries: 1 });
  expect(run.workflowRunId).toMatch(/^wfr_/);
  const runs = await dlq.restart({ dlqId: [second] });
  expect(runs.map(({ workflowRunId }) => workflowRunId.slice(0, 4))).toEqual(["wfr_"]);
});

test("entries are deleted", async () => {
  const { dlq } = runClient(world);
  const [first = "", second = ""] = await failMany(["a", "b", "c", "c"]);
  expect(await dlq.delete(first)).toEqual({ deleted: 1 });
  expect(await dlq.delete([first, second])).toEqual({ deleted: 1 });
  expect(await dlq.delete({ filter: { label: "c" }, count: 1 })).toMatchObject({ deleted: 1 });
  expect(await dlq.delete({ all: true })).toEqual({ deleted: 1 });
  expect(await dlq.delete([])).toEqual({ deleted: 0 });
  expect((await dlq.list()).messages).toEqual([]);
});

test("a failure call is made again", async () => {
  const { dlq } = runClient(world);
  let status = 500;
  const told = world.app.on("/told", () => new Response("", { status }));
  const url = fragile();
  const { workflowRunId } = await runClient(world).trigger({ url, retries: 0, failureUrl: told });
  const { dlqId } = await world.deadLetterIn(workflowRunId, "CALLBACK_FAIL");
  status = 200;
  expect(await dlq.retryFailureFunction({ dlqId })).toMatchObject({ workflowRunId });
  await world.deadLetterIn(workflowRunId, "CALLBACK_SUCCESS");
  await expect(dlq.retryFailureFunction({ dlqId })).rejects.toMatchObject({ status: 400 });
});

test("a failure call that waits for its retry is cancelled", async () => {
  const { dlq } = runClient(world);
  const told = world.app.on("/told", () => new Response("", { status: 500 }));
  const url = world.serve("/bad", async (context) =>
    context.run("bad", () => Promise.reject(new WorkflowNonRetryableError("no"))),
  );
  const { workflowRunId } = await runClient(world).trigger({ url, failureUrl: told });
  const { dlqId } = await world.deadLetterIn(workflowRunId, "CALLBACK_INPROGRESS");
  expect(await dlq.cancelFailureFunction({ dlqId })).toMatchObject({ workflowRunId });
  await world.deadLetterIn(workflowRunId, "CALLBACK_CANCELED");
});
