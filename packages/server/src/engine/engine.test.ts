import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { runConfig } from "../core/rows.suite.ts";
import { allMessages, newRun, newStep, openWorld, runById, type World } from "./engine.suite.ts";
import { accepted } from "./scripted-host.suite.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
  world.engine.start();
  await world.host.settle();
});

afterEach(() => world.store.close());

/** What became of a promise so far. */
function watch(promise: Promise<unknown>): { state: string } {
  const watched = { state: "pending" };
  promise.then(
    () => {
      watched.state = "answered";
    },
    (error: { readonly code?: string }) => {
      watched.state = error.code ?? String(error);
    },
  );
  return watched;
}

function shutGate(): () => void {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.faults.commitGate = promise;
  return () => {
    world.faults.commitGate = null;
    resolve();
  };
}

describe("group commit", () => {
  test("requests of one turn are one transaction", async () => {
    const { host, store, engine } = world;
    const { commits } = store.counters;
    const ids = Array.from({ length: 50 }, (_, index) => `wfr_${index}`);
    const answers = await Promise.all(ids.map((id) => engine.execute([newRun(host, id)])));
    expect(store.counters.commits - commits).toBe(1);
    expect(answers.map(([answer]) => answer?.workflowRunId)).toEqual(ids);
  });

  test("what arrives while a transaction runs becomes the next one together", async () => {
    const { host, store, engine } = world;
    const { commits } = store.counters;
    const open = shutGate();
    const first = engine.execute([newRun(host, "wfr_first")]);
    await host.settle();
    const others = ["a", "b", "c"].map((id) => engine.execute([newRun(host, id)]));
    await host.settle();
    open();
    await Promise.all([first, ...others]);
    expect(store.counters.commits - commits).toBe(2);
  });

  test("a group is bounded by its requests and by its bytes", async () => {
    const small = await openWorld({ groupRequestsMax: 3, groupBytesMax: 1_000 });
    const { host, store, engine } = small;
    engine.start();
    await host.settle();
    const before = store.counters.commits;
    const ids = Array.from({ length: 7 }, (_, index) => `wfr_${index}`);
    await Promise.all(ids.map((id) => engine.execute([newRun(host, id)])));
    expect(store.counters.commits - before).toBe(3);
    const middle = store.counters.commits;
    const payload = new Uint8Array(600);
    await Promise.all(["x", "y", "z"].map((id) => engine.execute([newRun(host, id, { payload })])));
    expect(store.counters.commits - middle).toBe(3);
    await store.close();
  });

  test("nothing is answered and nothing delivered before the commit", async () => {
    const { host, engine } = world;
    const open = shutGate();
    const answer = watch(engine.execute([newRun(host, "wfr_a")]));
    await host.settle();
    expect(answer.state).toBe("pending");
    expect(host.exchanges).toEqual([]);
    open();
    await host.until(() => answer.state === "answered");
    expect(host.exchanges).toHaveLength(1);
  });

  test("a commit that fails answers 503 and delivers nothing", async () => {
    const { host, store, faults, engine } = world;
    faults.next = ["before"];
    const failing = engine.execute([newRun(host, "wfr_a")]);
    await expect(failing).rejects.toMatchObject({ code: "storage_unavailable", status: 503 });
    await host.advance(5_000);
    expect(host.exchanges).toEqual([]);
    expect(await runById(store, "wfr_a")).toBeUndefined();
    await engine.execute([newRun(host, "wfr_a")]);
    expect((await host.nextExchange()).request.url).toContain("http");
    expect(host.exchanges).toEqual([]);
  });
});

