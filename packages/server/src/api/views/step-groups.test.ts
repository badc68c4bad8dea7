import { describe, expect, test } from "vitest";
import { noPlaces } from "../../core/message.ts";
import type { AttemptRow, DeadLetterRow, MessageRow, RunRow, StepRow } from "../../core/rows.ts";
import { toEvents } from "./events.ts";
import { toRunResource } from "./run.ts";
import { toStepGroups } from "./step-groups.ts";
import type { RunSource } from "./steps.ts";

const open = { redaction: null, bodyBytesMax: null };

const run: RunRow = {
  key: 1,
  id: "wfr_1",
  state: "started",
  url: "https://app.example/order",
  createdAt: 1000,
  completedAt: null,
  stepCount: 1,
  bodyBytes: 2,
  callerIp: "192.0.2.1",
  labels: null,
  flowControlKey: null,
  response: null,
  deadLetterKey: null,
  sourceRunKey: null,
  invoker: null,
};

function record(position: number, slot: number, fields: Record<string, unknown>): StepRow {
  const concurrent = Number(fields.concurrent ?? 1);
  const id = slot % 2 === 0 ? slot / 2 : (slot - 1) / 2;
  return {
    key: 100 + position,
    runKey: 1,
    position,
    slot,
    nextStepId: Number(fields.nextStepId ?? id + 1),
    createdAt: 1000 + position,
    dueAt: 1000 + position,
    callType: "step",
    config: '{"forward":{}}',
    body: new TextEncoder().encode(
      JSON.stringify({ stepName: `step ${id}`, stepType: "Run", concurrent, ...fields }),
    ),
  };
}

const initial: StepRow = { ...record(0, 0, {}), body: new TextEncoder().encode("{}") };
const plan = (position: number, target: number, nextStepId: number) =>
  record(position, 2 * target, { stepId: 0, targetStep: target, concurrent: 2, nextStepId });
const result = (position: number, id: number, concurrent = 1) =>
  record(position, 2 * id + 1, { stepId: id, out: `"${id}"`, concurrent });

function message(key: number, fields: Partial<MessageRow> = {}): MessageRow {
  return {
    ...noPlaces,
    key,
    kind: "step",
    state: "active",
    runKey: 1,
    stepPosition: key - 100,
    deadLetterKey: null,
    createdAt: 1000,
    dueAt: 9000,
    retried: 0,
    retries: 3,
    leaseToken: 1,
    url: run.url,
    config: null,
    body: null,
    ...fields,
  };
}

function attempt(messageKey: number, number: number, error: string | null): AttemptRow {
  return {
    key: messageKey * 1024 + number,
    messageKey,
    number,
    startedAt: 1000,
    endedAt: 2000 + number,
    status: error === null ? 200 : 500,
    error,
    cause: null,
    requestHeaders: null,
    responseHeaders: null,
    responseBody: null,
    isTruncated: 0,
    move: "moved on",
    runKey: null,
  };
}

const deadLetter: DeadLetterRow = {
  key: 500,
  state: "open",
  runKey: 1,
  messageKey: 101,
  createdAt: 3000,
  closedAt: null,
  nextRunKey: null,
  runId: run.id,
  runCreatedAt: run.createdAt,
  url: run.url,
  callerIp: run.callerIp,
  labels: null,
  flowControlKey: null,
  responseStatus: 500,
  responseHeaders: null,
  responseBody: null,
  isTruncated: 0,
  reason: "500 Internal Server Error",
  callbackState: null,
  callbackUrl: null,
  callbackMessageKey: null,
  callbackResponseStatus: null,
  callbackResponseHeaders: null,
  callbackResponseBody: null,
  isHeld: 0,
  failureCause: null,
  groupId: null,
  failureText: null,
  stepName: null,
};

function source(fields: Partial<RunSource> = {}): RunSource {
  return {
    run,
    config: null,
    steps: [initial],
    messages: [],
    attempts: new Map(),
    waits: new Map(),
    children: new Map(),
    deadLetter: null,
    origin: null,
    successor: null,
    ...fields,
  };
}

