import { hash } from "node:crypto";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stepRow } from "../core/rows.suite.ts";
import type { StepRow } from "../core/rows.ts";
import { insert } from "../core/transition.ts";
import { passOnStore } from "../store/pass-on.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { History } from "./history.ts";

function record(runKey: number, position: number): StepRow {
  const body = new TextEncoder().encode(`${runKey}/${position}`);
  return stepRow({ key: runKey * 1_000 + position, runKey, position, slot: position, body });
}

function records(runKey: number, count: number): StepRow[] {
  return Array.from({ length: count }, (_, position) => record(runKey, position));
}

let store: Store;

beforeAll(async () => {
  store = await openSqliteStore({ path: ":memory:" });
});

afterAll(() => store.close());

/** Runs of different tests share the store, not the keys. */
let runs = 0;

/** A limit under which one short list is kept, and two are not. */
const ROOM_FOR_ONE = 1_500;

/** The store, with its reads counted, and held back after they have read while `gate` is shut. */
function openHistory(charsMax = 1_000_000) {
  const shelf = {
    reads: 0,
    gate: null as Promise<void> | null, // Widened: a test sets it.
    commit: (...steps: StepRow[]) =>
      store.transaction((transaction) =>
        transaction.write(steps.map((step) => insert("steps", step))),
      ),
  };
  const reader = passOnStore(store, {
    find: async (table, lookup, values) => {
      shelf.reads += 1;
      const rows = await store.find(table, lookup, values);
      await shelf.gate;
      return rows.toReversed();
    },
  });
  runs += 10;
  return { shelf, history: new History(reader, charsMax), one: runs + 1, two: runs + 2 };
}

/** The beginning of a list, as its delivery sends it; its hash has to be the one that is signed. */
async function sentUntil(history: History, runKey: number, position: number) {
  const list = await history.listUntil(runKey, position, Number.POSITIVE_INFINITY);
  expect(list?.sha256()).toBe(hash("sha256", list?.bytes ?? "", "base64url"));
  return bodies(list?.bytes ?? new Uint8Array());
}

/** The bodies of a list. */
function bodies(list: Uint8Array): readonly string[] {
  // The list is what the history has just written.
  const items = JSON.parse(Buffer.from(list).toString()) as readonly { readonly body: string }[];
  return items.map(({ body }) => Buffer.from(body, "base64").toString());
}

const prefix = (runKey: number, position: number) =>
  Array.from({ length: position + 1 }, (_, index) => `${runKey}/${index}`);

test("a list is the JSON that the SDK reads, byte for byte", async () => {
  const { history } = openHistory();
  const payload = stepRow({ key: 35, runKey: 1, position: 0, slot: 0, body: new Uint8Array() });
  const binary = stepRow({ key: 36, runKey: 1, position: 1, body: new Uint8Array([0, 255, 16]) });
  history.append([payload, binary]);
  expect(Buffer.from(await history.list(1, 1)).toString()).toBe(
    '[{"messageId":"msg_z","body":"","callType":"step"},{"messageId":"msg_10","body":"AP8Q","callType":"step"}]',
  );
});

test("every position gets its exact prefix, from memory and from the store", async () => {
  const { shelf, history, one, two } = openHistory();
  await shelf.commit(...records(one, 20), ...records(two, 3));
  for (let position = 0; position < 20; position += 1) {
    expect(await sentUntil(history, one, position)).toEqual(prefix(one, position));
  }
  expect(shelf.reads).toBe(1);
  expect(bodies(await history.list(one, 1))).toEqual(prefix(one, 19));
});

test("appended records are delivered without a read", async () => {
  const { shelf, history, one } = openHistory();
  for (const step of records(one, 5)) {
    history.append([step]);
    expect(await sentUntil(history, one, step.position)).toEqual(prefix(one, step.position));
  }
  expect(shelf.reads).toBe(0);
});

