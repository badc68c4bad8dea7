import type { RunResource, StepGroupResource } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { describeBody, reasonOf } from "./run-story.ts";
import { textOf, verdictOf } from "./verdict.ts";

const AT = Date.parse("2026-11-22T10:00:00Z");
const ERROR = {
  error: "503 Service Unavailable",
  body: '{"error":"Error","message":"the bank is \\"closed\\""}',
  headers: {},
  status: 503,
  time: AT,
};

function makeRun(given: Partial<RunResource>, ...next: readonly object[]): RunResource {
  const initial = { stepName: "init", stepType: "Initial", state: "STEP_SUCCESS", messageId: "m0" };
  const load = {
    stepId: 1,
    stepName: "load",
    stepType: "Run",
    state: "STEP_SUCCESS",
    messageId: "m1",
  };
  const groups = [
    { type: "sequential", steps: [initial] },
    { type: "sequential", steps: [load] },
    ...(next.length === 0 ? [] : [{ type: next.length > 1 ? "parallel" : "next", steps: next }]),
  ];
  return {
    workflowRunId: "wfr_a",
    workflowUrl: "https://app.test:8443/order",
    workflowState: "RUN_STARTED",
    workflowRunCreatedAt: AT,
    // What a run has beside this is of no matter here.
    steps: groups as unknown as readonly StepGroupResource[],
    ...given,
  };
}

function say(run: RunResource): string {
  const { words, next } = verdictOf(run);
  const text = (part: typeof words) => textOf(part, (at) => new Date(at).toISOString());
  return [text(words), text(next)].filter((part) => part !== "").join(" ");
}

const retry = { state: "STEP_RETRY", retries: 5, errors: [ERROR], messageId: "m2" };
const failed = { state: "STEP_FAILED", retries: 0, errors: [ERROR, ERROR], messageId: "m2" };
const progress = { state: "STEP_PROGRESS", retries: 3, messageId: "m2" };

describe("the verdict on a run that has ended", () => {
  const ended = { workflowRunCompletedAt: AT + 3_000 };
  test("succeeded", () => {
    const run = makeRun({ ...ended, workflowState: "RUN_SUCCESS" });
    expect(say(run)).toBe("Succeeded after 3 s, with 1 step.");
  });

  test("failed, and can be resumed", () => {
    const step = { ...failed, stepName: "charge" };
    const run = makeRun({ ...ended, workflowState: "RUN_FAILED", dlqId: "1-2" }, step);
    expect(say(run)).toBe(
      'Failed at step 2 "charge" after 2 attempts: 503 from app.test:8443, Service Unavailable: the bank is "closed". It can be resumed from this step.',
    );
  });

  test("failed without an answer, and its dead letter is gone", () => {
    const error = { ...ERROR, status: 0, error: "connect ECONNREFUSED 127.0.0.1:9", body: "" };
    const run = makeRun({ workflowState: "RUN_FAILED" }, { ...failed, errors: [error] });
    expect(say(run)).toBe(
      "Failed at step 2 after 1 attempt: connect ECONNREFUSED 127.0.0.1:9 (no answer from app.test:8443). Its dead letter is gone, so it can no longer be resumed.",
    );
  });

  test("failed with a text that ends like a sentence", () => {
    const error = { ...ERROR, status: 404, error: "404 Not Found", body: "<h1>Offline.</h1>" };
    const run = makeRun(
      { workflowState: "RUN_FAILED", dlqId: "1-2" },
      { ...failed, errors: [error] },
    );
    expect(say(run)).toContain("404 from app.test:8443, Not Found: Offline. It can");
  });

  test("failed and resumed", () => {
    const resumedBy = { workflowRunId: "wfr_b", workflowRunCreatedAt: AT, mode: "resume" } as const;
    const run = makeRun({ workflowState: "RUN_FAILED", dlqId: "1-2", resumedBy }, failed);
    expect(say(run)).toContain("It goes on as wfr_b.");
  });

  test("cancelled", () => {
    const step = { ...progress, state: "STEP_CANCELED", stepName: "nap" };
    const run = makeRun({ ...ended, workflowState: "RUN_CANCELED" }, step);
    expect(say(run)).toBe('Cancelled after 3 s at step 2 "nap".');
  });
});

