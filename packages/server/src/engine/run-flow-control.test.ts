import type { FlowControl } from "@reprise/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Command } from "../core/commands.ts";
import { response, runConfig } from "../core/rows.suite.ts";
import type { RunConfig } from "../core/run-config.ts";
import {
  allMessages,
  newPlans,
  newRun,
  newStep,
  openWorld,
  revive,
  runById,
  type World,
} from "./engine.suite.ts";
import { answerOne, flowOf, replace, sentTo } from "./gates.suite.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.store.close());

const sent = () => sentTo(world.host);
const flow = (key = "k") => flowOf(world.store, key);

function limit(more: Partial<FlowControl>): FlowControl {
  return { key: "k", parallelism: null, rate: null, periodMs: 1_000, ...more };
}

const one = limit({ parallelism: 1 });

/** A run whose requests go to `/<id>`. */
function run(id: string, config: Partial<RunConfig> = {}) {
  const whole = { isDetecting: false, failureCallback: null, flowControl: one, ...config };
  return newRun(world.host, id, { url: `https://app.test/${id}`, config: runConfig(whole) });
}

async function execute(...commands: readonly Command[]): Promise<void> {
  await world.engine.execute(commands);
  await world.host.settle();
}

async function refuse(name: string): Promise<void> {
  const headers = { "upstash-nonretryable-error": ["true"] };
  const index = sent().indexOf(name);
  world.host.exchanges.splice(index, 1)[0]?.answer(response(489, headers));
  await world.host.advance(20);
}

test("runs of one key take turns, and none waits for itself", async () => {
  const { host } = world;
  await execute(run("a"));
  await execute(run("b"));
  expect(sent()).toEqual(["a"]);
  expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
  // The app submits its step while its delivery is still in flight.
  await execute(newStep(host, "a", 1));
  expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 2 });
  await answerOne(host, "a");
  expect(sent()).toEqual(["b"]);
  await answerOne(host, "b");
  expect(sent()).toEqual(["a"]);
  await execute({ type: "finishRun", runId: "a", response: null });
  await answerOne(host, "a");
  expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
});

test("branches of a run start at the rate of its key", async () => {
  const { host } = world;
  await execute(run("a", { flowControl: limit({ rate: 2 }) }));
  await answerOne(host, "a");
  await execute(...newPlans(host, "a", { first: 1, count: 5 }));
  expect(sent()).toEqual(["a"]);
  await host.advance(980);
  expect(sent()).toHaveLength(3);
  await host.advance(1_000);
  expect(sent()).toHaveLength(5);
  expect(await flow()).toMatchObject({ inFlightCount: 5, waitingCount: 0, rateCount: 2 });
});

test("a sleep holds no place and joins the line when it is over", async () => {
  const { host } = world;
  await execute(run("a"));
  await execute(newStep(host, "a", 1, { dueAt: host.now() + 60_000 }));
  await answerOne(host, "a");
  expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  await execute(run("b"));
  await host.advance(60_000);
  expect(sent()).toEqual(["b"]);
  expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
  await answerOne(host, "b");
  expect(sent()).toEqual(["a"]);
});

describe("a run that ends", () => {
  test.each([
    { type: "finishRun", runId: "a", response: null },
    { type: "cancelRun", runId: "a" },
  ] as const)("by $type takes its messages out of the line", async (end) => {
    const { host, store } = world;
    await execute(run("a", { flowControl: limit({ parallelism: 2 }) }));
    await execute(...newPlans(host, "a", { first: 1, count: 3 }));
    await execute(run("b", { flowControl: limit({ parallelism: 2 }) }));
    expect(await flow()).toMatchObject({ inFlightCount: 2, waitingCount: 3 });
    await execute(end);
    // What is in flight keeps its place until the app has answered.
    expect(sent()).toEqual(["a", "a"]);
    expect(await flow()).toMatchObject({ inFlightCount: 2, waitingCount: 1 });
    await answerOne(host, "a");
    expect(sent()).toEqual(["a", "b"]);
    await answerOne(host, "a");
    await answerOne(host, "b");
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
    expect(await allMessages(store)).toEqual([]);
  });

  test("gives back what the same transaction has taken for it", async () => {
    const { host } = world;
    await execute(run("a"));
    await answerOne(host, "a");
    await execute(newStep(host, "a", 1), { type: "finishRun", runId: "a", response: null });
    await execute(run("b"), { type: "cancelRun", runId: "b" }, run("c"));
    expect(sent()).toEqual(["c"]);
    expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 0 });
  });

  test("gives back what has been handed over and not sent", async () => {
    world = await openWorld({ perOriginMax: 1 });
    const { host } = world;
    const two = limit({ parallelism: 2 });
    await execute(run("a", { flowControl: two }), run("b", { flowControl: two }));
    expect(await flow()).toMatchObject({ inFlightCount: 2 });
    await execute({ type: "cancelRun", runId: "b" });
    expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 0 });
    await answerOne(host, "a");
    expect(sent()).toEqual([]);
  });
});

