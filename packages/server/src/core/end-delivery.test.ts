import { describe, expect, test } from "vitest";
import type { EndDelivery } from "./commands.ts";
import { decideEndDelivery, type EndDeliveryState, needsRun } from "./end-delivery.ts";
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
import type { RunConfig } from "./run-config.ts";
import { continuationSlots } from "./step.ts";

const first = messageRow({ key: 2, stepPosition: 0 });
const sdk = { "upstash-workflow-sdk-version": ["1"] };

function decide(
  outcome: Outcome,
  state: Partial<EndDeliveryState> = {},
  command: Partial<EndDelivery> = {},
) {
  const message = state.message === undefined ? messageRow() : state.message;
  return decideEndDelivery(
    {
      message,
      run: runRow(),
      config: runConfig(),
      step: message?.stepPosition === 0 ? initialStep : stepRow(),
      hasContinuation: false,
      wait: null,
      invoker: null,
      openMessages: message === null ? [] : [message],
      initialStep,
      deadLetter: null,
      ...state,
    },
    endDelivery(outcome, { messageKey: message?.key ?? 3, ...command }),
    contextAt(),
  );
}

/** What becomes of a run whose first delivery has this outcome. */
function firstDelivery(outcome: Outcome, config: Partial<RunConfig> = {}) {
  const transition = decide(outcome, { message: first, config: runConfig(config) });
  return {
    run: updateOf(transition, "runs")?.state ?? "started",
    reason: insertsInto(transition, "deadLetters")[0]?.reason ?? null,
  };
}

const NOT_A_WORKFLOW =
  "detected a non-workflow destination for trigger/invoke. make sure you are sending the request to the correct endpoint";
const SDK_TOO_OLD = "trigger rest api is only usable with sdk versions after v1.0.0 major version";

describe("detection of the first answer", () => {
  test("a 2xx without the SDK's header fails the run at once, in the words that applications match", () => {
    expect(firstDelivery(response(200))).toEqual({ run: "failed", reason: NOT_A_WORKFLOW });
    expect(firstDelivery(response(204))).toEqual({ run: "failed", reason: NOT_A_WORKFLOW });
  });

  test("spends no retry and records the attempt with its answer", () => {
    const outcome = { ...response(200), body: new TextEncoder().encode("hello") } as Outcome; // Still a response.
    const transition = decide(outcome, { message: first });
    expect(insertsInto(transition, "attempts")).toMatchObject([
      { number: 0, status: 200, error: NOT_A_WORKFLOW, move: `failed: ${NOT_A_WORKFLOW}` },
    ]);
    const [deadLetter] = insertsInto(transition, "deadLetters");
    expect(new TextDecoder().decode(deadLetter?.responseBody ?? undefined)).toBe("hello");
    expect(deadLetter?.responseStatus).toBe(200);
  });

  test("a workflow's answer passes", () => {
    expect(firstDelivery(response(200, sdk))).toEqual({ run: "started", reason: null });
  });

  test("is not asked of runs that did not ask for it, nor of later deliveries", () => {
    expect(firstDelivery(response(200), { isDetecting: false }).run).toBe("started");
    expect(updateOf(decide(response(200)), "runs")).toBeNull();
  });

  test("a failed first attempt is retried like any other", () => {
    const transition = decide(response(404), { message: first });
    expect(updateOf(transition, "messages")).toMatchObject({ state: "scheduled", retried: 1 });
  });
});

describe("a run that was started over REST", () => {
  const rest = { requiresSdkHeader: true };
  const version = (text: string) => ({ ...sdk, "upstash-workflow-sdk": [text] });

  test.each(["v1.0.0", "v1.3.2", "1.3.2", "v10.0.0"])("takes the SDK %s", (text) => {
    expect(firstDelivery(response(200, version(text)), rest).run).toBe("started");
  });

  test.each(["v0.2.23", "v0.9.9", "0.1.0", "", "latest", "v1"])("refuses the SDK %j", (text) => {
    expect(firstDelivery(response(200, version(text)), rest)).toEqual({
      run: "failed",
      reason: SDK_TOO_OLD,
    });
  });

  test("refuses an endpoint whose SDK does not tell its version", () => {
    expect(firstDelivery(response(200, sdk), rest)).toEqual({ run: "failed", reason: SDK_TOO_OLD });
  });

  test("is told of an endpoint that is no workflow at all in the other words", () => {
    expect(firstDelivery(response(200), rest).reason).toBe(NOT_A_WORKFLOW);
  });

  test("does not check the first contact with an unknown SDK for its version", () => {
    const hop = messageRow({ kind: "hop", stepPosition: 0 });
    const config = runConfig({ ...rest, hop: "done" });
    const transition = decide(response(200, sdk), { message: hop, config, step: null });
    expect(updateOf(transition, "runs")).toBeNull();
    expect(deletesFrom(transition, "messages")).toEqual([3]);
  });
});

