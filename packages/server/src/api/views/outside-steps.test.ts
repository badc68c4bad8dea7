import { describe, expect, test } from "vitest";
import {
  deadLetterRow,
  initialStep,
  messageRow,
  NOW,
  runConfig,
  runRow,
  stepRow,
} from "../../core/rows.suite.ts";
import { waitConfig, waitRow } from "../../core/wait.suite.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import {
  callTypeOf,
  failedWait,
  outsideFields,
  outsideState,
  outsideStepOf,
} from "./outside-steps.ts";
import type { RunSource } from "./steps.ts";

const open = { redaction: null, bodyBytesMax: null };

const call = (fields: Partial<WaitRow> = {}) =>
  waitRow({
    kind: "call",
    requestKey: 60,
    dueAt: null,
    eventId: null,
    body: new TextEncoder().encode("request"),
    config: JSON.stringify(
      waitConfig({
        step: { stepId: 2, stepName: "charge", stepType: "Call", concurrent: 1 },
        call: {
          url: "https://service.test/",
          own: { method: "PUT", forward: { "x-own": "1" } },
          createdAt: NOW,
        },
      }),
    ),
    ...fields,
  });

const attempt = (messageKey: number, number: number, error: string | null) => ({
  key: messageKey * 1024 + number,
  messageKey,
  number,
  startedAt: NOW,
  endedAt: NOW + number,
  status: error === null ? 200 : 500,
  error,
  cause: null,
  requestHeaders: null,
  responseHeaders: null,
  responseBody: null,
  isTruncated: 0 as const,
  move: "moved on",
  runKey: null,
});

function source(wait: WaitRow, fields: Partial<RunSource> = {}): RunSource {
  return {
    run: runRow(),
    config: runConfig(),
    steps: [initialStep, stepRow()],
    messages: [],
    attempts: new Map(),
    waits: new Map([[wait.stepId, wait]]),
    children: new Map(),
    deadLetter: null,
    origin: null,
    successor: null,
    ...fields,
  };
}

describe("a call", () => {
  const failed = new Map([[60, [attempt(60, 0, "500")]]]);
  const answered = new Map([[60, [attempt(60, 0, "500"), attempt(60, 1, null)]]]);

  test.each([
    ["open", "open", new Map(), "toCallback PROGRESS"],
    ["failed, with retries left", "open", failed, "toCallback PROGRESS"],
    ["failed for good", "answered", failed, "fromCallback PROGRESS"],
    ["answered", "answered", answered, "fromCallback PROGRESS"],
    ["taken over before its answer", "moved", failed, "toCallback CANCELED"],
    ["taken over with its answer", "moved", answered, "fromCallback CANCELED"],
    ["dropped before its answer", "dropped", failed, "toCallback CANCELED"],
    ["recorded", "done", answered, "step CANCELED"],
  ] as const)("%s", (_name, state, attempts, shown) => {
    const wait = call({ state });
    const of = source(wait, { attempts });
    const stepState = outsideState(wait, of).replace("STEP_", "");
    expect(`${callTypeOf(wait, of)} ${stepState}`).toBe(shown);
    const fields = outsideFields(wait, null, of, open);
    expect("callResponseStatus" in fields).toBe(!shown.startsWith("toCallback"));
    expect(fields).toMatchObject({ callMethod: "PUT", callBody: "request" });
  });

  test("waits for a retry, of its request or of its answer", () => {
    const message = messageRow({ kind: "call", state: "scheduled", retried: 1, waitKey: 40 });
    const wait = call();
    expect(outsideState(wait, source(wait, { messages: [message] }))).toBe("STEP_RETRY");
    const told = call({ state: "answered" });
    const result = { ...message, kind: "callResult" } as const;
    expect(outsideState(told, source(told, { messages: [result] }))).toBe("STEP_RETRY");
  });

  test("has failed the run when its message has, also when only the attempts say so", () => {
    const wait = call({ state: "answered" });
    const deadLetter = deadLetterRow({ messageKey: 61 });
    const message = messageRow({ key: 61, kind: "callResult", state: "failed", waitKey: 40 });
    const run = runRow({ state: "failed" });
    const kept = source(wait, { run, deadLetter, messages: [message] });
    expect([failedWait(kept), outsideState(wait, kept)]).toEqual([wait, "STEP_FAILED"]);
    const sent = JSON.stringify({ "upstash-workflow-stepid": "2" });
    const attempts = new Map([[61, [{ ...attempt(61, 0, "500"), requestHeaders: sent }]]]);
    const moved = call({ state: "moved" });
    const resumed = source(moved, { run, deadLetter, attempts });
    expect([failedWait(resumed), outsideState(moved, resumed)]).toEqual([moved, "STEP_FAILED"]);
    const other = source(moved, { run, deadLetter: deadLetterRow({ messageKey: 3 }), attempts });
    expect(failedWait(other)).toBeNull();
  });
});