describe("a refused request", () => {
  test("changes nothing, though its first command was fine, and leaves its neighbours alone", async () => {
    const { host, store, engine } = world;
    const { commits } = store.counters;
    const refused = newRun(host, "wfr_unknown", { isTriggeredBySdk: true });
    const settled = await Promise.allSettled([
      engine.execute([newRun(host, "wfr_before")]),
      engine.execute([newRun(host, "wfr_half"), newStep(host, "wfr_before", 1), refused]),
      engine.execute([newRun(host, "wfr_after"), newStep(host, "wfr_before", 1)]),
    ]);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(settled[1]).toMatchObject({ reason: { code: "run_ended", status: 400 } });
    expect(store.counters.commits - commits).toBe(1);
    expect(await runById(store, "wfr_half")).toBeUndefined();
    expect(await runById(store, "wfr_before")).toMatchObject({ stepCount: 2 });
    expect(settled[2]).toMatchObject({ value: [{}, { deduplicated: false }] });
    expect(await allMessages(store)).toHaveLength(3);
    expect(host.exchanges).toHaveLength(3);
  });

  test("leaves no configuration behind", async () => {
    const { host, engine } = world;
    const refused = newRun(host, "wfr_unknown", { isTriggeredBySdk: true });
    await expect(engine.execute([newRun(host, "wfr_a"), refused])).rejects.toMatchObject({
      code: "run_ended",
    });
    await expect(engine.execute([newStep(host, "wfr_a", 1)])).rejects.toMatchObject({
      code: "run_ended",
    });
    const [answer] = await engine.execute([newRun(host, "wfr_a")]);
    expect(answer?.deduplicated).toBe(false);
  });

  test("wakes nobody", async () => {
    const { host, engine } = world;
    const asleep = newRun(host, "wfr_a", { dueAt: host.now() + 5 });
    const refused = newRun(host, "wfr_unknown", { isTriggeredBySdk: true });
    await expect(engine.execute([asleep, refused])).rejects.toMatchObject({ code: "run_ended" });
    expect(host.alarms).toEqual([]);
  });

  test("is answered only with the commit of its group", async () => {
    const { host, engine } = world;
    const open = shutGate();
    const refused = watch(engine.execute([newStep(host, "wfr_unknown", 1)]));
    await host.settle();
    expect(refused.state).toBe("pending");
    open();
    await host.until(() => refused.state === "run_ended");
  });
});

describe("outcomes", () => {
  const attempts = (key: number) => world.store.get("attempts", [key * 1024, key * 1024 + 1]);

  async function deliveredRun(): Promise<number> {
    const [answer] = await world.engine.execute([newRun(world.host, "wfr_a")]);
    if (answer === undefined) throw new Error("each command has an answer");
    return answer.messageKey;
  }

  test("ride along with the next request", async () => {
    const { host, store, engine } = world;
    const key = await deliveredRun();
    const { commits } = store.counters;
    (await host.nextExchange()).answer(accepted());
    await host.settle();
    expect(store.counters.commits).toBe(commits);
    await engine.execute([newRun(host, "wfr_b")]);
    expect(store.counters.commits - commits).toBe(1);
    expect(await attempts(key)).toMatchObject([{ status: 200, move: "delivered" }]);
  });

  test("wait no longer than the linger when nobody comes", async () => {
    const { host, store } = world;
    const key = await deliveredRun();
    (await host.nextExchange()).answer(accepted());
    await host.advance(19);
    expect(await attempts(key)).toEqual([]);
    await host.advance(1);
    expect(await attempts(key)).toHaveLength(1);
    expect(await allMessages(store)).toEqual([]);
  });

  test.each(["before", "after"] as const)(
    "are recorded once when the store fails %s the commit",
    async (fault) => {
      const { host, store, faults } = world;
      const key = await deliveredRun();
      faults.next = [fault, fault];
      (await host.nextExchange()).answer(accepted(500));
      await host.advance(20);
      expect(faults.next).toEqual([fault]);
      await host.advance(1_000);
      expect(faults.next).toEqual([]);
      await host.advance(1_000);
      expect(await attempts(key)).toMatchObject([{ number: 0, status: 500 }]);
      expect(await allMessages(store)).toMatchObject([{ retried: 1 }]);
      await host.advance(1_000);
      const second = await host.nextExchange();
      expect(second.request.headers["upstash-retried"]).toBe("1");
    },
  );

  test("that come too late for their run are recorded and change nothing", async () => {
    const { host, store, engine } = world;
    const key = await deliveredRun();
    await engine.execute([{ type: "cancelRun", runId: "wfr_a" }]);
    (await host.nextExchange()).answer(accepted(500));
    await host.advance(20);
    expect(await attempts(key)).toMatchObject([{ move: "the run had ended already" }]);
    expect(await runById(store, "wfr_a")).toMatchObject({ state: "canceled" });
    expect(await allMessages(store)).toEqual([]);
  });
});