describe("a hop", () => {
  const hop = messageRow({ kind: "hop", stepPosition: 0, config: JSON.stringify({ forward: {} }) });
  const state = (fields: Partial<RunConfig>) => ({
    message: hop,
    step: null,
    config: runConfig({ isDetecting: false, ...fields }),
  });

  test("that triggered the run again has done its work", () => {
    const transition = decide(response(200, sdk), state({ hop: "done" }));
    expect(deletesFrom(transition, "messages")).toEqual([3]);
  });

  test("that answered without doing so is retried, and says why", () => {
    const transition = decide(response(200, sdk), state({ hop: "pending" }));
    expect(updateOf(transition, "messages")).toMatchObject({ state: "scheduled", retried: 1 });
    expect(insertsInto(transition, "attempts")).toMatchObject([
      { status: 200, error: "the endpoint answered without triggering the run again" },
    ]);
  });

  test("that failed after it had triggered the run again neither retries nor fails the run", () => {
    const spent = { ...state({ hop: "done" }), message: { ...hop, retried: 3 } };
    for (const outcome of [response(500), response(504)]) {
      const transition = decide(outcome, spent);
      expect(updateOf(transition, "runs")).toBeNull();
      expect(deletesFrom(transition, "messages")).toEqual([3]);
    }
  });
});

describe("a failure behind an accepted continuation", () => {
  test("counts as delivered, whatever is left of the retries", () => {
    for (const retried of [0, 3]) {
      const message = messageRow({ retried });
      const transition = decide(response(504), { message, hasContinuation: true });
      expect(updateOf(transition, "runs")).toBeNull();
      expect(deletesFrom(transition, "messages")).toEqual([3]);
      expect(insertsInto(transition, "attempts")).toMatchObject([
        {
          status: 504,
          error: "504 Gateway Timeout",
          move: "delivered: its continuation had been accepted before the answer",
        },
      ]);
    }
  });

  test("is seen in the next step's slots, or for a plan in its result's", () => {
    // Behind step 3: the result of step 4, or a plan for it.
    expect(continuationSlots(stepRow({ slot: 7, nextStepId: 4 }))).toEqual([9, 8]);
    // A plan for step 4 of a group of 4 to 6: the result of step 4.
    expect(continuationSlots(stepRow({ slot: 8, nextStepId: 7 }))).toEqual([9]);
    // A result in that group: what follows the whole group.
    expect(continuationSlots(stepRow({ slot: 9, nextStepId: 7 }))).toEqual([15, 14]);
    expect(continuationSlots(initialStep)).toEqual([3, 2]);
  });
});

describe("a 2xx from nobody that is an SDK, behind the first delivery", () => {
  const page = response(200);
  const step = messageRow({ stepPosition: 3 });
  const answer = messageRow({ kind: "callResult", stepPosition: null, waitKey: 40, config: "{}" });

  test.each([step, answer])("is retried, because nothing would follow it ($kind)", (message) => {
    const transition = decide(page, { message });
    expect(updateOf(transition, "messages")).toMatchObject({ state: "scheduled", retried: 1 });
    expect(insertsInto(transition, "attempts")).toMatchObject([
      { error: expect.stringMatching(/does not come from a workflow/) },
    ]);
  });

  test.each([step, answer])("is good when the step has been recorded ($kind)", (message) => {
    const transition = decide(page, { message, hasContinuation: true });
    expect(deletesFrom(transition, "messages")).toEqual([3]);
  });

  test.each([step, answer])("is good from an SDK ($kind)", (message) => {
    expect(needsRun(message, response(200, sdk))).toBe(false);
    expect(deletesFrom(decide(response(200, sdk), { message }), "messages")).toEqual([3]);
  });
});

describe("attempts", () => {
  const outcome: Outcome = {
    type: "response",
    status: 503,
    headers: { "retry-after": ["7"], "x-a": ["1", "2"] },
    body: new Uint8Array([1, 2, 3]),
    isTruncated: true,
  };

  test("keep everything that was sent and received, with the number and the next move", () => {
    const message = messageRow({ retried: 2, leaseToken: 4 });
    const command = {
      leaseToken: 4,
      startedAt: NOW - 25,
      endedAt: NOW - 5,
      requestHeaders: { "upstash-retried": "2" },
    };
    const transition = decide(outcome, { message }, command);
    expect(insertsInto(transition, "attempts")).toEqual([
      {
        key: 3 * 1024 + 2,
        messageKey: 3,
        number: 2,
        startedAt: NOW - 25,
        endedAt: NOW - 5,
        status: 503,
        error: "503 Service Unavailable",
        cause: null,
        requestHeaders: '{"upstash-retried":"2"}',
        responseHeaders: '{"retry-after":["7"],"x-a":["1","2"]}',
        responseBody: new Uint8Array([1, 2, 3]),
        isTruncated: 1,
        move: "retry 3 of 3 in 7s, as Retry-After asks",
        runKey: null,
      },
    ]);
    expect(updateOf(transition, "messages")).toEqual({
      state: "scheduled",
      retried: 3,
      dueAt: NOW + 7_000,
    });
    expect(transition.effects).toEqual([{ type: "wake", dueAt: NOW + 7_000 }]);
  });

  test("without an answer keep the cause", () => {
    const refused = { type: "error", cause: "refused", message: "connection refused" } as const;
    expect(insertsInto(decide(refused), "attempts")).toMatchObject([
      {
        status: 0,
        error: "connection refused",
        cause: "refused",
        responseHeaders: null,
        responseBody: null,
        isTruncated: 0,
      },
    ]);
  });

  test("that succeed end their message", () => {
    const transition = decide(response(200, sdk));
    expect(insertsInto(transition, "attempts")).toMatchObject([
      { number: 0, status: 200, error: null, move: "delivered" },
    ]);
    expect(deletesFrom(transition, "messages")).toEqual([3]);
    expect(transition.effects).toEqual([]);
  });

  test.each([
    [299, true],
    [300, false],
    [304, false],
    [199, false],
  ])("with status %d succeed: %s", (status, isDelivered) => {
    const transition = decide(response(status, sdk));
    expect(deletesFrom(transition, "messages").length > 0).toBe(isDelivered);
  });

  test("with a status that has no name show the number", () => {
    expect(insertsInto(decide(response(599)), "attempts")).toMatchObject([{ error: "599" }]);
  });
});

