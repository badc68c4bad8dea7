import { deadLetterId, messageId } from "@reprise/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideEndDelivery } from "./end-delivery.ts";
import {
  type CallbackCommandState,
  createFailureCall,
  decideCancelCallback,
  decideRetryCallback,
  type FailureCall,
} from "./failure-call.ts";
import { GateBook } from "./gate-book.ts";
import type { Outcome } from "./outcome.ts";
import {
  contextAt,
  deadLetterRow,
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
import type { AttemptRow, DeadLetterRow } from "./rows.ts";
import type { MessageConfig } from "./run-config.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

function attemptRow(fields: Partial<AttemptRow>): AttemptRow {
  return {
    key: 0,
    messageKey: 1,
    number: 0,
    startedAt: NOW,
    endedAt: NOW,
    status: 500,
    error: "500",
    cause: null,
    requestHeaders: null,
    responseHeaders: null,
    responseBody: null,
    isTruncated: 0,
    move: "retry",
    runKey: null,
    ...fields,
  };
}

const failed = messageRow({ state: "failed", retried: 3, retries: 3, createdAt: NOW - 9_000 });
const run = runRow({ state: "failed" });

function createCall(fields: Partial<FailureCall> = {}, config: MessageConfig = { forward: {} }) {
  return createFailureCall(
    {
      deadLetter: deadLetterRow(),
      failureCallback: { url: "https://app.test/failed", config },
      source: { message: failed, run, config: runConfig(), own: { forward: {} } },
      payload: new TextEncoder().encode('{"order":7}'),
      book: new GateBook(null, []),
      failure: { step: null, wait: null, attempts: [] },
      ...fields,
    },
    contextAt(),
  );
}

type Body = Readonly<Record<string, unknown>>;

function bodyOf(call: { readonly body: Uint8Array | null }): Body {
  // The body is JSON of an object: that is what the first test is about.
  return JSON.parse(new TextDecoder().decode(call.body ?? undefined)) as Body;
}

describe("the body", () => {
  const deadLetter = deadLetterRow({
    responseStatus: 404,
    responseHeaders: JSON.stringify({ "ngrok-error-code": ["ERR_NGROK_3200"], "x-a": ["1", "2"] }),
    responseBody: new TextEncoder().encode("<html>gone</html>"),
  });

  test("has every documented field and those that the SDKs read, and no other", () => {
    const { sourceHeader, ...body } = bodyOf(createCall({ deadLetter }));
    expect(body).toEqual({
      status: 404,
      header: { "Ngrok-Error-Code": ["ERR_NGROK_3200"], "X-A": ["1", "2"] },
      body: btoa("<html>gone</html>"),
      retried: 3,
      maxRetries: 3,
      dlqId: deadLetterId({ failedAt: deadLetter.createdAt, key: deadLetter.key }),
      sourceMessageId: messageId(failed.key),
      url: "https://app.test/api/order",
      method: "POST",
      sourceBody: btoa('{"order":7}'),
      notBefore: NOW - 9_000,
      createdAt: NOW - 9_000,
      callerIP: "192.0.2.1",
      workflowRunId: "wfr_test",
      workflowCreatedAt: run.createdAt,
      workflowUrl: "https://app.test/api/order",
      failedStep: null,
      attempts: [],
    });
    expect(sourceHeader).toMatchObject({
      "Content-Type": ["application/json"],
      "Upstash-Message-Id": [messageId(failed.key)],
      "Upstash-Retried": ["3"],
      "Upstash-Workflow-Runid": ["wfr_test"],
    });
  });

  test("names the step that has failed, and tells of its newest attempts", () => {
    const attempt = (number: number, own: Partial<AttemptRow> = {}) =>
      attemptRow({ number, startedAt: NOW + number, endedAt: NOW + number + 5, ...own });
    const named = JSON.stringify({ "upstash-error-step-name": ["charge"] });
    const long = new Uint8Array(4_097);
    const attempts = [
      ...Array.from({ length: 20 }, (_, number) => attempt(number, { responseBody: long })),
      attempt(20, { responseHeaders: named, error: "500", status: 500, responseBody: utf8("no") }),
    ];
    const step = stepRow({ nextStepId: 4 });
    const body = bodyOf(createCall({ failure: { step, wait: null, attempts } }));
    expect(body.failedStep).toEqual({ stepName: "charge", stepType: null, stepId: 4 });
    const told = body.attempts as readonly Body[]; // As above.
    expect(told).toHaveLength(20);
    expect(told[0]).toEqual({ startedAt: NOW + 1, endedAt: NOW + 6, status: 500, error: "500" });
    expect(told.at(-1)).toMatchObject({ startedAt: NOW + 20, responseBody: "no" });
  });

  test("takes the name of a branch from its plan", () => {
    const record = { stepId: 0, targetStep: 7, stepName: "ship", stepType: "Run", concurrent: 2 };
    const step = stepRow({ slot: 14, body: utf8(JSON.stringify(record)) });
    const body = bodyOf(createCall({ failure: { step, wait: null, attempts: [] } }));
    expect(body.failedStep).toEqual({ stepName: "ship", stepType: "Run", stepId: 7 });
    const broken = stepRow({ slot: 14, body: utf8("no json") });
    const failure = { step: broken, wait: null, attempts: [] };
    expect(bodyOf(createCall({ failure })).failedStep).toBe(null);
  });

  test("of a request without an answer has status 0 and no headers", () => {
    const silent = deadLetterRow({ responseStatus: 0, responseBody: null });
    expect(bodyOf(createCall({ deadLetter: silent }))).toMatchObject({
      status: 0,
      header: {},
      body: "",
    });
  });

  test("carries the labels, the first one apart", () => {
    const labelled = runRow({ state: "failed", labels: ",red,blue," });
    const source = { message: failed, run: labelled, config: runConfig(), own: { forward: {} } };
    expect(bodyOf(createCall({ source }))).toMatchObject({
      label: "red",
      labels: ["red", "blue"],
    });
    expect(bodyOf(createCall())).not.toHaveProperty("label");
    expect(bodyOf(createCall())).not.toHaveProperty("labels");
  });

  test("keeps any bytes of the answer and of the payload", () =>
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (responseBody, payload) => {
        const letter = deadLetterRow({ responseBody });
        const body = bodyOf(createCall({ deadLetter: letter, payload }));
        const bytes = (text: unknown) => new Uint8Array(Buffer.from(String(text), "base64"));
        expect(bytes(body.body)).toEqual(responseBody);
        expect(bytes(body.sourceBody)).toEqual(payload);
      }),
    ));

  test("is the same after a JavaScript server has parsed and printed it again", () => {
    const call = createCall({ deadLetter });
    const text = new TextDecoder().decode(call.body ?? undefined);
    expect(JSON.stringify(JSON.parse(text))).toBe(text);
  });
});

