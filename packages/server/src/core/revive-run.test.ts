import { messageId } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import type { Overrides, ReviveRun } from "./commands.ts";
import { decideReviveRun, type ReviveRunState } from "./revive-run.ts";
import {
  contextAt,
  deadLetterRow,
  deletesFrom,
  initialStep,
  insertsInto,
  leftovers,
  messageRow,
  NOW,
  runConfig,
  runRow,
  stepRow,
  updateOf,
} from "./rows.suite.ts";
import type { StepRow } from "./rows.ts";
import {
  effectiveConfig,
  type MessageConfig,
  parseRunConfig,
  type RunConfig,
  settingsOf,
} from "./run-config.ts";

const noLimits = { parallelism: null, rate: null, periodMs: 1_000 };
const failedRun = runRow({ state: "failed", deadLetterKey: 20, completedAt: NOW - 1_000 });

function decide(
  steps: readonly StepRow[],
  command: Partial<ReviveRun> = {},
  state: Partial<ReviveRunState> = {},
) {
  return decideReviveRun(
    {
      deadLetter: deadLetterRow(),
      run: failedRun,
      config: runConfig(),
      steps,
      failedMessage: messageRow({ state: "failed", retried: 3 }),
      leftovers: leftovers(),
      ...state,
    },
    {
      type: "reviveRun",
      mode: "resume",
      deadLetterKey: 20,
      newRunId: "wfr_new",
      overrides: {},
      ...command,
    },
    contextAt(),
  );
}

/** A list in the order of acceptance: `p3` is a plan for step 3, `r3` its result. */
function list(...names: readonly string[]): readonly StepRow[] {
  return [
    initialStep,
    ...names.map((name, index) => {
      const stepId = Number(name.slice(1));
      const slot = name.startsWith("p") ? 2 * stepId : 2 * stepId + 1;
      const body = new TextEncoder().encode(name);
      return stepRow({ key: 100 + index, position: index + 1, slot, body });
    }),
  ];
}

/** Names of the records that are delivered. */
function delivered(steps: readonly StepRow[], command: Partial<ReviveRun> = {}) {
  const transition = decide(steps, command);
  const records = insertsInto(transition, "steps");
  return insertsInto(transition, "messages").map(({ stepPosition, key }) => {
    const step = records.find(({ position }) => position === stepPosition);
    expect(key).toBe(step?.key);
    return new TextDecoder().decode(step?.body);
  });
}

describe("a resume continues from", () => {
  test.each([
    ["the last record of a sequence", ["r1", "r2"], ["r2"]],
    ["the payload when nothing was recorded", [], ["payload"]],
    ["every plan without a result", ["r1", "p2", "p3", "p4", "r3"], ["p2", "p4"]],
    ["every plan when none has a result", ["p1", "p2"], ["p1", "p2"]],
    ["the last result when the group is complete", ["p1", "p2", "r2", "r1"], ["r1"]],
    ["results that came in after the failure", ["p1", "p2", "r1", "r2", "r3"], ["r3"]],
    ["a plan of a later group", ["p1", "p2", "r1", "r2", "r3", "p4", "p5", "r5"], ["p4"]],
  ] as const)("%s", (_name, names, expected) => {
    expect(delivered(list(...names))).toEqual(expected);
  });

  test("nothing but the payload when it is a restart", () => {
    const steps = list("r1", "p2", "p3", "r3");
    expect(delivered(steps, { mode: "restart" })).toEqual(["payload"]);
    const transition = decide(steps, { mode: "restart" });
    expect(insertsInto(transition, "steps")).toHaveLength(1);
    expect(insertsInto(transition, "runs")).toMatchObject([{ stepCount: 1, bodyBytes: 7 }]);
  });
});

