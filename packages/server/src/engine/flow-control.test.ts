import type { FlowControl } from "@reprise/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { allMessages, openWorld, type World } from "./engine.suite.ts";
import { answerOne, flowOf, newMessage, newMessages, replace, sentTo } from "./gates.suite.ts";
import { accepted } from "./scripted-host.suite.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.store.close());

const sent = () => sentTo(world.host);
const flow = () => flowOf(world.store, "k");

function limit(more: Partial<FlowControl>): { readonly flowControl: FlowControl } {
  return { flowControl: { key: "k", parallelism: null, rate: null, periodMs: 1_000, ...more } };
}

async function publish(names: readonly (string | number)[], more: Partial<FlowControl>) {
  const answers = await world.engine.execute(newMessages(world.host, names, limit(more)));
  await world.host.settle();
  return answers.map(({ messages }) => messages[0]?.messageKey ?? 0);
}

/** Answers every request at once and notes when each began, relative to now. */
function noteStarts(): { readonly name: string; readonly at: number }[] {
  const { host } = world;
  const begin = host.now();
  const starts: { readonly name: string; readonly at: number }[] = [];
  host.respond = ({ url }) => {
    starts.push({ name: url.split("/").at(-1) ?? "", at: host.now() - begin });
    return accepted();
  };
  return starts;
}

describe("parallelism", () => {
  test("lets so many attempts be in flight, and the next one go when one ends", async () => {
    const { host } = world;
    await publish(["a", "b", "c", "d"], { parallelism: 2 });
    expect(sent()).toEqual(["a", "b"]);
    expect(await flow()).toMatchObject({ inFlightCount: 2, waitingCount: 2 });
    await answerOne(host, "b");
    expect(sent()).toEqual(["a", "c"]);
    await answerOne(host, "a");
    await answerOne(host, "c");
    await answerOne(host, "d");
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  });

  test("goes to the next one as soon as an attempt ends, without waiting for other work", async () => {
    const { host } = world;
    await publish(["a", "b"], { parallelism: 1 });
    const begin = host.now();
    host.exchanges.shift()?.answer(accepted());
    await host.until(() => sent()[0] === "b");
    expect(host.now()).toBe(begin);
  });

  test("is free while a message waits for its retry, which needs a place again", async () => {
    const { host } = world;
    await publish(["a", "b"], { parallelism: 1 });
    await answerOne(host, "a", 500);
    expect(sent()).toEqual(["b"]);
    await host.advance(1_000);
    expect(sent()).toEqual(["b"]);
    expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
    await answerOne(host, "b");
    expect(sent()).toEqual(["a"]);
  });

  test("is given back when a message is cancelled, waiting or in flight", async () => {
    const { host, engine } = world;
    const [a = 0, b = 0] = await publish(["a", "b", "c"], { parallelism: 1 });
    await engine.execute([{ type: "cancelMessage", messageKey: b }]);
    expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
    await engine.execute([{ type: "cancelMessage", messageKey: a }]);
    expect(await flow()).toMatchObject({ inFlightCount: 1, waitingCount: 1 });
    await answerOne(host, "a", 500);
    expect(sent()).toEqual(["c"]);
  });

  test("is given back when a message is cancelled in the transaction that starts it again", async () => {
    world = await openWorld({ perOriginMax: 1 });
    const { host, engine } = world;
    await engine.execute([newMessage(host, "slow")]);
    const [a = 0] = await publish(["a"], { parallelism: 1, rate: 9 });
    // What has not been sent is taken back; its new start and the cancel come together.
    await engine.execute([{ type: "resetFlowControlRate", key: "k" }]);
    await engine.execute([{ type: "cancelMessage", messageKey: a }]);
    await host.settle();
    expect((await allMessages(world.store)).map(({ key }) => key)).not.toContain(a);
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  });

  test("survives a restart exactly, and no place is lost", async () => {
    const { host, engine } = world;
    await publish(["a", "b", "c"], { parallelism: 2 });
    let next = engine;
    for (let round = 0; round < 3; round++) {
      next = await replace(world, next);
      expect(sent().toSorted()).toEqual(["a", "b"]);
      expect(await flow()).toMatchObject({ inFlightCount: 2, waitingCount: 1 });
    }
    for (const name of ["a", "b", "c"]) await answerOne(host, name);
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
    expect(await allMessages(world.store)).toEqual([]);
  });

  test("is right when nobody knows whether a commit is on disk", async () => {
    const { host, faults } = world;
    await publish(["a", "b", "c", "d"], { parallelism: 2 });
    faults.next = ["after", "before"];
    await answerOne(host, "a");
    await host.advance(5_000);
    for (const name of ["b", "c", "d"]) await answerOne(host, name);
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  });

  test("leaves the place of who has to wait for a busy origin to others", async () => {
    world = await openWorld({ perOriginMax: 1, perOriginWaitingMax: 1 });
    const { host, engine } = world;
    await engine.execute(newMessages(host, ["x", "y"]));
    await publish(["a", "b"], { parallelism: 1 });
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
    const url = "https://free.test/c";
    const elsewhere = newMessage(host, "c", limit({ parallelism: 1 }));
    await engine.execute([{ ...elsewhere, destination: { kind: "url", url } }]);
    await host.settle();
    expect(sent()).toEqual(["x", "c"]);
    for (const name of ["x", "c", "y", "a", "b"]) await answerOne(host, name);
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 0 });
  });
});