test("what is in flight when the store fails is not delivered again", async () => {
  const { host, faults, engine } = world;
  await engine.execute([newRun(host, "wfr_a")]);
  faults.next = ["after"];
  await expect(engine.execute([newRun(host, "wfr_b")])).rejects.toMatchObject({ status: 503 });
  await host.advance(10_000);
  expect(host.exchanges).toHaveLength(2);
});

test("more requests than the inbox holds are refused with 503, the others go on", async () => {
  const small = await openWorld({ inboxRequestsMax: 2 });
  const { host, store, engine, faults } = small;
  const { promise, resolve } = Promise.withResolvers<void>();
  faults.commitGate = promise;
  const taken = watch(engine.execute([newRun(host, "wfr_taken")]));
  await host.settle();
  const waiting = ["a", "b", "c"].map((id) => watch(engine.execute([newRun(host, id)])));
  await host.settle();
  expect(waiting.map(({ state }) => state)).toEqual(["pending", "pending", "storage_unavailable"]);
  faults.commitGate = null;
  resolve();
  await host.until(() => waiting[1]?.state === "answered");
  expect(taken.state).toBe("answered");
  await store.close();
});

describe("a run that ends", () => {
  test("in the very group that starts it is never delivered", async () => {
    const { host, store, engine } = world;
    await Promise.all([
      engine.execute([newRun(host, "wfr_a")]),
      engine.execute([newRun(host, "wfr_b")]),
      engine.execute([{ type: "cancelRun", runId: "wfr_a" }]),
    ]);
    await host.settle();
    expect(host.exchanges.map(({ request }) => request.headers["upstash-workflow-runid"])).toEqual([
      "wfr_b",
    ]);
    expect(await allMessages(store)).toHaveLength(1);
  });

  test("in the very group that takes its step is not asked for the next one", async () => {
    const { host, store, engine } = world;
    await engine.execute([newRun(host, "wfr_a")]);
    (await host.nextExchange()).answer(accepted());
    await host.settle();
    const answers = await Promise.all([
      engine.execute([newStep(host, "wfr_a", 1)]),
      engine.execute([{ type: "cancelRun", runId: "wfr_a" }]),
    ]);
    expect(answers).toMatchObject([[{ deduplicated: false }], [{ wasLive: true }]]);
    await host.settle();
    expect(host.exchanges).toEqual([]);
    expect(await allMessages(store)).toEqual([]);
  });

  test("takes its waiting deliveries out of the line and their messages with them", async () => {
    const narrow = await openWorld({ perOriginMax: 1 });
    const { host, store, engine } = narrow;
    await engine.execute([newRun(host, "wfr_a"), newRun(host, "wfr_b"), newRun(host, "wfr_c")]);
    await engine.execute([{ type: "cancelRun", runId: "wfr_b" }]);
    await host.settle();
    expect(await allMessages(store)).toHaveLength(2);
    (await host.nextExchange()).answer(accepted());
    const next = await host.nextExchange();
    expect(next.request.headers["upstash-workflow-runid"]).toBe("wfr_c");
    next.answer(accepted());
    await host.advance(20);
    expect(host.exchanges).toEqual([]);
    expect(await allMessages(store)).toEqual([]);
    await store.close();
  });

  test("can have its failure call cancelled while that waits in line", async () => {
    const narrow = await openWorld({ perOriginMax: 1 });
    const { host, store, engine } = narrow;
    const config = runConfig({ retries: 0 });
    await engine.execute([newRun(host, "wfr_a", { config }), newRun(host, "wfr_b")]);
    (await host.nextExchange()).answer(accepted(500));
    const busy = await host.nextExchange();
    await host.advance(20);
    const [deadLetter] = await store.list("deadLetters", {
      where: [],
      order: "ascending",
      limit: 1,
    });
    const deadLetterKey = deadLetter?.key ?? 0;
    await engine.execute([{ type: "cancelCallback", deadLetterKey }]);
    busy.answer(accepted());
    await host.advance(20);
    expect(host.exchanges).toEqual([]);
    expect(await allMessages(store)).toMatchObject([{ state: "failed" }]);
    await store.close();
  });
});
