import { describe, expect, test } from "vitest";
import { decideEndDelivery, type EndDeliveryState } from "./end-delivery.ts";
import type { Outcome } from "./outcome.ts";
import {
  contextAt,
  deletesFrom,
  endDelivery,
  initialStep,
  insertsInto,
  messageRow,
  NOW,
  response,
  runConfig,
  runRow,
  stepRow,
  updateOf,
} from "./rows.suite.ts";

/** A message that has one attempt left, which fails. */
const spent = messageRow({ retried: 3 });

function fail(state: Partial<EndDeliveryState> = {}, outcome: Outcome = response(500)) {
  return decideEndDelivery(
    {
      message: spent,
      run: runRow(),
      config: runConfig(),
      step: stepRow(),
      hasContinuation: false,
      wait: null,
      invoker: null,
      openMessages: [spent],
      initialStep,
      deadLetter: null,
      ...state,
    },
    endDelivery(outcome),
    contextAt(),
  );
}

describe("a run whose message is out of attempts", () => {
  test("fails together with its dead letter, its attempt and its failure call", () => {
    const transition = fail();
    expect(transition.changes.map(({ table, type }) => `${table} ${type}`)).toEqual([
      "attempts insert",
      "messages update",
      "runs update",
      "deadLetters insert",
      "messages insert",
    ]);
    const [deadLetter] = insertsInto(transition, "deadLetters");
    expect(updateOf(transition, "runs")).toEqual({
      state: "failed",
      completedAt: NOW,
      deadLetterKey: deadLetter?.key,
    });
    expect(updateOf(transition, "messages")).toEqual({ state: "failed" });
    expect(insertsInto(transition, "attempts")).toMatchObject([
      { number: 3, status: 500, move: "failed: all 3 retries are used up" },
    ]);
  });

  test("delivers the failure call at once", () => {
    const transition = fail();
    const [call] = insertsInto(transition, "messages");
    expect(call).toMatchObject({ kind: "failureCall", state: "active", runKey: 1 });
    expect(transition.effects).toEqual([{ type: "deliver", messageKey: call?.key, leaseToken: 1 }]);
  });

  test("drops deliveries that have not begun and leaves those in flight alone", () => {
    const others = [
      messageRow({ key: 30, state: "scheduled" }),
      messageRow({ key: 31, state: "active" }),
      messageRow({ key: 32, state: "scheduled", kind: "hop" }),
      messageRow({ key: 33, state: "scheduled", kind: "failureCall" }),
    ];
    expect(deletesFrom(fail({ openMessages: [spent, ...others] }), "messages")).toEqual([30, 32]);
  });

  test("fails at once when the app says that a retry is pointless", () => {
    const outcome = response(489, { "upstash-nonretryable-error": ["true"] });
    const fresh = messageRow({ retried: 0 });
    const transition = fail({ message: fresh, openMessages: [fresh] }, outcome);
    expect(updateOf(transition, "runs")).toMatchObject({ state: "failed" });
    expect(insertsInto(transition, "attempts")).toMatchObject([
      { number: 0, move: "failed: the app answered Upstash-NonRetryable-Error" },
    ]);
  });
});

describe("the dead letter", () => {
  const answer: Outcome = {
    type: "response",
    status: 404,
    headers: { "ngrok-error-code": ["ERR_NGROK_3200"], "set-cookie": ["a=1", "b=2"] },
    body: new Uint8Array([0xff, 0x00, 0x3c]),
    isTruncated: true,
  };

  test("keeps the run's marks, the whole answer and the reason", () => {
    const run = runRow({ labels: ",red,blue,", flowControlKey: "fk", callerIp: "192.0.2.7" });
    const [deadLetter] = insertsInto(fail({ run }, answer), "deadLetters");
    expect(deadLetter).toEqual({
      key: expect.any(Number),
      state: "open",
      runKey: 1,
      messageKey: 3,
      createdAt: NOW,
      closedAt: null,
      nextRunKey: null,
      runId: "wfr_test",
      runCreatedAt: run.createdAt,
      url: run.url,
      callerIp: "192.0.2.7",
      labels: ",red,blue,",
      flowControlKey: "fk",
      responseStatus: 404,
      responseHeaders: '{"ngrok-error-code":["ERR_NGROK_3200"],"set-cookie":["a=1","b=2"]}',
      responseBody: new Uint8Array([0xff, 0x00, 0x3c]),
      isTruncated: 1,
      reason: "404 Not Found",
      callbackState: "CALLBACK_INPROGRESS",
      callbackUrl: "https://app.test/api/order",
      callbackMessageKey: expect.any(Number),
      callbackResponseStatus: null,
      callbackResponseHeaders: null,
      callbackResponseBody: null,
      isHeld: 0,
      failureCause: "tunnel_page",
      failureText: "<",
      groupId: expect.stringMatching(/^grp_[\w-]{24}$/),
      stepName: null,
    });
  });

  test("of a request without an answer has status 0 and the fault as its body", () => {
    const refused = { type: "error", cause: "refused", message: "connection refused" } as const;
    const [deadLetter] = insertsInto(fail({}, refused), "deadLetters");
    expect(deadLetter).toMatchObject({
      responseStatus: 0,
      responseHeaders: null,
      isTruncated: 0,
      reason: "connection refused",
    });
    expect(new TextDecoder().decode(deadLetter?.responseBody ?? undefined)).toBe(
      "connection refused",
    );
  });

  test("points to its failure call", () => {
    const transition = fail();
    const [call] = insertsInto(transition, "messages");
    const [deadLetter] = insertsInto(transition, "deadLetters");
    expect(deadLetter?.callbackMessageKey).toBe(call?.key);
    expect(call?.deadLetterKey).toBe(deadLetter?.key);
  });

  test("without a failure callback has no state and no message", () => {
    const transition = fail({ config: runConfig({ failureCallback: null }) });
    expect(insertsInto(transition, "deadLetters")).toMatchObject([
      { callbackState: null, callbackUrl: null, callbackMessageKey: null },
    ]);
    expect(insertsInto(transition, "messages")).toEqual([]);
    expect(transition.effects).toEqual([]);
  });
});

describe("which failure callback is told", () => {
  const own = { url: "https://own.test/failed", config: { forward: {} } };
  const step = stepRow({ config: JSON.stringify({ forward: {}, failureCallback: own }) });
  const urlOf = (state: Partial<EndDeliveryState>) =>
    insertsInto(fail(state), "messages")[0]?.url ?? null;

  test("the run's, when the trigger's settings hold for the whole run", () => {
    expect(urlOf({ step })).toBe("https://app.test/api/order");
  });

  test("the message's own, when they do not", () => {
    const config = runConfig({ isPersistent: false });
    expect(urlOf({ step, config })).toBe("https://own.test/failed");
    expect(urlOf({ config })).toBeNull();
  });

  test("the hop's own, which has no record", () => {
    const message = messageRow({
      ...spent,
      kind: "hop",
      config: JSON.stringify({ forward: {}, failureCallback: own }),
    });
    const config = runConfig({ isPersistent: false, hop: "pending" });
    expect(urlOf({ message, step: null, config })).toBe("https://own.test/failed");
  });
});