/** The groups in short: type, and of each step id, name or message and state. */
function shape(fields: Partial<RunSource>): readonly string[] {
  return toStepGroups(source(fields), open).map(({ type, steps }) => {
    const shown = steps.map((step) => {
      const name = "stepId" in step ? step.stepId : (step.stepName ?? step.messageId);
      return `${name} ${step.state.replace("STEP_", "").toLowerCase()}`;
    });
    return `${type}: ${shown.join(", ")}`;
  });
}

const failed: Partial<RunSource> = { run: { ...run, state: "failed" }, deadLetter };

describe("groups", () => {
  test.each<[string, Partial<RunSource>, readonly string[]]>([
    ["a run without any record", { steps: [] }, []],
    [
      "a run whose first step is executed",
      { messages: [message(100)] },
      ["sequential: init success", "next: msg_2s progress"],
    ],
    [
      "a run that succeeded at once",
      { run: { ...run, state: "succeeded" } },
      ["sequential: init success"],
    ],
    [
      "first contact with an unknown SDK",
      { messages: [message(77, { kind: "hop" })] },
      ["sequential: init success", "next: msg_25 progress"],
    ],
    [
      "one step done, the next waiting for a retry",
      {
        steps: [initial, result(1, 1)],
        messages: [message(101, { state: "scheduled", retried: 1 })],
      },
      ["sequential: init success", "sequential: 1 success", "next: msg_2t retry"],
    ],
    [
      "a cancelled run",
      { run: { ...run, state: "canceled" }, steps: [initial, result(1, 1)] },
      ["sequential: init success", "sequential: 1 success", "next: msg_2t canceled"],
    ],
    [
      "a failed run",
      { ...failed, steps: [initial, result(1, 1)], messages: [message(101, { state: "failed" })] },
      ["sequential: init success", "sequential: 1 success", "next: msg_2t failed"],
    ],
    [
      "a failed run whose dead letter has been resumed, so that the failed message is gone",
      { ...failed, steps: [initial, result(1, 1)] },
      ["sequential: init success", "sequential: 1 success", "next: msg_2t failed"],
    ],
    [
      "a parallel group with one result; it arrived first although its id is higher",
      {
        steps: [initial, plan(1, 1, 3), plan(2, 2, 3), result(3, 2, 2)],
        messages: [message(101)],
      },
      ["sequential: init success", "parallel: 1 progress, 2 success"],
    ],
    [
      "a parallel group whose last result is being delivered",
      {
        steps: [initial, plan(1, 1, 3), plan(2, 2, 3), result(3, 2, 2), result(4, 1, 2)],
        messages: [message(104)],
      },
      ["sequential: init success", "parallel: 1 success, 2 success", "next: msg_2w progress"],
    ],
    [
      "a failed branch: the open work is inside the group, so nothing is next",
      {
        ...failed,
        steps: [initial, plan(1, 1, 3), plan(2, 2, 3)],
        messages: [message(101, { state: "failed" }), message(102)],
      },
      ["sequential: init success", "parallel: 1 failed, 2 progress"],
    ],
    [
      "a failed branch whose sister had not begun",
      { ...failed, steps: [initial, plan(1, 1, 3), plan(2, 2, 3)] },
      ["sequential: init success", "parallel: 1 failed, 2 canceled"],
    ],
    [
      "a failed branch whose result arrived after all",
      { ...failed, steps: [initial, plan(1, 1, 3), plan(2, 2, 3), result(3, 1, 2)] },
      ["sequential: init success", "parallel: 1 success, 2 canceled", "next: msg_2t failed"],
    ],
    [
      "a cancelled group",
      { run: { ...run, state: "canceled" }, steps: [initial, plan(1, 1, 3), plan(2, 2, 3)] },
      ["sequential: init success", "parallel: 1 canceled, 2 canceled"],
    ],
    [
      "two groups with a step between them",
      {
        run: { ...run, state: "succeeded" },
        steps: [
          initial,
          plan(1, 1, 3),
          plan(2, 2, 3),
          result(3, 1, 2),
          result(4, 2, 2),
          result(5, 3),
          plan(6, 4, 6),
          plan(7, 5, 6),
          result(8, 5, 2),
          result(9, 4, 2),
        ],
      },
      [
        "sequential: init success",
        "parallel: 1 success, 2 success",
        "sequential: 3 success",
        "parallel: 4 success, 5 success",
      ],
    ],
    [
      "a record that nobody can read",
      {
        run: { ...run, state: "succeeded" },
        steps: [initial, { ...result(1, 1), body: new Uint8Array([0]) }],
      },
      ["sequential: init success", "sequential: 1 success"],
    ],
  ])("%s", (_name, fields, expected) => {
    expect(shape(fields)).toEqual(expected);
  });

  test("errors stand with the step that the failed deliveries were to execute", () => {
    const attempts = new Map([
      [100, [attempt(100, 0, "500"), attempt(100, 1, null)]],
      [101, [attempt(101, 0, "502")]],
    ]);
    const groups = toStepGroups(
      source({ steps: [initial, result(1, 1)], messages: [message(101)], attempts }),
      open,
    );
    expect(groups[0]?.steps[0]).not.toHaveProperty("errors");
    expect(groups[1]?.steps[0]?.errors).toMatchObject([{ error: "500", time: 2000 }]);
    expect(groups[2]?.steps[0]?.errors).toMatchObject([{ error: "502" }]);
  });

  test("of a run of 10,000 records take no more than a moment", () => {
    const steps = [initial];
    for (let id = 1; id < 10_000; id += 1) steps.push(result(id, id));
    expect(toStepGroups(source({ steps }), open)).toHaveLength(10_001);
  });
});