describe("a failure", () => {
  const failureCallback = {
    url: "https://app.test/failed",
    config: { forward: {}, flowControl: limit({ key: "calls", parallelism: 1 }) },
  };

  test("lets others go while it waits for the retry", async () => {
    const { host } = world;
    await execute(run("a"), run("b"));
    await answerOne(host, "a", 500);
    expect(sent()).toEqual(["b"]);
    await host.advance(1_000);
    expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
  });

  test("for good takes the other branches out of the line, and its call has a key of its own", async () => {
    const { host } = world;
    await execute(run("a", { failureCallback }), run("b", { failureCallback }));
    await refuse("a");
    expect(sent()).toEqual(["failed", "b"]);
    await refuse("b");
    expect(sent()).toEqual(["failed"]);
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
    expect(await flow("calls")).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
    await answerOne(host, "failed");
    expect(sent()).toEqual(["failed"]);
    await answerOne(host, "failed");
    expect(await flow("calls")).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  });

  test("whose call is cancelled in flight keeps the call's place until it has ended", async () => {
    const { host, store } = world;
    await execute(run("a", { failureCallback }));
    await refuse("a");
    const deadLetterKey = (await runById(store, "a"))?.deadLetterKey ?? 0;
    await execute({ type: "cancelCallback", deadLetterKey });
    expect(await flow("calls")).toMatchObject({ inFlightCount: 1 });
    await answerOne(host, "failed", 500);
    expect(await flow("calls")).toMatchObject({ inFlightCount: 0 });
    const [deadLetter] = await store.get("deadLetters", [deadLetterKey]);
    expect(deadLetter).toMatchObject({ callbackState: "CALLBACK_CANCELED" });
    expect((await allMessages(store)).map(({ state }) => state)).toEqual(["failed"]);
  });

  test("that is resumed goes on under its key, or under another one", async () => {
    const { host, store } = world;
    await execute(run("a"));
    await execute(newStep(host, "a", 1));
    await answerOne(host, "a");
    await execute(run("b"));
    await refuse("a");
    const deadLetterKey = (await runById(store, "a"))?.deadLetterKey ?? 0;
    await execute(revive(deadLetterKey, { newRunId: "c" }));
    expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
    expect(await runById(store, "c")).toMatchObject({ flowControlKey: "k" });
    await refuse("b");
    const other = { flowControl: limit({ key: "other", rate: 5 }) };
    const key = (await runById(store, "b"))?.deadLetterKey ?? 0;
    await execute(revive(key, { newRunId: "d", mode: "restart", overrides: other }));
    expect(await flow("other")).toMatchObject({ inFlightCount: 1, rateCount: 1 });
    expect(await runById(store, "d")).toMatchObject({ flowControlKey: "other" });
  });
});

test("messages of a run that is not persistent bring their own keys", async () => {
  const { host } = world;
  const config = { isPersistent: false, flowControl: null };
  const messageConfig = { forward: {}, flowControl: limit({ key: "own", parallelism: 1 }) };
  await execute(run("a", config));
  await execute(newStep(host, "a", 1, { messageConfig }));
  expect(sent()).toEqual(["a", "a"]);
  expect(await flow("own")).toMatchObject({ inFlightCount: 1, waitingCount: 0 });
  await execute(newStep(host, "a", 2, { messageConfig }));
  expect(await flow("own")).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
});

test("first contact with an unknown SDK passes the gate, and so does what follows", async () => {
  const { host } = world;
  await execute(run("busy"), run("a", { hop: "pending" }));
  expect(sent()).toEqual(["busy"]);
  await answerOne(host, "busy");
  expect(sent()).toEqual(["a"]);
  await execute({ ...run("a", { flowControl: null }), isTriggeredBySdk: true });
  expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
  await answerOne(host, "a");
  expect(sent()).toEqual(["a"]);
  expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 0 });
});

test("places and lines of runs survive restarts and commits of unknown fate", async () => {
  const { host, engine, faults, store } = world;
  await execute(run("a"), run("b"), run("c"));
  const next = await replace(world, engine);
  expect(sent()).toEqual(["a"]);
  expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 2 });
  faults.next = ["after", "before"];
  await answerOne(host, "a");
  await host.advance(5_000);
  expect(sent()).toEqual(["b"]);
  await replace(world, next);
  for (const name of ["b", "c"]) await answerOne(host, name);
  expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  expect(await allMessages(store)).toEqual([]);
});

test("a pause holds the deliveries of runs", async () => {
  world = await openWorld({ perOriginMax: 1 });
  const { host } = world;
  const five = limit({ parallelism: 5 });
  await execute(run("a", { flowControl: five }), run("b", { flowControl: five }));
  await execute({ type: "pauseFlowControl", key: "k" });
  await execute(run("c", { flowControl: five }));
  await answerOne(host, "a");
  await host.advance(60_000);
  expect(sent()).toEqual([]);
  await execute({ type: "resumeFlowControl", key: "k" });
  await answerOne(host, "b");
  expect(sent()).toEqual(["c"]);
});