describe("rate", () => {
  test("lets so many start in each period, and all of them when so many wait", async () => {
    const { host } = world;
    const starts = noteStarts();
    await publish([1, 2, 3, 4, 5, 6, 7], { rate: 3 });
    await host.advance(5_000);
    expect(starts.map(({ at }) => at)).toEqual([0, 0, 0, 1_000, 1_000, 1_000, 2_000]);
    expect(starts.map(({ name }) => Number(name))).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await flow()).toMatchObject({ waitingCount: 0, dueAt: null });
  });

  test("counts retries, and goes on with more than a transaction calls", async () => {
    const { host } = world;
    const starts = noteStarts();
    const names = Array.from({ length: 1_300 }, (_, index) => index);
    await publish(names, { rate: 650 });
    await host.advance(1_000);
    const first = starts.filter(({ at }) => at === 0);
    expect(first.map(({ name }) => Number(name))).toEqual(names.slice(0, 650));
    expect(starts).toHaveLength(1_300);
    expect(starts.at(-1)?.at).toBe(1_000);
  });

  test("is kept over a restart within a period", async () => {
    const { host, engine } = world;
    await publish(["a", "b", "c"], { rate: 1, periodMs: 60_000 });
    await answerOne(host, "a");
    const next = await replace(world, engine);
    expect(sent()).toEqual([]);
    await host.advance(60_000);
    expect(sent()).toEqual(["b"]);
    await answerOne(host, "b");
    await replace(world, next);
    await host.advance(60_000);
    expect(sent()).toEqual(["c"]);
  });

  test("counts a start in the period in which it happens", async () => {
    world = await openWorld({ perOriginMax: 1 });
    const { host, engine } = world;
    // Two starts are counted in the first period and have to wait for the origin; they must not add to those of the second.
    await engine.execute([newMessage(host, "slow")]);
    await publish(["a", "b", "c", "d"], { rate: 2 });
    await host.advance(1_500);
    expect(await flow()).toMatchObject({ inFlightCount: 4, rateCount: 2 });
    const starts = noteStarts();
    await answerOne(host, "slow");
    await host.advance(3_000);
    const periods = starts.map(({ at }) => Math.floor((at + 1_500) / 1_000));
    for (const period of [1, 2, 3]) {
      expect(periods.filter((one) => one === period).length).toBeLessThanOrEqual(2);
    }
    expect(starts.map(({ name }) => name).toSorted()).toEqual(["a", "b", "c", "d"]);
    expect(periods.at(-1)).toBe(2);
  });
});