describe("the new run", () => {
  const run = { ...failedRun, labels: ",a,", flowControlKey: "fk", callerIp: "192.0.2.9" };
  const config = runConfig({ labels: ["a"], flowControl: { ...noLimits, key: "fk" } });
  const state = { run, config };

  test("has its own id, key and time, and remembers where it came from", () => {
    const transition = decide(list("r1", "r2"), {}, state);
    const [revived] = insertsInto(transition, "runs");
    expect(revived).toEqual({
      ...run,
      key: 1_000,
      id: "wfr_new",
      state: "started",
      createdAt: NOW,
      completedAt: null,
      stepCount: 3,
      bodyBytes: 7 + 2 + 2,
      response: null,
      deadLetterKey: null,
      sourceRunKey: 1,
    });
    expect(transition.answer).toEqual({
      runKey: 1_000,
      workflowRunId: "wfr_new",
      workflowCreatedAt: NOW,
    });
  });

  test("has every record under a new key, in its old place, byte for byte", () => {
    const steps = list("r1", "p2", "p3");
    const copies = insertsInto(decide(steps), "steps");
    const strip = ({ key: _key, runKey: _runKey, ...rest }: StepRow) => rest;
    expect(copies.map(strip)).toEqual(steps.map(strip));
    expect(copies.every(({ runKey }) => runKey === 1_000)).toBe(true);
    const keys = [...copies, ...steps].map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(copies.map(({ key }) => messageId(key))).size).toBe(copies.length);
  });

  test("leaves the old run alone and closes its dead letter, with the failed message", () => {
    const transition = decide(list("r1"));
    expect(updateOf(transition, "runs")).toBeNull();
    expect(updateOf(transition, "deadLetters")).toEqual({
      state: "resumed",
      nextRunKey: 1_000,
      closedAt: NOW,
    });
    expect(deletesFrom(transition, "messages")).toEqual([3]);
    const restarted = decide(list("r1"), { mode: "restart" });
    expect(updateOf(restarted, "deadLetters")).toMatchObject({ state: "restarted" });
  });

  test("starts with fresh retries, at once", () => {
    const transition = decide(list("r1", "p2", "p3"));
    const messages = insertsInto(transition, "messages");
    expect(messages).toMatchObject([
      { kind: "step", state: "active", retried: 0, retries: 3, leaseToken: 1, createdAt: NOW },
      { kind: "step", state: "active", retried: 0, retries: 3, leaseToken: 1, createdAt: NOW },
    ]);
    expect(transition.effects).toEqual(
      messages.map(({ key }) => ({ type: "deliver", messageKey: key, leaseToken: 1 })),
    );
  });
});

describe("when", () => {
  const steps = list("p1", "p2").map((step) => ({
    ...step,
    dueAt: step.slot === 4 ? NOW + 30_000 : NOW - 5_000,
  }));
  const dueAts = (overrides: Overrides, mode: ReviveRun["mode"] = "resume") =>
    insertsInto(decide(steps, { overrides, mode }), "messages").map(({ state, dueAt }) =>
      state === "active" ? "now" : dueAt - NOW,
    );

  test("a sleep that was pending keeps what remained of it", () => {
    expect(dueAts({})).toEqual(["now", 30_000]);
    expect(decide(steps).effects).toContainEqual({ type: "wake", dueAt: NOW + 30_000 });
  });

  test("a delay is the least wait", () => {
    expect(dueAts({ delayMs: 10_000 })).toEqual([10_000, 30_000]);
    expect(dueAts({ delayMs: 60_000 })).toEqual([60_000, 60_000]);
    expect(dueAts({ delayMs: 0 })).toEqual(["now", 30_000]);
  });

  test("a delay holds for a restart and for the very first delivery as well", () => {
    expect(dueAts({ delayMs: 10_000 }, "restart")).toEqual([10_000]);
    const first = decide([initialStep], { overrides: { delayMs: 5_000 } });
    expect(insertsInto(first, "messages")).toMatchObject([
      { state: "scheduled", dueAt: NOW + 5_000, stepPosition: 0 },
    ]);
  });

  test("a restart does not wait for the delay of its first start again", () => {
    const delayed = [{ ...initialStep, dueAt: NOW + 99_000 }];
    const transition = decide(delayed, { mode: "restart" });
    expect(insertsInto(transition, "messages")).toMatchObject([{ state: "active" }]);
  });
});

