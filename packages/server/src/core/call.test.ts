import { describe, expect, test } from "vitest";
import { decideEndDelivery, type EndDeliveryState } from "./end-delivery.ts";
import type { Outcome } from "./outcome.ts";
import {
  contextAt,
  deadLetterRow,
  deletesFrom,
  endDelivery,
  initialStep,
  insertsInto,
  messageRow,
  response,
  runConfig,
  runRow,
  updateOf,
} from "./rows.suite.ts";
import { waitRow } from "./wait.suite.ts";

const call = messageRow({
  key: 3,
  kind: "call",
  stepPosition: null,
  retries: 2,
  url: "https://service.test/pay",
  waitKey: 40,
  config: JSON.stringify({ forward: { "x-key": "k" }, method: "PUT" }),
});
const open = waitRow({
  kind: "call",
  dueAt: null,
  eventId: null,
  requestKey: 3,
  body: new Uint8Array([7]),
});
const refused: Outcome = { type: "error", cause: "refused", message: "connection refused" };

function end(outcome: Outcome, fields: Partial<EndDeliveryState> = {}) {
  return decideEndDelivery(
    {
      message: call,
      run: runRow(),
      config: runConfig(),
      step: null,
      wait: open,
      hasContinuation: false,
      openMessages: [],
      initialStep,
      invoker: null,
      deadLetter: null,
      ...fields,
    },
    endDelivery(outcome),
    contextAt(),
  );
}

const spent = { message: { ...call, retried: 2 } };
const reportOf = (transition: ReturnType<typeof end>) => {
  const { answer } = updateOf(transition, "waits") as { answer?: Uint8Array }; // The wait that is answered.
  return JSON.parse(new TextDecoder().decode(answer));
};

describe("the answer of a call", () => {
  test("is told to the app once, by a delivery of its own", () => {
    const transition = end(response(201, { "content-type": ["text/plain"] }));
    expect(deletesFrom(transition, "messages")).toEqual([3]);
    expect(updateOf(transition, "waits")).toMatchObject({ state: "answered" });
    // A call has no record, so its attempt says whose it is.
    expect(insertsInto(transition, "attempts")).toMatchObject([{ messageKey: 3, runKey: 1 }]);
    expect(insertsInto(transition, "messages")).toMatchObject([
      { kind: "callResult", waitKey: 40, state: "active", url: "https://app.test/api/order" },
    ]);
    expect(reportOf(transition)).toMatchObject({
      status: 201,
      header: { "Content-Type": ["text/plain"] },
      retried: 0,
      maxRetries: 2,
      url: "https://service.test/pay",
      method: "PUT",
      sourceHeader: { "X-Key": ["k"] },
      sourceBody: "Bw==",
    });
  });

  test("waits for retries", () => {
    const transition = end(response(500));
    expect(updateOf(transition, "messages")).toMatchObject({ state: "scheduled", retried: 1 });
    expect(insertsInto(transition, "messages")).toEqual([]);
  });

  test("is what the last retry has led to, and fails nothing", () => {
    const transition = end(response(503), spent);
    expect(reportOf(transition)).toMatchObject({ status: 503, retried: 2, maxRetries: 2 });
    expect(insertsInto(transition, "deadLetters")).toEqual([]);
  });

  test("that forbids retries is final all the same: SDKs compare the two counts", () => {
    const transition = end(response(489, { "upstash-nonretryable-error": ["true"] }));
    expect(reportOf(transition)).toMatchObject({ status: 489, retried: 2, maxRetries: 2 });
  });

  test("of nobody is status 0 and the reason", () => {
    const report = reportOf(end(refused, spent));
    expect(report.status).toBe(0);
    expect(Buffer.from(report.body, "base64").toString()).toBe("connection refused");
  });
});

describe("when the answer comes", () => {
  const failed = { run: runRow({ state: "failed", deadLetterKey: 20 }) };

  test("to a failed run, it is kept for the resume", () => {
    const transition = end(response(200), { ...failed, deadLetter: deadLetterRow() });
    expect(updateOf(transition, "waits")).toMatchObject({ state: "answered" });
    expect(insertsInto(transition, "messages")).toEqual([]);
  });

  test("to a run that nobody will resume, it is dropped", () => {
    const letter = deadLetterRow({ state: "deleted" });
    const transition = end(response(200), { ...failed, deadLetter: letter });
    expect(updateOf(transition, "waits")).toMatchObject({ state: "dropped" });
  });

  test.each(["dropped", "moved", "done"] as const)(
    "to a wait that is %s, nothing follows",
    (state) => {
      const transition = end(response(200), { wait: { ...open, state } });
      expect(deletesFrom(transition, "messages")).toEqual([3]);
      expect(insertsInto(transition, "messages")).toEqual([]);
    },
  );
});