test("a list of any length is hashed as it is sent, whatever is asked for first", async () => {
  const { shelf, history, one, two } = openHistory(10_000_000);
  const body = new Uint8Array(1_000).fill(7);
  const long = (runKey: number) => records(runKey, 120).map((step) => ({ ...step, body }));
  await shelf.commit(...long(one));
  history.append(long(two));
  for (const runKey of [one, two]) {
    for (const position of [90, 119, 3, 23, 24, 25, 47, 48, 60, 0, 119]) {
      expect(await sentUntil(history, runKey, position)).toHaveLength(position + 1);
    }
  }
  const [next] = records(two, 121).slice(120);
  if (next !== undefined) history.append([next]);
  expect(await sentUntil(history, two, 120)).toHaveLength(121);
});

test("a delivery keeps its list while more records come", async () => {
  const { history, one } = openHistory();
  const [first, second] = records(one, 2);
  if (first !== undefined) history.append([first]);
  const list = await history.listUntil(one, 0, Number.POSITIVE_INFINITY);
  if (second !== undefined) history.append([second]);
  expect(bodies(list?.bytes ?? new Uint8Array())).toEqual(prefix(one, 0));
});

test("a list is left out when it has more bytes than are sent", async () => {
  const { history, one } = openHistory();
  history.append(records(one, 3));
  const { byteLength } = await history.list(one, 1);
  expect((await history.listUntil(one, 2, byteLength))?.bytes.byteLength).toBe(byteLength);
  expect(await history.listUntil(one, 2, byteLength - 1)).toBeNull();
  expect(await history.listUntil(one, 1, byteLength - 1)).not.toBeNull();
});

test("a gap makes the next reader load the list anew", async () => {
  const { shelf, history, one } = openHistory();
  const steps = records(one, 3);
  await shelf.commit(...steps);
  history.append(steps.slice(0, 1));
  history.append(steps.slice(2));
  expect(await sentUntil(history, one, 2)).toEqual(prefix(one, 2));
  expect(shelf.reads).toBe(1);
});

test("what is above the limit is forgotten, oldest first, and loaded again", async () => {
  const { shelf, history, one, two } = openHistory(ROOM_FOR_ONE);
  await shelf.commit(...records(one, 2), ...records(two, 2));
  history.append(records(one, 2));
  history.append(records(two, 2));
  expect(await sentUntil(history, two, 1)).toEqual(prefix(two, 1));
  expect(shelf.reads).toBe(0);
  expect(await sentUntil(history, one, 1)).toEqual(prefix(one, 1));
  expect(shelf.reads).toBe(1);
});

test("a list longer than the whole limit is delivered all the same", async () => {
  const { shelf, history, one } = openHistory(1);
  await shelf.commit(...records(one, 4));
  history.append(records(one, 4));
  expect(await sentUntil(history, one, 3)).toEqual(prefix(one, 3));
  expect(await sentUntil(history, one, 2)).toEqual(prefix(one, 2));
});

test("forgetting and clearing free what they held", async () => {
  const { shelf, history, one, two } = openHistory(ROOM_FOR_ONE);
  for (let round = 0; round < 5; round += 1) {
    history.append(records(one, 2));
    history.forget(one);
    history.append(records(one, 2));
    history.clear();
  }
  history.append(records(one, 2));
  history.forget(one);
  history.append(records(two, 2));
  expect(await sentUntil(history, two, 1)).toEqual(prefix(two, 1));
  expect(shelf.reads).toBe(0);
});

test("a load that a commit overtakes does not hide the new record from its delivery", async () => {
  const { shelf, history, one } = openHistory();
  await shelf.commit(...records(one, 2));
  const { promise, resolve: open } = Promise.withResolvers<void>();
  shelf.gate = promise;
  const early = sentUntil(history, one, 1);
  const third = record(one, 2);
  await shelf.commit(third);
  history.append([third]);
  open();
  expect(await early).toEqual(prefix(one, 1));
  shelf.gate = null;
  expect(await sentUntil(history, one, 2)).toEqual(prefix(one, 2));
});

