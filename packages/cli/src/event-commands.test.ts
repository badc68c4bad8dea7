import type { WorkflowContext } from "@upstash/workflow";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";
import { openWorkflowWorld, quietSdk, type WorkflowWorld } from "./workflow-app.test.fixture.ts";

quietSdk();

let world: WorkflowWorld;
let got: unknown[];
let url: string;

beforeEach(async () => {
  world = await openWorkflowWorld();
  got = [];
  url = world.serve("/order", waiting("paid"));
});

afterEach(() => world.close());

/** A workflow that waits for an event and keeps its data. */
function waiting(eventId: string) {
  return async (context: WorkflowContext) => {
    const { eventData, timeout } = await context.waitForEvent("wait", eventId, { timeout: "1d" });
    await context.run("note", () => {
      got.push(timeout ? "timeout" : eventData);
    });
  };
}

const waiters = async (eventId: string): Promise<readonly string[]> => {
  const { out } = await world.run(["waiters", eventId, "--json"]);
  return JSON.parse(out).map((waiter: { readonly url: string }) => new URL(waiter.url).pathname);
};

async function startWaiting(eventId = "paid", workflow = url): Promise<string> {
  const before = (await waiters(eventId)).length;
  const runId = await world.trigger(workflow);
  await until("its wait", async () =>
    (await waiters(eventId)).length === before + 1 ? true : null,
  );
  return runId;
}

test("everyone who waits is woken with the data, and printed", async () => {
  const ids = [await startWaiting(), await startWaiting()];
  const { exitCode, out, err } = await world.run(["notify", "paid", "--data", '{"order":7}']);
  expect([exitCode, err]).toEqual([0, "2 runs woken\n"]);
  expect(new Set(out.trimEnd().split("\n"))).toEqual(new Set(ids));
  await until("both results", () => (got.length === 2 ? true : null));
  expect(got).toEqual([{ order: 7 }, { order: 7 }]);
  expect(await waiters("paid")).toEqual([]);
});

test("when nobody waits this is said, and the event is gone", async () => {
  expect(await world.run(["notify", "paid"])).toEqual({
    exitCode: 0,
    out: "",
    err: "nobody waits for paid, and the event is not kept; name a run to keep it\n",
  });
  const runId = await startWaiting();
  expect(await waiters("paid")).toEqual(["/order"]);
  await world.run(["notify", "paid"]);
  await world.shown(runId, /^state +RUN_SUCCESS$/m);
});

test("for a run that does not wait yet the event is kept", async () => {
  const gate = Promise.withResolvers<void>();
  const late = world.serve("/late", async (context) => {
    await context.run("gate", () => gate.promise);
    await waiting("paid")(context);
  });
  const runId = await world.trigger(late);
  const kept = await world.run(["notify", "paid", "--run", runId, "--data", "early"]);
  expect(kept).toEqual({
    exitCode: 0,
    out: "",
    err: `${runId} does not wait for paid yet; the event is kept for it\n`,
  });
  gate.resolve();
  await until("the result", () => got[0] ?? null);
  expect(got).toEqual(["early"]);
});

test("one run among several is woken alone", async () => {
  const ids = [await startWaiting(), await startWaiting()];
  const [first = ""] = ids;
  const outcome = await world.run(["notify", "paid", "--run", first, "--json"]);
  expect([outcome.exitCode, outcome.err]).toEqual([0, "1 run woken\n"]);
  expect(JSON.parse(outcome.out)).toMatchObject([{ workflowRunId: first, error: "" }]);
  await world.shown(first, /^state +RUN_SUCCESS$/m);
  expect(await waiters("paid")).toHaveLength(1);
});

test("a run that has ended is a failure", async () => {
  const runId = await startWaiting();
  await world.run(["runs", "cancel", runId]);
  for (const id of [runId, "wfr_unknown"]) {
    const { exitCode, out, err } = await world.run(["notify", "paid", "--run", id]);
    expect([exitCode, out]).toEqual([1, ""]);
    expect(err).toContain(`${id}  workflow run ${id} has ended or does not exist`);
    expect(err).toMatch(/\nreprise: 1 of them could not be woken\n$/);
  }
});

test("data comes from the flag, a file or standard input", async () => {
  await startWaiting();
  await world.run(["notify", "paid", "--data-file", "-"], { input: '["piped"]' });
  await until("the result", () => (got.length === 1 ? true : null));
  await startWaiting();
  await world.run(["notify", "paid", "--data-file", import.meta.filename]);
  await until("the second result", () => (got.length === 2 ? true : null));
  expect(got).toEqual([["piped"], expect.stringContaining("data comes from the flag")]);
});

test.each([
  [["notify", ""]],
  [["notify"]],
  [["notify", "paid", "--run", "order-7"]],
  [["notify", "paid", "--run", ""]],
  [["notify", "paid", "--data", "a", "--data-file", "b"]],
  [["waiters", ".."]],
])("%j is a wrong use", async (args) => {
  const { exitCode, out } = await world.run(args);
  expect([exitCode, out]).toEqual([2, ""]);
});

test("an id may hold anything that a path does not", async () => {
  const eventId = "order/7 paid ü?x=1";
  const odd = world.serve("/odd", waiting(eventId));
  await startWaiting(eventId, odd);
  const { err } = await world.run(["notify", eventId, "--data", "x"]);
  expect(err).toBe("1 run woken\n");
  await until("the result", () => got[0] ?? null);
});

test("waiters are listed with the end of their wait", async () => {
  const tomorrow = () => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10);
  const before = tomorrow();
  const runId = await startWaiting();
  const { exitCode, out, err } = await world.run(["waiters", "paid"]);
  expect([exitCode, err]).toEqual([0, "1 waiting run\n"]);
  const [heading, line] = out.trimEnd().split("\n");
  expect(heading).toMatch(/^run +waits until +workflow$/);
  expect(line).toMatch(new RegExp(`^${runId} {2}\\d{4}-.*Z {2}${url}$`));
  // The two differ when the test runs over midnight.
  expect(line).toMatch(new RegExp(`  (?:${before}|${tomorrow()}) `));
  expect(await world.run(["waiters", "unknown"])).toEqual({
    exitCode: 0,
    out: "",
    err: "0 waiting runs\n",
  });
});