describe("a run", () => {
  test("whose settings cannot be read hides everything that might have been redacted", () => {
    const secret = new TextEncoder().encode("secret");
    const resource = toRunResource(
      source({
        run: { ...run, response: secret },
        steps: [{ ...initial, body: secret }],
        attempts: new Map([[100, [{ ...attempt(100, 0, "500"), responseBody: secret }]]]),
      }),
      null,
    );
    expect(JSON.stringify(resource)).not.toContain("secret");
  });

  test("names its invoker, when it has one that can be read", () => {
    const invoker = { workflowRunId: "wfr_0", workflowUrl: "https://x", workflowRunCreatedAt: 5 };
    const invoked = { ...run, invoker: JSON.stringify(invoker) };
    expect(toRunResource(source({ run: invoked }), null).invoker).toEqual(invoker);
    for (const broken of ["null", "[]", "{", '"x"']) {
      const resource = toRunResource(source({ run: { ...run, invoker: broken } }), null);
      expect(resource).not.toHaveProperty("invoker");
    }
  });

  test("names the run that it goes on from, and the one that goes on from it", () => {
    const origin = { ...deadLetter, state: "restarted", runId: "wfr_0", runCreatedAt: 7 } as const;
    const successor = { ...run, id: "wfr_2", createdAt: 9000 };
    const closed = { ...deadLetter, state: "resumed" } as const;
    expect(toRunResource(source({ origin, deadLetter: closed, successor }), null)).toMatchObject({
      resumedFrom: { workflowRunId: "wfr_0", workflowRunCreatedAt: 7, mode: "restart" },
      resumedBy: { workflowRunId: "wfr_2", workflowRunCreatedAt: 9000, mode: "resume" },
    });
  });
});

describe("events", () => {
  const stateOf = (fields: Partial<RunSource>) =>
    toEvents(source(fields), null).map(({ state, time }) => `${state} ${time}`);

  test("stand in the order in which they happened", () => {
    const attempts = new Map([[101, [attempt(101, 0, "500"), attempt(101, 1, "500")]]]);
    expect(
      stateOf({
        ...failed,
        run: { ...run, state: "failed", completedAt: 3000 },
        steps: [initial, result(1, 1)],
        attempts,
      }),
    ).toEqual([
      "RUN_STARTED 1000",
      "STEP_SUCCESS 1000",
      "STEP_SUCCESS 1001",
      "STEP_RETRY 2000",
      "STEP_FAILED 2001",
      "RUN_FAILED 3000",
    ]);
  });

  test("of copied records are not older than the run that copied them", () => {
    expect(stateOf({ run: { ...run, createdAt: 5000 } })).toEqual([
      "RUN_STARTED 5000",
      "STEP_SUCCESS 5000",
    ]);
  });

  test("leave the failure call out: it is no part of the run", () => {
    const attempts = new Map([[700, [attempt(700, 0, "500")]]]);
    const told = { ...deadLetter, callbackMessageKey: 700 };
    expect(stateOf({ ...failed, deadLetter: told, attempts })).not.toContain("STEP_RETRY 2000");
  });
});
