import { expect, test } from "vitest";
import type { AttemptRow } from "../core/rows.ts";
import { createBodyBudget } from "./body-budget.ts";

function attempt(bytes: number | null): AttemptRow {
  return {
    key: 1,
    messageKey: 1,
    number: 0,
    startedAt: 0,
    endedAt: 0,
    status: 500,
    error: "500 Internal Server Error",
    cause: null,
    requestHeaders: null,
    responseHeaders: null,
    responseBody: bytes === null ? null : new Uint8Array(bytes),
    isTruncated: 0,
    move: "moved on",
    runKey: null,
  };
}

test("responses are shown until the budget is spent; those behind it say that they are cut", () => {
  const cutToBudget = createBodyBudget(100);
  const shown = [60, 40, 1, null, 0].map(attempt).map(cutToBudget);
  expect(shown.map(({ responseBody }) => responseBody?.byteLength ?? null)).toEqual([
    60,
    40,
    null,
    null,
    0,
  ]);
  expect(shown.map(({ isTruncated }) => isTruncated)).toEqual([0, 0, 1, 0, 0]);
});