describe("overrides", () => {
  const flowControl = { ...noLimits, key: "k2", parallelism: 2 };
  const forward = { authorization: "Bearer u", "upstash-label": "old" };
  const config = runConfig({
    retries: 3,
    retryDelay: "1000",
    timeoutMs: 8_000,
    labels: ["old"],
    forward,
    failureCallback: { url: "https://app.test/api/order", config: { forward, retries: 1 } },
  });

  function configAfter(overrides: Overrides, source: RunConfig = config, steps = list("r1")) {
    const transition = decide(steps, { overrides }, { config: source });
    return parseRunConfig(insertsInto(transition, "runConfigs")[0]?.config ?? "");
  }

  test("that are absent keep every setting", () => {
    expect(configAfter({})).toEqual(config);
  });

  test.each([
    ["retries", { retries: 7 }, { retries: 7 }],
    ["no retries", { retries: 0 }, { retries: 0 }],
    ["retryDelay", { retryDelay: "5 * retried" }, { retryDelay: "5 * retried" }],
    ["flowControl", { flowControl }, { flowControl }],
  ] as const)("of %s change that alone", (_name, overrides, changed) => {
    expect(configAfter(overrides)).toEqual({ ...config, ...changed });
  });

  test("of the labels reach the row, the app and the failure function", () => {
    const overrides = { labels: ["new", "other"] };
    const changed = configAfter(overrides);
    expect(changed.labels).toEqual(["new", "other"]);
    expect(changed.forward).toEqual({ ...forward, "upstash-label": "new,other" });
    expect(changed.failureCallback?.config.forward).toEqual(changed.forward);
    const transition = decide(list("r1"), { overrides }, { config });
    expect(insertsInto(transition, "runs")).toMatchObject([{ labels: ",new,other," }]);
  });

  test("of the labels win over those that a record has brought itself", () => {
    const own = { forward: { "upstash-label": "old", "x-a": "1" }, retries: 2 };
    const steps = [initialStep, stepRow({ config: JSON.stringify(own) })];
    const transition = decide(steps, { overrides: { labels: ["new"] } });
    const configs = insertsInto(transition, "steps").map((step) => JSON.parse(step.config));
    expect(configs).toEqual([
      { forward: {} },
      { forward: { "upstash-label": "new", "x-a": "1" }, retries: 2 },
    ]);
  });

  test("of the failure callback change where it goes, not what it carries", () => {
    expect(configAfter({ failureCallbackUrl: "https://other.test/f" })).toEqual({
      ...config,
      failureCallback: { ...config.failureCallback, url: "https://other.test/f" },
    });
    const without = runConfig({ failureCallback: null });
    expect(configAfter({ failureCallbackUrl: "https://other.test/f" }, without)).toEqual({
      ...without,
      failureCallback: { url: "https://other.test/f", config: { forward: {} } },
    });
  });

  test("reach the messages of the new run", () => {
    const transition = decide(list("r1"), { overrides: { retries: 9 } }, { config });
    expect(insertsInto(transition, "messages")).toMatchObject([
      { retries: 9, dueAt: NOW + 8_000 + 60_000 },
    ]);
    const first = decide([initialStep], { overrides: { retries: 9 } }, { config });
    expect(insertsInto(first, "messages")).toMatchObject([{ retries: 9 }]);
  });

  test("of the flow control reach the row that filters look at", () => {
    const transition = decide(list("r1"), { overrides: { flowControl } }, { config });
    expect(insertsInto(transition, "runs")).toMatchObject([{ flowControlKey: "k2" }]);
  });
});