describe("a success that no SDK has sent", () => {
  test("is a failed attempt: the run would hang for ever", () => {
    const transition = decide(response(200));
    expect(insertsInto(transition, "attempts")).toMatchObject([
      { status: 200, error: expect.stringContaining("does not come from a workflow") },
    ]);
    expect(updateOf(transition, "messages")).toMatchObject({ state: "scheduled", retried: 1 });
  });

  test.each([
    ["behind which the run goes on", { hasContinuation: true }],
    ["of a run that asked for no check", { config: runConfig({ isDetecting: false }) }],
  ] satisfies [string, Partial<EndDeliveryState>][])("%s is a success", (_name, state) => {
    expect(deletesFrom(decide(response(200), state), "messages")).toEqual([3]);
  });
});

describe("what comes too late", () => {
  const nothing = { changes: [], effects: [], answer: null };

  test.each([0, 2])("with the token %d of another attempt changes nothing", (leaseToken) => {
    expect(decide(response(500), {}, { leaseToken })).toEqual(nothing);
    expect(decide(response(200), {}, { leaseToken })).toEqual(nothing);
  });

  test.each(["scheduled", "failed"] as const)("for a %s message changes nothing", (state) => {
    expect(decide(response(200), { message: messageRow({ state }) })).toEqual(nothing);
  });

  test("for a message that is gone changes nothing", () => {
    expect(decide(response(200), { message: null })).toEqual(nothing);
  });

  test.each(["succeeded", "canceled", "failed"] as const)(
    "for a run that has %s is recorded, and that is all",
    (state) => {
      for (const outcome of [
        response(500),
        response(489, { "upstash-nonretryable-error": ["true"] }),
      ]) {
        const transition = decide(outcome, { run: runRow({ state }) });
        expect(transition.changes.map(({ table, type }) => `${table} ${type}`)).toEqual([
          "attempts insert",
          "messages delete",
        ]);
        expect(insertsInto(transition, "attempts")).toMatchObject([
          { move: "the run had ended already" },
        ]);
        expect(transition.effects).toEqual([]);
      }
    },
  );
});

describe("settings of the retries", () => {
  test("come from the run when they hold for the whole run", () => {
    const step = stepRow({ config: JSON.stringify({ forward: {}, retryDelay: "50" }) });
    const transition = decide(response(500), { step, config: runConfig({ retryDelay: "200" }) });
    expect(updateOf(transition, "messages")).toMatchObject({ dueAt: NOW + 200 });
  });

  test("come from the message when they do not", () => {
    const config = runConfig({ isPersistent: false, retryDelay: "200" });
    const step = stepRow({ config: JSON.stringify({ forward: {}, retryDelay: "50" }) });
    expect(updateOf(decide(response(500), { step, config }), "messages")).toMatchObject({
      dueAt: NOW + 50,
    });
    expect(updateOf(decide(response(500), { config }), "messages")).toMatchObject({
      dueAt: NOW + 12_000,
    });
  });
});

test("only the success of a later step is decided without a look at the run", () => {
  expect(needsRun(messageRow(), response(200, sdk))).toBe(false);
  expect(needsRun(messageRow(), response(200))).toBe(true);
  expect(needsRun(messageRow(), response(500))).toBe(true);
  expect(needsRun(first, response(200))).toBe(true);
  expect(needsRun(messageRow({ kind: "hop" }), response(200))).toBe(true);
  expect(needsRun(messageRow({ kind: "failureCall" }), response(200))).toBe(true);
  const transition = decide(response(200, sdk), { run: null, config: null, step: null });
  expect(deletesFrom(transition, "messages")).toEqual([3]);
});