describe("the message", () => {
  test("goes to the callback at once, with its settings", () => {
    const config = { forward: { authorization: "Bearer u" }, retries: 5, timeoutMs: 4_000 };
    expect(createCall({}, config)).toMatchObject({
      kind: "failureCall",
      state: "active",
      leaseToken: 1,
      runKey: 1,
      stepPosition: null,
      deadLetterKey: 20,
      retried: 0,
      retries: 5,
      url: "https://app.test/failed",
      dueAt: NOW + 4_000 + 60_000,
    });
    expect(JSON.parse(createCall({}, config).config ?? "")).toMatchObject(config);
  });

  test("takes retries and their delay from the settings of the failed message when it brings none", () => {
    const source = {
      // A nudge has given it more.
      message: { ...failed, retries: 12 },
      run,
      config: runConfig({ retries: 9, retryDelay: "700" }),
      own: { forward: {} },
    };
    const call = createCall({ source });
    expect(call.retries).toBe(9);
    expect(JSON.parse(call.config ?? "")).toMatchObject({ retryDelay: "700" });
    const own = createCall({ source }, { forward: {}, retries: 0, retryDelay: "5" });
    expect(own.retries).toBe(0);
    expect(JSON.parse(own.config ?? "")).toMatchObject({ retryDelay: "5" });
  });
});

const call = createCall();

function end(outcome: Outcome, fields: Partial<DeadLetterRow> = {}, retried = 0) {
  const message = { ...call, retried };
  return decideEndDelivery(
    {
      message,
      run,
      config: runConfig(),
      step: null,
      hasContinuation: false,
      wait: null,
      invoker: null,
      openMessages: [message],
      initialStep,
      deadLetter: deadLetterRow({
        callbackState: "CALLBACK_INPROGRESS",
        callbackMessageKey: call.key,
        ...fields,
      }),
    },
    endDelivery(outcome, { messageKey: call.key }),
    contextAt(),
  );
}