describe("a run whose messages lived by their own settings", () => {
  const source = runConfig({
    isPersistent: false,
    retries: 5,
    retryDelay: "1",
    timeoutMs: 1_000,
    failureCallback: null,
  });
  const own: MessageConfig = {
    forward: { "x-a": "1" },
    retries: 2,
    retryDelay: "77",
    timeoutMs: 4_000,
    failureCallback: { url: "https://own.test/f", config: { forward: {} } },
  };
  const steps = [initialStep, stepRow({ config: JSON.stringify(own) })];
  const after = (overrides: Overrides, records = steps) => {
    const transition = decide(records, { overrides }, { config: source });
    return parseRunConfig(insertsInto(transition, "runConfigs")[0]?.config ?? "");
  };

  test("falls back on those of its last record where a message brings none", () => {
    expect(after({})).toEqual({
      ...source,
      laidDown: {},
      retries: 2,
      retryDelay: "77",
      timeoutMs: 4_000,
      failureCallback: own.failureCallback,
    });
  });

  test("falls back on the defaults where its last record brought nothing", () => {
    expect(after({}, [initialStep])).toEqual({
      ...source,
      laidDown: {},
      retries: 3,
      retryDelay: null,
      timeoutMs: null,
      failureCallback: null,
    });
  });

  test("lets its later messages bring their own", () => {
    expect(effectiveConfig(after({}, [initialStep]), own, 60_000)).toEqual({
      retries: 2,
      retryDelay: "77",
      timeoutMs: 4_000,
      failureCallback: own.failureCallback,
    });
    expect(effectiveConfig(after({}), { forward: {} }, 60_000).retries).toBe(2);
  });

  test("follows every override, which its later messages cannot undo", () => {
    const overrides = { retries: 0, retryDelay: "9", failureCallbackUrl: "https://other.test/f" };
    const expected = {
      retries: 0,
      retryDelay: "9",
      failureCallback: { url: "https://other.test/f" },
    };
    expect(after(overrides)).toMatchObject(expected);
    expect(effectiveConfig(after(overrides), own, 60_000)).toMatchObject(expected);
    const answer = { run: after(overrides), own };
    expect(settingsOf("callResult", answer, 60_000)).toMatchObject(expected);
  });

  test("keeps the headers that each record brought along", () => {
    const copies = insertsInto(decide(steps, {}, { config: source }), "steps");
    expect(JSON.parse(copies[1]?.config ?? "")).toEqual(own);
  });
});

describe("a run that failed at the first contact with its unknown SDK", () => {
  const config = runConfig({ hop: "pending" });
  const own = { forward: { "upstash-workflow-sdk-version": "1" } };
  const steps = [{ ...initialStep, config: JSON.stringify(own) }];

  test.each(["resume", "restart"] as const)("makes that contact again on %s", (mode) => {
    const hop = messageRow({ key: 9, kind: "hop", state: "failed", stepPosition: 0 });
    const transition = decide(steps, { mode }, { config, failedMessage: hop });
    const [step] = insertsInto(transition, "steps");
    const [message] = insertsInto(transition, "messages");
    expect(message).toMatchObject({ kind: "hop", state: "active", stepPosition: 0, runKey: 1_000 });
    expect(message?.key).not.toBe(step?.key);
    expect(JSON.parse(message?.config ?? "")).toEqual(own);
    expect(deletesFrom(transition, "messages")).toEqual([9]);
  });

  test("does not when the SDK is known by now", () => {
    const transition = decide(steps, {}, { config: runConfig({ hop: "done" }) });
    const [step] = insertsInto(transition, "steps");
    expect(insertsInto(transition, "messages")).toMatchObject([{ kind: "step", key: step?.key }]);
  });
});

test("an unknown or closed dead letter is answered with 404, and nothing changes", () => {
  for (const deadLetter of [null, deadLetterRow({ state: "resumed" })]) {
    expect(() => decide(list("r1"), {}, { deadLetter })).toThrow(
      expect.objectContaining({ code: "dead_letter_not_found", status: 404 }),
    );
  }
});
