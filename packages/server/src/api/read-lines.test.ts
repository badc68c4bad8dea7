import { isRepriseError } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import type { Command, SubmitStep } from "../core/commands.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { type LinesSource, linesOf, readLines } from "./read-lines.ts";
import type { ReadingRoom } from "./room.ts";

const NOW = 1_800_000_000_000;

const room: ReadingRoom = {
  // The reader asks the host for the time alone.
  host: { now: () => NOW } as ReadingRoom["host"],
  settings: {
    ...DEFAULT_LIMITS,
    bodyBytesMax: 1_000,
    batchBytesMax: 10_000,
    isLoopbackOnly: false,
    trustedProxies: [],
    publicUrl: null,
    checkEgress: () => {},
  },
};

const source: LinesSource = {
  runId: "wfr_a",
  runKey: 7,
  own: { forward: { "x-user": "1", "upstash-workflow-stepid": "4" } },
  callerIp: "192.0.2.1",
};

const utf8 = (text: string) => new TextEncoder().encode(text);

function read(lines: readonly unknown[], own: Partial<LinesSource> = {}): readonly Command[] {
  const text = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line)));
  return readLines(linesOf(utf8(text.join("\n"))), { ...source, ...own }, room);
}

const record = { stepId: 1, stepName: "s", stepType: "Run", out: "1", concurrent: 1 };

function refusalOf(lines: readonly unknown[]) {
  try {
    read(lines);
  } catch (error) {
    if (isRepriseError(error)) return { status: error.status, message: error.message };
    throw error;
  }
  throw new Error("the lines are taken");
}

describe("a record", () => {
  test("keeps its bytes, and brings what an item of a batch would", () => {
    const line = '{"stepId":1,  "stepName":"é","stepType":"Run","concurrent":1}';
    const [command] = read([line, ""]);
    expect(command).toEqual({
      type: "submitStep",
      runId: "wfr_a",
      runKey: 7,
      facts: { stepId: 1, isPlan: false, concurrent: 1 },
      groupNextStepId: null,
      body: utf8(line),
      messageConfig: { forward: { "upstash-workflow-sdk-version": "1" } },
      dueAt: NOW,
    });
  });

  test("of a run that another has invoked says how deep it is", () => {
    const own = { forward: { "upstash-workflow-invoke-count": "2", authorization: "secret" } };
    expect(read([record], { own })).toMatchObject([
      {
        messageConfig: {
          forward: { "upstash-workflow-sdk-version": "1", "upstash-workflow-invoke-count": "2" },
        },
      },
    ]);
  });

  test.each([
    ["a sleep", { stepType: "SleepFor", sleepFor: 10 }, 10_000],
    ["a sleep in words", { stepType: "SleepFor", sleepFor: "1m30s" }, 90_000],
    ["a sleep until", { stepType: "SleepUntil", sleepUntil: NOW / 1000 + 60 }, 60_000],
    ["a sleep until the past", { stepType: "SleepUntil", sleepUntil: 5 }, 0],
    [
      "a plan of a sleep",
      { stepId: 0, targetStep: 3, concurrent: 2, stepType: "SleepFor", sleepFor: 5 },
      5_000,
    ],
    ["a sleep that was planned", { concurrent: 2, stepType: "SleepFor", sleepFor: 5 }, 0],
    ["a step of another kind", { sleepFor: 5 }, 0],
  ])("%s is due when it is over", (_, fields, delayMs) => {
    const [command] = read([{ ...record, ...fields }]) as readonly SubmitStep[]; // A record.
    expect(command?.dueAt).toBe(NOW + delayMs);
  });
});

describe("what is refused", () => {
  test.each([
    [["{"], "line 1: a line must be valid JSON"],
    [[record, "[]"], "line 2: must be a JSON object"],
    [[{ stepId: 1 }], "line 1: stepName of a step must be a text"],
    [[record, { ...record, stepType: "Walk" }], "line 2: stepType of a step must be one of"],
    [[{}], "line 1: must be a step record, or have one of call, wait, invoke, finish, cancel"],
    [[{ finish: 1 }], "line 1: finish must be an object"],
    [[{ finish: { response: 1 } }], "line 1: response of finish must be a text or absent"],
    [[{ wait: { headers: {}, body: {} } }], "line 1: eventId of a wait must be a text"],
    [[{ call: { destination: 5 } }], "line 1: destination must be a text"],
    [
      [{ invoke: { destination: "https://a.test" } }],
      "line 1: body of an invoke must be an object",
    ],
    [[{ ...record, out: "x".repeat(1_000) }], "line 1: quota maxMessageSize exceeded"],
    [[{ ...record, stepType: "SleepFor", sleepFor: "soon" }], "line 1: sleepFor must be"],
    [[{ ...record, stepType: "SleepFor", sleepFor: "9y" }], "line 1: quota maxDelay exceeded"],
    [[`${"[".repeat(80)}`], "line 1: a line must not be nested deeper than"],
  ])("%j", (lines, message) => {
    const refusal = refusalOf(lines);
    expect(refusal.message).toContain(message);
    expect(refusal.status).toBe(412);
  });

  test("more lines than may be", () => {
    expect(read(Array.from({ length: 2_100 }, () => record))).toHaveLength(2_100);
    expect(refusalOf(Array.from({ length: 2_101 }, () => record))).toEqual({
      status: 412,
      message: "a submission must have at most 2100 lines",
    });
  });

  test("what names another run", () => {
    const wait = {
      eventId: "e",
      headers: { "Upstash-Workflow-RunId": "wfr_b" },
      body: { url: "https://a.test", step: { ...record, stepType: "Wait" } },
    };
    expect(refusalOf([{ wait }])).toMatchObject({
      message: "line 1: belongs to the run wfr_b, and is submitted for wfr_a",
    });
  });
});

describe("other lines", () => {
  test("finish and cancel the run that is meant", () => {
    expect(read([{ finish: { response: "bye" } }])).toEqual([
      { type: "finishRun", runId: "wfr_a", runKey: 7, response: utf8("bye") },
    ]);
    expect(read([{ finish: {} }])).toMatchObject([{ response: null }]);
    expect(read([{ cancel: {} }], { runKey: null })).toEqual([
      { type: "cancelRun", runId: "wfr_a" },
    ]);
  });
});
