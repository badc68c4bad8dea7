import fc from "fast-check";
import { expect, test } from "vitest";
import { messageRow, runConfig, runRow, stepRow } from "../core/rows.suite.ts";
import { ATTEMPTS_PER_MESSAGE_MAX, type AttemptRow, type Change } from "../core/rows.ts";
import { insert, remove, update } from "../core/transition.ts";
import { ConfigCache } from "./config-cache.ts";
import { slotKey } from "./row-names.ts";
import { WorkingSet } from "./working-set.ts";

const run = runRow({ key: 1, id: "wfr_a" });
const first = stepRow({ key: 2, runKey: 1, position: 0, slot: 0 });
const message = messageRow({ key: 2, runKey: 1, stepPosition: 0 });
const config = runConfig({ retries: 3 });

/** Run `wfr_a` with its first record and message; nothing is known of `wfr_b`. */
function loaded(): WorkingSet {
  const configs = new ConfigCache(10);
  configs.set(1, config);
  const work = new WorkingSet(configs);
  work.addLiveRuns(["wfr_a", "wfr_b"], [run]);
  work.addSlots([slotKey(1, 3), slotKey(1, 4)], []);
  work.addAllSteps(1, [first]);
  work.addGroups("messagesOfRun", [[1]], [message]);
  work.addLoaded("deadLetters", [7], []);
  return work;
}

function attempt(number: number): AttemptRow {
  return {
    key: 2 * ATTEMPTS_PER_MESSAGE_MAX + number,
    messageKey: 2,
    number,
    startedAt: 1,
    endedAt: 2,
    status: 200,
    error: null,
    cause: null,
    requestHeaders: null,
    responseHeaders: null,
    responseBody: null,
    isTruncated: 0,
    move: "delivered",
    runKey: null,
  };
}

/** Everything that a decision can ask for. */
function view(work: WorkingSet) {
  return {
    live: [work.liveRun("wfr_a"), work.liveRun("wfr_b")],
    newest: [work.newestRun("wfr_a"), work.newestRun("wfr_b")],
    run: work.get("runs", 1),
    message: work.get("messages", 2),
    slots: [0, 3, 4].map((slot) => work.stepInSlot(1, slot)),
    steps: work.allSteps(1),
    open: work.openMessages(1),
    configs: [1, 10].map((key) => work.config(key)),
    deadLetter: work.get("deadLetters", 7),
    changes: work.changes.length,
  };
}

const ended = { ...run, state: "canceled", completedAt: 5 } as const;
const second = stepRow({ key: 8, runKey: 1, position: 1, slot: 3 });
const plan = stepRow({ key: 9, runKey: 1, position: 2, slot: 4 });
const other = runRow({ key: 10, id: "wfr_b" });

/** One change of every kind that leaves a trace in an index. */
const changes: readonly Change[] = [
  insert("steps", second),
  insert("messages", messageRow({ key: 8, runKey: 1, stepPosition: 1 })),
  insert("steps", plan),
  update("messages", message, { ...message, state: "failed" }),
  remove("messages", 2),
  insert("runs", other),
  insert("runConfigs", { key: 10, config: JSON.stringify(runConfig({ retries: 1 })) }),
  insert("messages", messageRow({ key: 11, runKey: 10 })),
  {
    type: "update",
    table: "runConfigs",
    key: 1,
    set: { config: JSON.stringify(runConfig({ retries: 9 })) },
  },
];

test("a later command sees what an earlier one has changed", () => {
  const work = loaded();
  work.apply(changes);
  work.apply([update("runs", run, ended)]);
  expect(work.get("runs", 1)?.state).toBe("canceled");
  expect(work.liveRun("wfr_a")).toBeNull();
  expect(work.newestRun("wfr_a")).toEqual(ended);
  expect(work.liveRun("wfr_b")).toEqual(other);
  expect(work.stepInSlot(1, 3)).toEqual(second);
  expect(work.stepInSlot(1, 4)).toEqual(plan);
  expect(work.allSteps(1)).toEqual([first, second, plan]);
  expect(work.openMessages(1).map(({ key }) => key)).toEqual([8]);
  expect(work.openMessages(10).map(({ key }) => key)).toEqual([11]);
  expect([work.config(1)?.retries, work.config(10)?.retries]).toEqual([9, 1]);
  expect(work.changes).toHaveLength(changes.length + 1);
});

test("an id can be used again by a run of the same group", () => {
  const work = loaded();
  work.apply([update("runs", run, ended)]);
  const again = runRow({ key: 20, id: "wfr_a" });
  work.apply([insert("runs", again)]);
  expect(work.liveRun("wfr_a")).toEqual(again);
  expect(work.newestRun("wfr_a")).toEqual(again);
  expect(work.stepInSlot(20, 0)).toBeNull();
});

