import { describe, expect, test } from "vitest";
import { assert } from "../../core/assert.ts";
import { noPlaces } from "../../core/message.ts";
import type { FlowControlRow, MessageRow, QueueRow } from "../../core/rows.ts";
import { isOpen, openFields, type WaitingFacts } from "./waiting.ts";

const NOW = Date.parse("2026-11-22T02:00:00Z");
const inMs = (ms: number) => NOW + ms;

const plain: MessageRow = {
  ...noPlaces,
  key: 40,
  kind: "plain",
  state: "scheduled",
  runKey: null,
  stepPosition: null,
  deadLetterKey: null,
  createdAt: NOW,
  dueAt: NOW,
  retried: 0,
  retries: 3,
  leaseToken: 0,
  url: "https://app.example/hook?x=1",
  config: null,
  body: null,
};

const queue: QueueRow = {
  key: 1,
  name: "invoices",
  createdAt: NOW,
  updatedAt: NOW,
  parallelism: 1,
  isPaused: 0,
  openCount: 1,
  waitingCount: 20,
};

const flow: FlowControlRow = {
  key: 2,
  name: "a key",
  updatedAt: NOW,
  parallelism: null,
  rate: null,
  periodMs: 60_000,
  isPaused: 0,
  isPinnedParallelism: 0,
  isPinnedRate: 0,
  inFlightCount: 2,
  rateCount: 10,
  periodStartAt: NOW - 1_500,
  waitingCount: 5,
  dueAt: null,
};

const nothing: WaitingFacts = {
  now: NOW,
  queues: new Map(),
  flows: new Map(),
  holders: new Map(),
  inFlight: new Map(),
  runIds: new Map(),
  places: new Map(),
  handedAt: new Map(),
  inMemory: new Set(),
  unreachable: new Set(),
};

function say(row: Partial<MessageRow>, facts: Partial<WaitingFacts> = {}): string {
  const message = { ...plain, ...row };
  assert(isOpen(message), "the row is of an open message");
  return openFields(message, { ...nothing, ...facts }).waitingFor;
}

test("the state, the attempts so far, and the next one where the clock alone decides", () => {
  const fields = (row: Partial<MessageRow>) => {
    const message = { ...plain, ...row };
    assert(isOpen(message), "the row is of an open message");
    const { waitingFor, ...rest } = openFields(message, nothing);
    expect(waitingFor).not.toBe("");
    return rest;
  };
  expect(fields({ dueAt: inMs(5), retried: 1 })).toEqual({
    state: "SCHEDULED",
    retried: 1,
    nextDeliveryTime: inMs(5),
  });
  const others = { waiting: "WAITING", active: "ACTIVE", canceling: "CANCEL_REQUESTED" } as const;
  for (const state of ["waiting", "active", "canceling"] as const) {
    expect(fields({ state })).toEqual({ state: others[state], retried: 0 });
  }
  expect(isOpen({ ...plain, state: "failed" })).toBe(false);
});

describe("the clock", () => {
  test.each([
    [{ dueAt: inMs(3_600_000) }, "delay until 2026-11-22T03:00:00Z"],
    [{ dueAt: inMs(1) }, "delay until 2026-11-22T02:00:00.001Z"],
    [{ dueAt: inMs(60_000), retried: 2 }, "retry 2 of 3 at 2026-11-22T02:01:00Z"],
    [{ dueAt: NOW }, "delivery, which is due"],
    [{ dueAt: NOW - 1, retried: 1 }, "retry 1 of 3, which is due"],
    [
      { dueAt: inMs(60_000), retried: 1, queueName: "q", ticketKey: 40 },
      "retry 1 of 3 at 2026-11-22T02:01:00Z; it keeps its place in queue q",
    ],
    [{ dueAt: 9e15 }, "delay until 9000000000000000"],
  ] as const)("%j: %s", (row, text) => {
    expect(say(row)).toBe(text);
  });
});

describe("an attempt", () => {
  const handedAt = new Map([[40, NOW - 2_000]]);

  test("is in flight since it was handed over", () => {
    expect(say({ state: "active", retried: 1 }, { handedAt })).toBe(
      "delivery in flight since 2026-11-22T01:59:58Z (attempt 2 of 4)",
    );
    expect(say({ state: "active" })).toBe("delivery in flight (attempt 1 of 4)");
  });

  test("waits in memory when its destination is busy", () => {
    expect(say({ state: "active" }, { handedAt, inMemory: new Set([40]) })).toBe(
      "line of https://app.example: as many deliveries are in flight as may be at once (attempt 1 of 4)",
    );
  });

  test("of a cancelled message is the last one", () => {
    expect(say({ state: "canceling" }, { handedAt })).toBe(
      "cancelled; the delivery in flight since 2026-11-22T01:59:58Z is the last one",
    );
  });
});