test.each(["forget", "clear"] as const)("a load under way is not kept after %s", async (act) => {
  const { shelf, history, one } = openHistory();
  await shelf.commit(record(one, 0));
  const { promise, resolve: open } = Promise.withResolvers<void>();
  shelf.gate = promise;
  const early = sentUntil(history, one, 0);
  await shelf.commit(record(one, 1));
  history[act](one);
  open();
  await early;
  shelf.gate = null;
  expect(await sentUntil(history, one, 1)).toEqual(prefix(one, 1));
});

test("two loads at once give the same list and later appends go on from it", async () => {
  const { shelf, history, one } = openHistory();
  await shelf.commit(...records(one, 3));
  const lists = await Promise.all([sentUntil(history, one, 2), sentUntil(history, one, 0)]);
  expect(lists).toEqual([prefix(one, 2), prefix(one, 0)]);
  history.append([record(one, 3)]);
  expect(await sentUntil(history, one, 3)).toEqual(prefix(one, 3));
  expect(shelf.reads).toBe(2);
});

const anyAction = fc.record({
  offset: fc.integer({ min: 1, max: 2 }),
  what: fc.constantFrom("append", "append", "read", "hold", "release", "forget"),
});

test("whatever is appended, read, forgotten and held back, a delivery gets its exact prefix", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(anyAction, { minLength: 10, maxLength: 60 }),
      fc.constantFrom(1, ROOM_FOR_ONE, 10_000),
      async (actions, charsMax) => {
        const { shelf, history, one } = openHistory(charsMax);
        const counts = new Map<number, number>();
        const reading: Promise<void>[] = [];
        let open = () => {};
        const read = async (runKey: number, position: number) => {
          expect(await sentUntil(history, runKey, position)).toEqual(prefix(runKey, position));
        };
        for (const { offset, what } of actions) {
          const runKey = one + offset;
          const count = counts.get(runKey) ?? 0;
          if (what === "append") {
            const step = record(runKey, count);
            counts.set(runKey, count + 1);
            await shelf.commit(step);
            history.append([step]);
            reading.push(read(runKey, count));
          } else if (what === "read" && count > 0) {
            reading.push(read(runKey, Math.floor(count / 2)), read(runKey, count - 1));
          } else if (what === "hold") {
            open();
            const gate = Promise.withResolvers<void>();
            shelf.gate = gate.promise;
            open = gate.resolve;
          } else if (what === "release") {
            open();
            shelf.gate = null;
            await new Promise((resolve) => setImmediate(resolve));
          } else if (what === "forget") history.forget(runKey);
        }
        open();
        await Promise.all(reading);
      },
    ),
    { numRuns: 150 },
  ));

test("a part has the records from one place to another, and is no list", async () => {
  const { history, shelf, one } = openHistory();
  const steps = records(one, 5);
  await shelf.commit(...steps);
  const whole = JSON.parse(Buffer.from(await history.list(one, 1)).toString());
  for (const [from, position] of [
    [1, 1],
    [1, 4],
    [2, 3],
    [4, 4],
  ] as const) {
    const part = await history.part(one, { from, position }, 1_000);
    const text = Buffer.from(part?.bytes ?? []).toString();
    expect(JSON.parse(text)).toEqual({ from, records: whole.slice(from, position + 1) });
    expect(part?.sha256()).toBe(hash("sha256", text, "base64url"));
  }
});

test("there is no part of what is too long, or not all there", async () => {
  const { history, shelf, one } = openHistory();
  await shelf.commit(...records(one, 3));
  expect(await history.part(one, { from: 1, position: 2 }, 20)).toBe(null);
  expect(await history.part(one, { from: 4, position: 5 }, 1_000)).toBe(null);
  expect(await history.part(one, { from: 2, position: 3 }, 1_000)).toBe(null);
});