test("of several ended runs of one id the newest counts", () => {
  const work = new WorkingSet(new ConfigCache(10));
  work.addLiveRuns(["wfr_a"], []);
  const runs = [4, 9, 6].map((key) => runRow({ key, id: "wfr_a", state: "failed" }));
  work.addEndedRuns(runs);
  expect(work.newestRun("wfr_a")?.key).toBe(9);
});

test("an attempt that ended in the same group is counted, and no more when it is taken back", () => {
  const work = loaded();
  work.addAttemptCount(2, 1);
  const mark = work.mark();
  work.apply([insert("attempts", attempt(1))]);
  expect(work.attemptCount(2)).toBe(2);
  work.takeBack(mark);
  expect(work.attemptCount(2)).toBe(1);
});

test("what is taken back leaves nothing, whatever came before", () =>
  fc.assert(
    fc.property(
      fc.shuffledSubarray([...changes, update("runs", run, ended)]),
      fc.nat(),
      (chosen, cut) => {
        // A message is changed before it is removed, or the change is on nothing.
        const ordered = chosen.toSorted((a, b) => rank(a) - rank(b));
        const kept = ordered.slice(0, cut % (ordered.length + 1));
        const work = loaded();
        work.apply(kept);
        const before = view(work);
        const mark = work.mark();
        work.apply(ordered.slice(kept.length));
        work.takeBack(mark);
        expect(view(work)).toEqual(before);
      },
    ),
  ));

function rank(change: Change): number {
  if (change.type === "insert") return 0;
  return change.type === "update" ? 1 : 2;
}

test("a run that was started and taken back is unknown again", () => {
  const work = loaded();
  const mark = work.mark();
  work.apply([insert("runs", other), insert("steps", stepRow({ key: 12, runKey: 10 }))]);
  work.takeBack(mark);
  expect(() => work.stepInSlot(10, 0)).toThrow(/slot 0 of run 10 must be loaded/);
  expect(() => work.openMessages(10)).toThrow(/messagesOfRun 10 must be loaded/);
  expect(work.config(10)).toBeNull();
});

test("asking for what was not loaded is a bug, not an absence", () => {
  const work = loaded();
  expect(() => work.get("runs", 99)).toThrow(/runs 99 must be loaded/);
  expect(() => work.liveRun("wfr_c")).toThrow(/run wfr_c must be loaded/);
  expect(() => work.newestRun("wfr_c")).toThrow(/run wfr_c must be loaded/);
  expect(() => work.stepInSlot(1, 5)).toThrow(/slot 5 of run 1 must be loaded/);
  expect(() => work.allSteps(99)).toThrow(/steps of run 99 must be loaded/);
  expect(() => work.openMessages(99)).toThrow(/messagesOfRun 99 must be loaded/);
  const unknown = messageRow({ key: 99 });
  expect(() => work.apply([update("messages", unknown, { ...unknown, retried: 1 })])).toThrow(
    /messages 99 must be loaded/,
  );
  expect(work.peek("runs", 99)).toBeNull();
});

test("what is loaded again does not hide what the group has changed", () => {
  const work = loaded();
  work.apply([update("runs", run, ended), insert("steps", second), remove("messages", 2)]);
  work.addLoaded("runs", [1], [run]);
  work.addLiveRuns(["wfr_a"], [run]);
  work.addSlots([slotKey(1, 3)], []);
  work.addGroups("messagesOfRun", [[1]], [message]);
  expect(work.get("runs", 1)?.state).toBe("canceled");
  expect(work.liveRun("wfr_a")).toBeNull();
  expect(work.stepInSlot(1, 3)).toEqual(second);
  expect(work.openMessages(1)).toEqual([]);
});

test("failed messages are not open", () => {
  const work = loaded();
  work.apply([update("messages", message, { ...message, state: "failed" })]);
  expect(work.openMessages(1)).toEqual([]);
});

test("slots of neighbouring runs do not touch", () =>
  fc.assert(
    fc.property(
      fc.record({ runKey: fc.integer({ min: 1, max: 1e11 }), slot: fc.nat(50_003) }),
      fc.record({ runKey: fc.integer({ min: 1, max: 1e11 }), slot: fc.nat(50_003) }),
      (a, b) => {
        const isSame = a.runKey === b.runKey && a.slot === b.slot;
        expect(slotKey(a.runKey, a.slot) === slotKey(b.runKey, b.slot)).toBe(isSame);
        expect(Number.isSafeInteger(slotKey(a.runKey, a.slot))).toBe(true);
      },
    ),
  ));