describe("an invoked run", () => {
  const wait = waitRow({
    kind: "invoke",
    childRunKey: 9,
    requestKey: 91,
    config: JSON.stringify(
      waitConfig({
        child: {
          workflowRunId: "wfr_child",
          workflowUrl: "https://app.test/child",
          workflowCreatedAt: NOW,
        },
      }),
    ),
  });
  const child = {
    run: runRow({ key: 9, id: "wfr_child", url: "https://app.test/child" }),
    config: runConfig(),
    firstConfig: JSON.stringify({ forward: { "x-a": "a", "x-b": "b" } }),
    payload: new TextEncoder().encode("secret"),
  };
  const fieldsWith = (config: typeof child.config | null, lens = open) =>
    outsideFields(
      wait,
      null,
      source(wait, { children: new Map([[9, { ...child, config }]]) }),
      lens,
    );
  const hides = (headers: "all" | readonly string[], isBodyRedacted = false) =>
    runConfig({ redaction: { isBodyRedacted, headers } });

  test("hides what either of the two runs hides", () => {
    const lens = {
      bodyBytesMax: null,
      redaction: { isBodyRedacted: false, headers: ["x-a"] },
    } as const;
    const shown = outsideFields(
      wait,
      null,
      source(wait, { children: new Map([[9, { ...child, config: hides(["x-b"], true) }]]) }),
      lens,
    );
    expect(JSON.stringify(shown)).not.toContain("secret");
    const hidden = expect.stringMatching(/^REDACTED:/);
    expect(shown.invokedWorkflowRunHeaders).toMatchObject({ "X-A": [hidden], "X-B": [hidden] });
    expect(fieldsWith(hides("all"))).toMatchObject({
      invokedWorkflowRunBody: "secret",
      invokedWorkflowRunHeaders: { "X-A": [hidden], "Content-Type": [hidden] },
    });
    expect(fieldsWith(child.config)).toMatchObject({
      invokedWorkflowRunBody: "secret",
      invokedWorkflowRunHeaders: { "X-A": ["a"], "X-B": ["b"] },
    });
  });

  test("whose settings cannot be read is hidden; one that is gone is named", () => {
    expect(JSON.stringify(fieldsWith(null))).not.toContain("secret");
    expect(outsideFields(wait, null, source(wait), open)).toEqual({
      invokedWorkflowRunId: "wfr_child",
      invokedWorkflowUrl: "https://app.test/child",
      invokedWorkflowCreatedAt: NOW,
    });
  });
});

test("a wait that nobody can read hides nothing else", () => {
  for (const kind of ["event", "webhook", "call", "invoke"] as const) {
    const wait = waitRow({ kind, config: "{" });
    expect(outsideStepOf(wait)).toMatchObject({ stepId: 2, stepName: "", concurrent: 1 });
    expect(() => outsideFields(wait, null, source(wait), open)).not.toThrow();
  }
});