describe("its answer", () => {
  const answer: Outcome = {
    type: "response",
    status: 200,
    headers: { "content-type": ["application/json"] },
    body: new TextEncoder().encode('{"result":"told them"}'),
    isTruncated: false,
  };

  test("is kept on the dead letter", () => {
    const transition = end(answer);
    expect(updateOf(transition, "deadLetters")).toEqual({
      callbackState: "CALLBACK_SUCCESS",
      callbackResponseStatus: 200,
      callbackResponseHeaders: '{"content-type":["application/json"]}',
      callbackResponseBody: new TextEncoder().encode('{"result":"told them"}'),
    });
    expect(deletesFrom(transition, "messages")).toEqual([call.key]);
    expect(insertsInto(transition, "attempts")).toMatchObject([{ status: 200, move: "delivered" }]);
  });

  test("that there is no failure function leaves no state", () => {
    const outcome = response(200, { "upstash-workflow-failure-callback-notfound": ["true"] });
    expect(updateOf(end(outcome), "deadLetters")).toMatchObject({ callbackState: null });
  });

  test("that failed is retried by the call's own budget, then the state says so", () => {
    const first = end(response(500));
    expect(updateOf(first, "messages")).toMatchObject({ state: "scheduled", retried: 1 });
    expect(updateOf(first, "messages")?.dueAt).toBe(NOW + 1_000);
    expect(updateOf(first, "deadLetters")).toBeNull();
    const last = end({ type: "error", cause: "timeout", message: "no answer in 5s" }, {}, 3);
    expect(updateOf(last, "deadLetters")).toMatchObject({
      callbackState: "CALLBACK_FAIL",
      callbackResponseStatus: 0,
      callbackResponseBody: new TextEncoder().encode("no answer in 5s"),
    });
    expect(deletesFrom(last, "messages")).toEqual([call.key]);
  });

  test("makes no second dead letter and no second call", () => {
    const transition = end(response(500), {}, 3);
    expect(insertsInto(transition, "deadLetters")).toEqual([]);
    expect(insertsInto(transition, "messages")).toEqual([]);
    expect(updateOf(transition, "runs")).toBeNull();
  });

  test("that retries are pointless ends them", () => {
    const outcome = response(489, { "upstash-nonretryable-error": ["true"] });
    expect(updateOf(end(outcome), "deadLetters")).toMatchObject({ callbackState: "CALLBACK_FAIL" });
  });

  test("of a call that a newer one has replaced does not touch the dead letter", () => {
    const transition = end(answer, { callbackMessageKey: 999 });
    expect(updateOf(transition, "deadLetters")).toBeNull();
    expect(deletesFrom(transition, "messages")).toEqual([call.key]);
  });
});

describe("by hand", () => {
  const state = (fields: Partial<DeadLetterRow>): CallbackCommandState => ({
    deadLetter: deadLetterRow({ callbackMessageKey: 40, ...fields }),
    run,
    config: runConfig(),
    failedMessage: failed,
    failedStep: stepRow(),
    initialStep,
    callbackMessage: messageRow({ key: 40, kind: "failureCall" }),
  });
  const again = { type: "retryCallback", deadLetterKey: 20 } as const;
  const cancel = { type: "cancelCallback", deadLetterKey: 20 } as const;

  test("a failed call is made anew, with a body of its own", () => {
    const transition = decideRetryCallback(
      state({ callbackState: "CALLBACK_FAIL" }),
      again,
      contextAt(),
    );
    const [anew] = insertsInto(transition, "messages");
    expect(anew).toMatchObject({ kind: "failureCall", state: "active", retried: 0 });
    expect(anew?.key).not.toBe(40);
    expect(anew === undefined ? null : bodyOf(anew)).toMatchObject({
      sourceBody: btoa("payload"),
      sourceMessageId: messageId(failed.key),
    });
    expect(updateOf(transition, "deadLetters")).toEqual({
      callbackState: "CALLBACK_INPROGRESS",
      callbackMessageKey: anew?.key,
      callbackUrl: "https://app.test/api/order",
    });
    expect(transition.answer).toEqual({
      runKey: 1,
      workflowRunId: "wfr_test",
      workflowCreatedAt: run.createdAt,
    });
  });

  test("a call without a callback to make is refused", () => {
    const none = {
      ...state({ callbackState: "CALLBACK_FAIL" }),
      config: runConfig({ failureCallback: null }),
    };
    expect(() => decideRetryCallback(none, again, contextAt())).toThrow(/only after it has failed/);
  });

  test("a cancelled call is gone, and its state says so", () => {
    const transition = decideCancelCallback(
      state({ callbackState: "CALLBACK_INPROGRESS" }),
      cancel,
    );
    expect(updateOf(transition, "deadLetters")).toEqual({ callbackState: "CALLBACK_CANCELED" });
    expect(deletesFrom(transition, "messages")).toEqual([40]);
  });
});
