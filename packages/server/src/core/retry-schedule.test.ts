import fc from "fast-check";
import { expect, test } from "vitest";
import type { Outcome } from "./outcome.ts";
import { defaultRetryDelayMs, type FailedAttempt, nextAttempt } from "./retry-schedule.ts";

const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;

function response(status: number, headers: Record<string, readonly string[]> = {}): Outcome {
  return { type: "response", status, headers, body: new Uint8Array(), isTruncated: false };
}

function attempt(changes: Partial<FailedAttempt> = {}): FailedAttempt {
  return { now: NOW, retried: 0, retries: 3, retryDelay: null, outcome: response(500), ...changes };
}

test("the default backoff is e to the 2.5 n in whole seconds, at most a day", () => {
  expect([0, 1, 2, 3, 4, 99].map((retried) => defaultRetryDelayMs(retried) / 1000)).toEqual([
    12, 148, 1808, 22_026, 86_400, 86_400,
  ]);
});

test("a failed attempt is retried after the default backoff", () => {
  expect(nextAttempt(attempt())).toEqual({
    type: "retry",
    dueAt: NOW + 12_000,
    reason: "retry 1 of 3 in 12s, by the default backoff",
  });
  const refused: Outcome = { type: "error", cause: "refused", message: "connection refused" };
  expect(nextAttempt(attempt({ outcome: refused, retried: 1 }))).toMatchObject({
    dueAt: NOW + 148_000,
  });
});

test("the expression sees the retries already made", () => {
  const retryDelay = "1000 * (1 + retried)";
  expect(nextAttempt(attempt({ retryDelay, retried: 1 }))).toEqual({
    type: "retry",
    dueAt: NOW + 2000,
    reason: "retry 2 of 3 in 2s, by the retry delay of the message",
  });
});

test("a wait that the app asks for goes before the expression", () => {
  const outcome = response(429, { "retry-after": ["10"] });
  expect(nextAttempt(attempt({ retryDelay: "1", outcome }))).toEqual({
    type: "retry",
    dueAt: NOW + 10_000,
    reason: "retry 1 of 3 in 10s, as Retry-After asks",
  });
  const reset = response(500, { "x-ratelimit-reset-tokens": ["6m5s"] });
  expect(nextAttempt(attempt({ outcome: reset }))).toMatchObject({ dueAt: NOW + 365_000 });
});

test("a wait of more than a day, or one that cannot be read, is not obeyed", () => {
  for (const value of ["86401", "soon", "-1"]) {
    const outcome = response(429, { "retry-after": [value] });
    expect(nextAttempt(attempt({ retryDelay: "500", outcome }))).toMatchObject({
      dueAt: NOW + 500,
    });
  }
});

test("a wait of 0 is an immediate retry", () => {
  expect(nextAttempt(attempt({ outcome: response(503, { "retry-after": ["0"] }) }))).toMatchObject({
    dueAt: NOW,
    reason: "retry 1 of 3 in 0s, as Retry-After asks",
  });
});

test("used-up retries are the end, also when the app asks for another", () => {
  const outcome = response(429, { "retry-after": ["1"] });
  expect(nextAttempt(attempt({ retried: 3, outcome }))).toEqual({
    type: "exhausted",
    reason: "failed: all 3 retries are used up",
  });
  expect(nextAttempt(attempt({ retried: 1, retries: 1 })).reason).toBe(
    "failed: the one retry is used up",
  );
  expect(nextAttempt(attempt({ retries: 0 })).reason).toBe("failed: no retries are allowed");
});

test("the header of a non-retryable error ends the retries on any failure; status 489 alone does not", () => {
  const headers = { "upstash-nonretryable-error": ["True"] };
  for (const status of [489, 400, 500]) {
    expect(nextAttempt(attempt({ outcome: response(status, headers) }))).toEqual({
      type: "nonRetryable",
      reason: "failed: the app answered Upstash-NonRetryable-Error",
    });
  }
  expect(nextAttempt(attempt({ outcome: response(489) })).type).toBe("retry");
  expect(nextAttempt(attempt({ outcome: response(200, headers) })).type).toBe("retry");
  const no = { "upstash-nonretryable-error": ["false"] };
  expect(nextAttempt(attempt({ outcome: response(489, no) })).type).toBe("retry");
});

test("an expression that is not valid falls back to the default backoff", () => {
  expect(nextAttempt(attempt({ retryDelay: "1/0" }))).toMatchObject({ dueAt: NOW + 12_000 });
});

test("every message ends: each decision is a retry within a day, or the end", () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 200 }),
      fc.nat({ max: 100 }),
      fc.string(),
      (retried, retries, value) => {
        const outcome = response(500, { "retry-after": [value], "x-ratelimit-reset": [value] });
        const next = nextAttempt(attempt({ retried, retries, outcome, retryDelay: value }));
        expect(next.type).toBe(retried < retries ? "retry" : "exhausted");
        if (next.type === "retry") {
          expect(next.dueAt).toBeGreaterThanOrEqual(NOW);
          expect(next.dueAt).toBeLessThanOrEqual(NOW + DAY_MS);
        }
      },
    ),
  );
});

test("a destination that is denied is not tried again, and the reason names the settings", () => {
  const outcome: Outcome = { type: "error", cause: "egress_denied", message: "denied" };
  expect(nextAttempt(attempt({ outcome, retries: 100 }))).toEqual({
    type: "nonRetryable",
    reason: expect.stringMatching(/^failed: .*REPRISE_EGRESS and REPRISE_EGRESS_ALLOW/),
  });
});

test("a delivery whose connection was lost is tried again at once, whatever the retry delay says", () => {
  const outcome: Outcome = { type: "error", cause: "disconnected", message: "gone" };
  expect(nextAttempt(attempt({ outcome, retryDelay: "60000" }))).toMatchObject({
    type: "retry",
    dueAt: NOW,
  });
  expect(nextAttempt(attempt({ outcome, retried: 3 })).type).toBe("exhausted");
});
