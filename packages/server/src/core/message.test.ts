import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  attemptKey,
  createMessage,
  failMessage,
  isCurrentAttempt,
  type NewMessage,
  scheduleRetry,
  startAttempt,
} from "./message.ts";
import { contextAt, messageRow, NOW } from "./rows.suite.ts";

const { state: _state, leaseToken: _token, retried: _retried, ...fields } = messageRow();
const fresh = (more: Partial<NewMessage>): NewMessage => ({ ...fields, createdAt: NOW, ...more });

describe("a new message", () => {
  test.each([0, 1, 3_600_000])("that is due since %d ms is in its first attempt", (ago) => {
    expect(
      createMessage(fresh({ dueAt: NOW - ago }), { nodeKey: 7, attemptTimeoutMs: 5_000 }),
    ).toMatchObject({
      state: "active",
      leaseToken: 1,
      nodeKey: 7,
      retried: 0,
      dueAt: NOW + 5_000 + 60_000,
    });
  });

  test("that is due later waits for its time", () => {
    expect(
      createMessage(fresh({ dueAt: NOW + 1 }), { nodeKey: 7, attemptTimeoutMs: 5_000 }),
    ).toMatchObject({
      state: "scheduled",
      leaseToken: 0,
      nodeKey: null,
      retried: 0,
      dueAt: NOW + 1,
    });
  });
});

test("a retry is one failed attempt richer and waits, under the token of that attempt", () => {
  const active = messageRow({ retried: 1, leaseToken: 4, nodeKey: 7 });
  expect(scheduleRetry(active, NOW + 9)).toEqual({
    ...active,
    state: "scheduled",
    nodeKey: null,
    retried: 2,
    dueAt: NOW + 9,
  });
});

test("a failed message is kept as it was", () => {
  expect(failMessage(messageRow({ retried: 3, nodeKey: 7 }))).toEqual(
    messageRow({ retried: 3, state: "failed" }),
  );
});

test("nobody speaks for a message that is gone, waits or has failed", () => {
  expect(isCurrentAttempt(null, 1)).toBe(false);
  expect(isCurrentAttempt(messageRow({ state: "scheduled" }), 1)).toBe(false);
  expect(isCurrentAttempt(messageRow({ state: "failed" }), 1)).toBe(false);
  expect(isCurrentAttempt(messageRow(), 1)).toBe(true);
});

const anyMoves = fc.array(fc.constantFrom("start", "retry"), { maxLength: 200 });

test("whatever happens to a message, only its latest attempt speaks for it and no two share a key", () =>
  fc.assert(
    fc.property(anyMoves, (moves) => {
      const context = { ...contextAt(), nodeKey: 7, attemptTimeoutMs: 1_000 };
      let message = createMessage(fresh({ dueAt: NOW }), context);
      const keys = new Set<number>();
      for (const move of moves) {
        const before = message;
        if (move === "start") {
          message = startAttempt(message, context);
          expect(isCurrentAttempt(message, before.leaseToken)).toBe(false);
          expect(isCurrentAttempt(message, message.leaseToken)).toBe(true);
          expect(message.retried).toBe(before.retried);
        } else {
          expect(keys.has(attemptKey(message))).toBe(false);
          keys.add(attemptKey(message));
          message = scheduleRetry(message, NOW);
          expect(isCurrentAttempt(message, before.leaseToken)).toBe(false);
        }
      }
      const next = attemptKey({ ...message, key: message.key + 1, retried: 0 });
      for (const key of keys) expect(key).toBeLessThan(next);
    }),
  ));
