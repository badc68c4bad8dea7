import { isRepriseError } from "@reprise/protocol";
import { expect, test } from "vitest";
import { runConfig } from "../core/rows.suite.ts";
import { isPlanSlot, resultSlot } from "../core/step.ts";
import { runById } from "../engine/engine.suite.ts";
import { openScriptedWorld, type ScriptedWorld, type Told } from "./fast-world.suite.ts";

/**
 * Runs whose invocations use every fast mode by chance, while commits fail or are lost, connections break and answers come twice. Each
 * ends, with every step recorded once, and none was begun before the last one was on disk.
 */

/** Steps 2 to 4 are a group. */
const GROUP = [2, 3, 4];
const LAST_STEP = 6;
const SEEDS = 60;
const TURNS_MAX = 400;

interface Line {
  readonly stepId: number;
  readonly targetStep?: number;
  readonly concurrent: number;
}

/** The same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0;
    return (state >>> 8) % below;
  };
}

const record = (fields: Partial<Line>) => ({
  stepId: 0,
  stepName: "s",
  stepType: "Run",
  concurrent: 1,
  ...fields,
});
const planOf = (targetStep: number) => record({ targetStep, concurrent: GROUP.length });
const resultOf = (stepId: number) =>
  record({ stepId, concurrent: GROUP.includes(stepId) ? GROUP.length : 1, ...{ out: "1" } });

/** What an SDK does with a list: the lines that it submits, `finish`, or nothing. */
function nextLines(list: readonly Line[], random: (below: number) => number) {
  const last = list.at(-1);
  const done = new Set(list.map(({ stepId }) => stepId));
  if (last?.targetStep !== undefined && !done.has(last.targetStep)) {
    return [resultOf(last.targetStep)];
  }
  const missing = GROUP.filter((stepId) => !done.has(stepId));
  const isPlanned = list.some(({ targetStep }) => targetStep !== undefined);
  if (isPlanned && missing.length > 0) return [];
  if (!done.has(1)) return [resultOf(1)];
  if (!isPlanned) {
    const inside = GROUP.filter(() => random(3) > 0).toSorted(() => random(3) - 1);
    return [...GROUP.map(planOf), ...inside.map(resultOf)];
  }
  const next = done.has(5) ? LAST_STEP : 5;
  return done.has(LAST_STEP) ? [{ finish: {} }] : [resultOf(next)];
}

async function invoke(world: ScriptedWorld, told: Told, random: (below: number) => number) {
  const list = listOf(told, random);
  if (list === null) return told.answer([], random(2) === 0 ? 200 : 500, "v=1; need=history");
  // With the payload, which stands in front of the list.
  const field = random(2) === 0 ? `v=1; warm=token; known=${list.length + 1}` : "v=1";
  let held = { messageKey: told.messageKey, leaseToken: told.leaseToken };
  for (let step = 0; step < 20; step += 1) {
    const lines = nextLines(list, random);
    if (random(12) === 0) return told.exchange.answer(broken);
    if (random(3) === 0 || lines.length === 0) return told.answer(lines, 200, field);
    const answer = await proceed(world, held, lines, random);
    if (random(12) === 0) return told.exchange.answer(broken);
    if (answer === null) return told.answer([], 500);
    if (answer.type === "stop") return told.answer([]);
    held = answer;
    list.push(...(lines as readonly Line[])); // Whoever finishes holds nothing any more.
  }
}

/** Null when the process has let go of what the delivery continues. */
function listOf({ exchange }: Told, random: (below: number) => number): Line[] | null {
  const body = JSON.parse(Buffer.from(exchange.request.body).toString());
  const isPart = !Array.isArray(body);
  if (isPart && random(3) === 0) return null;
  // A delivery carries the list, or a part of it under `records`.
  const items = (isPart ? body.records : body.slice(1)) as readonly { readonly body: string }[];
  const told = items.map(
    (item) => JSON.parse(Buffer.from(item.body, "base64").toString()) as Line, // A record.
  );
  if (isPart) parts += 1;
  const list = isPart ? [...kept.slice(0, body.from - 1), ...told] : told;
  for (const [index, line] of list.entries()) kept[index] = line;
  return list;
}

/** What the one process of the app knows of its run, and how many parts it has been sent. */
const kept: Line[] = [];
let parts = 0;

const broken = { type: "error", cause: "reset", message: "connection reset" } as const;

/** Null when the invocation gives up. */
async function proceed(
  world: ScriptedWorld,
  held: { readonly messageKey: number; readonly leaseToken: number },
  lines: readonly unknown[],
  random: (below: number) => number,
) {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (random(8) === 0) world.faults.next = [random(2) === 0 ? "before" : "after"];
    try {
      const answer = await world.proceed(held, lines);
      // The answer may get lost: then the same is sent again.
      if (random(6) > 0) return answer;
    } catch (error) {
      if (!isRepriseError(error)) throw error;
      if (error.status === 400) return { type: "stop", reason: error.message } as const;
      expect(error.status).toBe(503);
    }
  }
  return null;
}

async function play(seed: number) {
  const random = randomOf(seed);
  kept.length = 0;
  const world = await openScriptedWorld();
  const { host, store } = world;
  world.engine.start();
  const config = runConfig({ isPersistent: true, retries: 100, retryDelay: "1000" });
  const first = await world.start("wfr_a", { config: { ...config, failureCallback: null } });
  await invoke(world, first, random);
  for (let turn = 0; turn < TURNS_MAX; turn += 1) {
    await host.settle();
    if ((await runById(store, "wfr_a"))?.state !== "started" && host.exchanges.length === 0) break;
    if (host.exchanges.length === 0) await host.advance(1_000);
    else await invoke(world, await world.told(), random);
  }
  await host.advance(5_000);
  const run = await runById(store, "wfr_a");
  const steps = await store.find("steps", "byRun", [[run?.key ?? -1]]);
  const messages = await store.find("messages", "byRun", [[run?.key ?? -1]]);
  await world.engine.stop(0);
  await store.close();
  return { state: run?.state, steps, messages };
}

test("every run ends with each of its steps once and in order, and leaves nothing behind", async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const { state, steps, messages } = await play(seed);
    const inOrder = steps.toSorted((a, b) => a.position - b.position).map(({ slot }) => slot);
    expect({ seed, state, open: messages.length }).toEqual({ seed, state: "succeeded", open: 0 });
    expect({ seed, slots: inOrder.length }).toEqual({ seed, slots: 10 });
    const results = inOrder.filter((slot) => slot !== 0 && !isPlanSlot(slot));
    expect([seed, results.slice(0, 1), results.slice(1, 4).toSorted(), results.slice(4)]).toEqual([
      seed,
      [resultSlot(1)],
      GROUP.map(resultSlot),
      [resultSlot(5), resultSlot(6)],
    ]);
  }
  expect(parts).toBeGreaterThan(SEEDS / 2);
});
