import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Outcome } from "../core/outcome.ts";
import { response } from "../core/rows.suite.ts";
import type { Store } from "../store/store.ts";
import { allMessages, newPlans, newRun, newStep, openWorld } from "./engine.suite.ts";
import type { Engine } from "./engine.ts";
import type { ScriptedHost } from "./scripted-host.suite.ts";
import { Watchdog } from "./watchdog.ts";

const INTERVAL_MS = 30_000;
const fromSdk: Outcome = response(200, { "upstash-workflow-sdk-version": ["1"] });

let host: ScriptedHost;
let store: Store;
let engine: Engine;

beforeEach(async () => {
  ({ host, store, engine } = await openWorld());
  engine.start();
  onTestFinished(() => store.close());
});

function watch(nudgesMax = 0): Watchdog {
  const limits = { watchdogIntervalMs: INTERVAL_MS, nudgesMax };
  const watchdog = new Watchdog({ host, store, engine, limits });
  watchdog.start();
  onTestFinished(() => watchdog.stop());
  return watchdog;
}

/** A run whose app has answered its first delivery without going on. */
async function stall(id: string): Promise<void> {
  await engine.execute([newRun(host, id)]);
  const exchange = await host.nextExchange();
  exchange.answer(fromSdk);
  await host.advance(1_000);
  expect(await allMessages(store)).toEqual([]);
}

const reports = () => host.logs.filter(({ event }) => event === "run_stuck");

/** Rounds have steps, each with a pause before it. */
async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count * 2; round += 1) await host.advance(INTERVAL_MS / 2 + 100);
}

test("a stuck run is reported once, when two rounds have found it", async () => {
  const watchdog = watch();
  await stall("wfr_stuck");
  await rounds(1);
  expect(reports()).toEqual([]);
  await rounds(3);
  expect(reports()).toMatchObject([{ level: "warn", fields: { workflowRunId: "wfr_stuck" } }]);
  expect(watchdog.stuckCount).toBe(1);
});

test("a run that has something to wake it is not stuck", async () => {
  const watchdog = watch();
  await engine.execute([newRun(host, "wfr_asleep", { dueAt: host.now() + 86_400_000 })]);
  await rounds(3);
  expect(reports()).toEqual([]);
  expect(watchdog.stuckCount).toBe(0);
});

test("a nudge delivers again what was answered without going on, and counts on", async () => {
  await stall("wfr_stuck");
  const [answer] = await engine.execute([{ type: "nudgeRun", runId: "wfr_stuck" }]);
  expect(answer?.messageIds).toHaveLength(1);
  const again = await host.nextExchange();
  expect(again.request.headers).toMatchObject({
    "upstash-message-id": answer?.messageIds[0],
    "upstash-retried": "1",
  });
  again.answer(response(500));
  await host.advance(100);
  expect(await allMessages(store)).toMatchObject([{ state: "scheduled", retried: 2, retries: 4 }]);
});

test("a nudge delivers every branch of a group that has no result", async () => {
  await engine.execute([newRun(host, "wfr_group")]);
  const first = await host.nextExchange();
  await engine.execute(newPlans(host, "wfr_group", { first: 1, count: 3 }));
  first.answer(fromSdk);
  await engine.execute([
    newStep(host, "wfr_group", 2, { facts: { stepId: 2, isPlan: false, concurrent: 3 } }),
  ]);
  for (let open = 0; open < 4; open += 1) (await host.nextExchange()).answer(fromSdk);
  await host.advance(1_000);
  expect(await allMessages(store)).toEqual([]);
  const [answer] = await engine.execute([{ type: "nudgeRun", runId: "wfr_group" }]);
  expect(answer?.messageIds).toHaveLength(2);
});

test("a run that is not stuck cannot be nudged", async () => {
  await engine.execute([newRun(host, "wfr_busy")]);
  await expect(engine.execute([{ type: "nudgeRun", runId: "wfr_busy" }])).rejects.toMatchObject({
    code: "run_not_stuck",
    status: 409,
  });
  await expect(engine.execute([{ type: "nudgeRun", runId: "wfr_no" }])).rejects.toMatchObject({
    code: "run_ended",
  });
});

test("the watchdog nudges as often as it is told to, and then leaves the run alone", async () => {
  watch(2);
  await stall("wfr_stuck");
  let requests = 0;
  host.respond = () => {
    requests += 1;
    return fromSdk;
  };
  await rounds(12);
  expect(requests).toBe(2);
});