describe("the verdict on a live run", () => {
  test.each([
    [
      "a retry",
      { ...retry, stepName: "charge", nextDeliveryTime: AT },
      "",
      'Retrying step 2 "charge" 2026-11-22T10:00:00.000Z: attempt 2 of 6, after 503 from app.test:8443, Service Unavailable: the bank is "closed".',
    ],
    [
      "a sleep",
      { ...progress, stepName: "nap", stepType: "SleepFor", sleepUntil: AT },
      "",
      'Sleeping until 2026-11-22T10:00:00.000Z in step 2 "nap".',
    ],
    [
      "an event",
      { ...progress, stepType: "Wait", waitEventId: "paid/1", waitTimeoutDeadline: AT },
      "",
      'Waiting for event "paid/1" until 2026-11-22T10:00:00.000Z.',
    ],
    [
      "a child",
      { ...progress, stepType: "Invoke", invokedWorkflowRunId: "wfr_c" },
      "",
      "Waiting for the run it has invoked: wfr_c.",
    ],
    [
      "flow control",
      progress,
      "flow control key shop, place 14 of 20; 2 of 2 in flight by wfr_a, wfr_b",
      'Waiting in line of flow control key "shop", place 14 of 20; 2 of 2 in flight by wfr_a, wfr_b.',
    ],
    [
      "its app",
      progress,
      "delivery in flight since 2026-11-22T02:59:00Z (attempt 2 of 4)",
      "Running step 2: delivery in flight since 2026-11-22T02:59:00.000Z (attempt 2 of 4).",
    ],
    ["a delay", progress, "delay until 2026-11-22T10:00:00Z", "Begins 2026-11-22T10:00:00.000Z."],
  ])("waits for %s", (_name, step, waitingFor, sentence) => {
    expect(say(makeRun({ waitingFor }, step))).toBe(sentence);
  });

  test("runs branches side by side", () => {
    const run = makeRun({ waitingFor: "2 of 2 branches: event a; event b" }, progress, progress);
    expect(say(run)).toBe(
      "Running 2 branches side by side; waiting for 2 of 2 branches: event a; event b.",
    );
  });

  test("sleeps, and what comes next has not begun", () => {
    const nap = { ...progress, stepName: "nap", stepType: "SleepFor", sleepUntil: AT };
    const run = makeRun({ waitingFor: "sleep until 2026-11-22T10:00:00Z" }, nap);
    const next = { type: "next", steps: [progress] };
    // As above.
    const steps = [...run.steps, next as unknown as StepGroupResource];
    expect(say({ ...run, steps })).toBe('Sleeping until 2026-11-22T10:00:00.000Z in step 2 "nap".');
  });

  test("runs branches and says when, in the person's own zone", () => {
    const run = makeRun({ waitingFor: "delay until 2026-11-22T10:00:00Z" }, progress, progress);
    expect(say(run)).toBe(
      "Running 2 branches side by side; waiting for delay until 2026-11-22T10:00:00.000Z.",
    );
  });

  test("is stuck", () => {
    expect(say(makeRun({ isStuck: true, waitingFor: "nothing" }, progress))).toContain("Stuck:");
  });
});

test.each([
  ['{"error":"E","message":"x \\u0041 y"}', "x A y"],
  ['{"message":"cut in the mid', "cut in the mid"],
  ['{"message":"cut in an esc\\u00', '{"message":"cut in an esc\\u00'],
  ["<html><script>alert(1)</script><h1>Gone  away</h1></html>", "Gone away"],
  ['{"error":"Overloaded"}', "Overloaded"],
  ["plain\ntext", "plain text"],
])("a body %j says %j", (body, said) => {
  expect(describeBody(body)).toBe(said);
});

test("a list says why a run has failed, or is tried again", () => {
  const failure = { reason: "503 Service Unavailable", failedAt: AT, isOpen: true };
  expect(reasonOf(makeRun({ failure: { ...failure, message: "Error: bank closed" } }))).toBe(
    "503 Service Unavailable: Error: bank closed",
  );
  expect(reasonOf(makeRun({ failure }))).toBe("503 Service Unavailable");
  expect(reasonOf(makeRun({ presentStep: { error: "no answer" } }))).toBe("no answer");
  expect(reasonOf(makeRun({}))).toBeUndefined();
});