describe("what an operator does", () => {
  test("a pause binds at once, keeps arrivals and survives a restart", async () => {
    world = await openWorld({ perOriginMax: 1 });
    const { host, engine } = world;
    await publish(["a", "b"], { parallelism: 5 });
    await engine.execute([{ type: "pauseFlowControl", key: "k" }]);
    await publish(["c"], { parallelism: 5 });
    await answerOne(host, "a");
    expect(sent()).toEqual([]);
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 2, isPaused: 1 });
    const next = await replace(world, engine);
    await host.advance(60_000);
    expect(sent()).toEqual([]);
    await next.execute([{ type: "resumeFlowControl", key: "k" }]);
    await host.settle();
    expect(sent()).toEqual(["b"]);
    await answerOne(host, "b");
    expect(sent()).toEqual(["c"]);
  });

  test("a pause takes no starts from the period that have not happened", async () => {
    world = await openWorld({ perOriginMax: 1 });
    const { host, engine } = world;
    await engine.execute([newMessage(host, "slow")]);
    await publish(["a", "b", "c"], { rate: 2, periodMs: 60_000 });
    await engine.execute([{ type: "pauseFlowControl", key: "k" }]);
    await host.settle();
    expect(await flow()).toMatchObject({ rateCount: 0, inFlightCount: 0, waitingCount: 3 });
    await engine.execute([{ type: "resumeFlowControl", key: "k" }]);
    for (const name of ["slow", "a", "b"]) await answerOne(host, name);
    expect(sent()).toEqual([]);
    await host.advance(60_000);
    expect(sent()).toEqual(["c"]);
  });

  test("a pause binds what the same transaction has started before", async () => {
    const { host, engine } = world;
    const pause = { type: "pauseFlowControl", key: "k" } as const;
    const both = [newMessage(host, "a", limit({ parallelism: 1 })), pause];
    await engine.execute<(typeof both)[number]>(both);
    await host.settle();
    expect(sent()).toEqual([]);
    expect(await flow()).toMatchObject({ inFlightCount: 0, waitingCount: 1 });
  });

  test.each([
    { type: "pinFlowControl", key: "k", rate: 1 } as const,
    { type: "resetFlowControlRate", key: "k" } as const,
  ])("the new period of $type does not get back what an old one has counted", async (command) => {
    const { host, engine } = world;
    const some = limit({ rate: 1, periodMs: 60_000 });
    await engine.execute([newMessage(host, "old", some)]);
    await host.advance(60_000);
    // The first one starts in the old period, and is taken back; the second one starts in the new one.
    await host.advance(1_000);
    const both = [newMessage(host, "a", some), command, newMessage(host, "b", some)];
    await engine.execute<(typeof both)[number]>(both);
    await host.settle();
    expect(sent()).toEqual(["old", "b"]);
    expect(await flow()).toMatchObject({ rateCount: 1, waitingCount: 1 });
    await host.advance(60_000);
    expect(sent()).toEqual(["old", "b", "a"]);
  });

  test("the period goes on during a pause", async () => {
    const { host, engine } = world;
    await publish(["a", "b"], { rate: 1, periodMs: 10_000 });
    await engine.execute([{ type: "pauseFlowControl", key: "k" }]);
    await host.advance(9_000);
    await engine.execute([{ type: "resumeFlowControl", key: "k" }]);
    await host.settle();
    expect(sent()).toEqual(["a"]);
    await host.advance(1_000);
    expect(sent()).toEqual(["a", "b"]);
  });

  test("pinned limits hold against those of messages, and stay when unpinned until a message brings others", async () => {
    const { host, engine } = world;
    await engine.execute([{ type: "pinFlowControl", key: "k", parallelism: 1 }]);
    await publish(["a", "b", "c"], { parallelism: 5, rate: 9 });
    expect(sent()).toEqual(["a"]);
    expect(await flow()).toMatchObject({ parallelism: 1, rate: 9, isPinnedParallelism: 1 });
    const unpin = { type: "unpinFlowControl", key: "k" } as const;
    await engine.execute([{ ...unpin, parallelism: false, rate: true }]);
    expect(await flow()).toMatchObject({ isPinnedParallelism: 1, isPinnedRate: 0 });
    await engine.execute([{ ...unpin, parallelism: true, rate: false }]);
    await host.settle();
    expect(sent()).toEqual(["a"]);
    expect(await flow()).toMatchObject({ parallelism: 1, isPinnedParallelism: 0 });
    await publish(["d"], { parallelism: 3 });
    expect(sent()).toEqual(["a", "b", "c"]);
  });

  test("a pin raises a limit at once and begins a new period", async () => {
    const { host, engine } = world;
    await publish(["a", "b", "c", "d"], { rate: 1, periodMs: 60_000 });
    await host.advance(1_000);
    await engine.execute([{ type: "pinFlowControl", key: "k", rate: 2 }]);
    await host.settle();
    expect(sent()).toEqual(["a", "b", "c"]);
    expect(await flow()).toMatchObject({ rate: 2, periodMs: 60_000, periodStartAt: host.now() });
  });

  test("a reset of the rate begins a new period and leaves the attempts in flight as they are", async () => {
    const { host, engine } = world;
    await publish(["a", "b", "c"], { rate: 1, parallelism: 2, periodMs: 60_000 });
    for (const expected of [
      ["a", "b"],
      ["a", "b"],
    ]) {
      await engine.execute([{ type: "resetFlowControlRate", key: "k" }]);
      await host.settle();
      expect(sent()).toEqual(expected);
    }
    expect(await flow()).toMatchObject({ inFlightCount: 2, rateCount: 0, waitingCount: 1 });
    await answerOne(host, "a");
    expect(sent()).toEqual(["b", "c"]);
  });

  test("a reset counts what has not begun yet in the new period", async () => {
    world = await openWorld({ perOriginMax: 1 });
    const { host, engine } = world;
    await engine.execute([newMessage(host, "slow")]);
    await publish(["a", "b"], { rate: 1, periodMs: 60_000 });
    await host.advance(5);
    await engine.execute([{ type: "resetFlowControlRate", key: "k" }]);
    await host.settle();
    expect(await flow()).toMatchObject({ rateCount: 1, inFlightCount: 1, waitingCount: 1 });
    await answerOne(host, "slow");
    await host.advance(59_000);
    expect(sent()).toHaveLength(1);
    await host.advance(1_000);
    expect(sent()).toHaveLength(1);
    await answerOne(host, sent()[0] ?? "");
    expect(sent()).toHaveLength(1);
  });

  test("only a pause and a pin make a key that no message has named", async () => {
    const { engine } = world;
    const both = { parallelism: true, rate: true };
    await engine.execute([{ type: "resumeFlowControl", key: "k" }]);
    await engine.execute([{ type: "resetFlowControlRate", key: "k" }]);
    await engine.execute([{ type: "unpinFlowControl", key: "k", ...both }]);
    expect(await flow()).toBeUndefined();
    await engine.execute([{ type: "pauseFlowControl", key: "k" }]);
    await publish(["a"], { parallelism: 1 });
    expect(sent()).toEqual([]);
    expect(await flow()).toMatchObject({ isPaused: 1, parallelism: 1, waitingCount: 1 });
  });

  test("a period alone needs a rate that it applies to", async () => {
    const pin = { type: "pinFlowControl", key: "k", periodMs: 2_000 } as const;
    await expect(world.engine.execute([pin])).rejects.toMatchObject({ code: "invalid_query" });
    await publish(["a"], { rate: 4 });
    await world.engine.execute([pin]);
    expect(await flow()).toMatchObject({ rate: 4, periodMs: 2_000, isPinnedRate: 1 });
  });
});