describe("a queue", () => {
  const row = { state: "waiting", gate: "queue:invoices", queueName: "invoices" } as const;
  const inQueue = (changes: Partial<QueueRow> = {}, facts: Partial<WaitingFacts> = {}) =>
    say(row, {
      queues: new Map([["invoices", { ...queue, ...changes }]]),
      places: new Map([[40, 14]]),
      ...facts,
    });
  const holding = (...rows: readonly Partial<MessageRow>[]) => ({
    holders: new Map([["invoices", rows.map((holder) => ({ ...plain, ...holder }))]]),
  });

  test("is full, and says who has its places", () => {
    const held = holding({ key: 10, ticketKey: 10 });
    expect(inQueue({}, held)).toBe("queue invoices, place 14 of 20; 1 of 1 place taken by msg_a");
    expect(inQueue()).toBe("queue invoices, place 14 of 20; 1 of 1 place taken");
  });

  test("names the callback for which a place is kept, and the message while it is there", () => {
    const callback = { key: 20, kind: "callback", ticketKey: 10 } as const;
    expect(inQueue({}, holding(callback))).toBe(
      "queue invoices, place 14 of 20; 1 of 1 place taken by msg_k, a callback of msg_a",
    );
    expect(inQueue({}, holding(callback, { key: 10, ticketKey: 10 }))).toMatch(/ by msg_a$/);
  });

  test("with many places names three who have one", () => {
    const held = holding(...[1, 2, 3, 4].map((key) => ({ key, ticketKey: key })));
    expect(inQueue({ parallelism: 9, openCount: 9 }, held)).toMatch(
      /; 9 of 9 places taken by msg_1, msg_2, msg_3 and 6 more$/,
    );
  });

  test("is paused", () => {
    expect(inQueue({ isPaused: 1 }, holding({ key: 10, ticketKey: 10 }))).toBe(
      "queue invoices, which is paused; place 14 of 20",
    );
  });

  test("tells no place when it was not counted, and never one behind the end", () => {
    expect(inQueue({}, { places: new Map() })).toMatch(/^queue invoices, one of 20 in line; /);
    expect(inQueue({ waitingCount: 3 })).toMatch(/^queue invoices, place 14 of 14; /);
  });

  test("that has just been deleted is named", () => {
    expect(say(row)).toBe("queue invoices");
  });
});

describe("a flow control key", () => {
  const row = { state: "waiting", gate: "flow:a key", flowControlKey: "a key" } as const;
  const atKey = (changes: Partial<FlowControlRow>) =>
    say(row, {
      flows: new Map([["a key", { ...flow, ...changes }]]),
      places: new Map([[40, 3]]),
    });

  test.each([
    [{ parallelism: 2 }, "flow control key a key, place 3 of 5; 2 of 2 in flight"],
    [
      { rate: 10 },
      "flow control key a key, place 3 of 5; the rate of 10 per 60 s is used up until 2026-11-22T02:00:58.500Z",
    ],
    [
      { parallelism: 1, rate: 5 },
      "flow control key a key, place 3 of 5; 2 of 1 in flight; the rate of 5 per 60 s is used up until 2026-11-22T02:00:58.500Z",
    ],
    [{ parallelism: 3, rate: 11 }, "flow control key a key, place 3 of 5"],
    // Its period is over.
    [{ rate: 10, periodStartAt: NOW - 60_000 }, "flow control key a key, place 3 of 5"],
    [{ parallelism: 2, isPaused: 1 }, "flow control key a key, which is paused; place 3 of 5"],
  ] as const)("%j: %s", (changes, text) => {
    expect(atKey(changes)).toBe(text);
  });

  test("that is unknown is named", () => {
    expect(say(row)).toBe("flow control key a key");
  });
});

test("the line of a destination that is in the store", () => {
  const row = { state: "waiting", gate: "origin:https://app.example", queueName: "q" } as const;
  const text = "more deliveries wait there than are kept in memory";
  expect(say(row, { places: new Map([[40, 4]]) })).toBe(
    `line of https://app.example, place 4: ${text}`,
  );
  expect(say(row)).toBe(`line of https://app.example: ${text}`);
});
