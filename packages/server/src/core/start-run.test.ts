import { describe, expect, test } from "vitest";
import {
  contextAt,
  initialStep,
  insertsInto,
  NOW,
  runConfig,
  runRow,
  startRun,
} from "./rows.suite.ts";
import { parseRunConfig } from "./run-config.ts";
import { decideStartRun, type StartRunState } from "./start-run.ts";

const none: StartRunState = { live: null, liveConfig: null, initialStep: null };

describe("a new run", () => {
  test("has its first record, its configuration and its first message, which is the record's", () => {
    const payload = new Uint8Array([0, 255, 1]);
    const config = runConfig({ labels: ["a", "b"], retries: 5, timeoutMs: 2_000 });
    const messageConfig = { forward: { "upstash-workflow-sdk-version": "1" } };
    const transition = decideStartRun(
      none,
      startRun({ payload, config, messageConfig }),
      contextAt(),
    );
    const [run] = insertsInto(transition, "runs");
    const [step] = insertsInto(transition, "steps");
    const [message] = insertsInto(transition, "messages");
    expect(run).toMatchObject({
      id: "wfr_test",
      state: "started",
      createdAt: NOW,
      stepCount: 1,
      bodyBytes: 3,
      labels: ",a,b,",
      sourceRunKey: null,
      deadLetterKey: null,
    });
    expect(step).toMatchObject({
      runKey: run?.key,
      position: 0,
      slot: 0,
      nextStepId: 1,
      body: payload,
      config: JSON.stringify(messageConfig),
    });
    expect(message).toMatchObject({
      key: step?.key,
      kind: "step",
      state: "active",
      stepPosition: 0,
      retries: 5,
      dueAt: NOW + 2_000 + 60_000,
    });
    expect(parseRunConfig(insertsInto(transition, "runConfigs")[0]?.config ?? "")).toEqual(config);
    expect(transition.answer).toEqual({
      runKey: run?.key,
      workflowRunId: "wfr_test",
      workflowCreatedAt: NOW,
      messageKey: step?.key,
      deduplicated: false,
    });
    expect(transition.effects).toEqual([{ type: "deliver", messageKey: step?.key, leaseToken: 1 }]);
  });

  test("that is delayed is started at once and delivered later", () => {
    const transition = decideStartRun(none, startRun({ dueAt: NOW + 9_000 }), contextAt());
    expect(insertsInto(transition, "runs")).toMatchObject([{ state: "started" }]);
    expect(insertsInto(transition, "messages")).toMatchObject([
      { state: "scheduled", dueAt: NOW + 9_000 },
    ]);
    expect(transition.effects).toEqual([{ type: "wake", dueAt: NOW + 9_000 }]);
  });

  test("with an unknown SDK begins with a hop, whose message is not the record's", () => {
    const config = runConfig({ hop: "pending" });
    const messageConfig = { forward: { "x-a": "1" } };
    const transition = decideStartRun(none, startRun({ config, messageConfig }), contextAt());
    const [step] = insertsInto(transition, "steps");
    const [message] = insertsInto(transition, "messages");
    expect(message).toMatchObject({ kind: "hop", stepPosition: 0 });
    expect(message?.key).not.toBe(step?.key);
    expect(JSON.parse(message?.config ?? "")).toEqual(messageConfig);
  });

  test("cannot be made by an SDK that triggers a run again which is gone", () => {
    expect(() => decideStartRun(none, startRun({ isTriggeredBySdk: true }), contextAt())).toThrow(
      expect.objectContaining({ code: "run_ended", status: 400 }),
    );
  });
});

describe("a live run of the same id", () => {
  const live = runRow({ createdAt: NOW - 77 });
  const state = { live, liveConfig: runConfig(), initialStep };

  test("is found and left as it is", () => {
    for (const isTriggeredBySdk of [false, true]) {
      expect(decideStartRun(state, startRun({ isTriggeredBySdk }), contextAt())).toEqual({
        changes: [],
        effects: [],
        answer: {
          runKey: 1,
          workflowRunId: "wfr_test",
          workflowCreatedAt: NOW - 77,
          messageKey: 2,
          deduplicated: true,
        },
      });
    }
  });
});

describe("the SDK triggers its run again after a hop", () => {
  const live = runRow({ createdAt: NOW - 77 });
  const liveConfig = runConfig({
    hop: "pending",
    retries: 9,
    labels: ["kept"],
    forward: { "x-a": "trigger", "x-b": "trigger" },
    featureSet: ["LazyFetch"],
  });
  const command = startRun({
    isTriggeredBySdk: true,
    config: runConfig({ retries: 1, forward: { "x-b": "sdk" }, featureSet: ["InitialBody"] }),
    messageConfig: { forward: { "upstash-workflow-sdk-version": "1" } },
  });
  const transition = decideStartRun({ live, liveConfig, initialStep }, command, contextAt());

  test("and the run keeps its settings, takes over headers and features, and is no hop any more", () => {
    const change = transition.changes.find(({ table }) => table === "runConfigs");
    const set = change?.type === "update" && "config" in change.set ? change.set.config : "";
    expect(parseRunConfig(String(set))).toEqual({
      ...liveConfig,
      hop: "done",
      forward: { "x-a": "trigger", "x-b": "sdk" },
      featureSet: ["InitialBody"],
    });
  });

  test("and its first record is delivered as a step, with what the SDK sent along", () => {
    expect(insertsInto(transition, "messages")).toMatchObject([
      { key: initialStep.key, kind: "step", state: "active", stepPosition: 0, retries: 9 },
    ]);
    expect(transition.changes).toContainEqual({
      type: "update",
      table: "steps",
      key: initialStep.key,
      set: { config: JSON.stringify(command.messageConfig) },
    });
    expect(insertsInto(transition, "runs")).toEqual([]);
    expect(transition.answer).toMatchObject({ workflowCreatedAt: NOW - 77, deduplicated: true });
  });

  test("a second time is found done already, so the message is not made twice", () => {
    const done = { live, liveConfig: { ...liveConfig, hop: "done" as const }, initialStep };
    expect(decideStartRun(done, command, contextAt()).changes).toEqual([]);
  });

  test("with a delay of the trigger that has passed", () => {
    const late = { ...initialStep, dueAt: NOW - 60_000 };
    const again = decideStartRun({ live, liveConfig, initialStep: late }, command, contextAt());
    expect(insertsInto(again, "messages")).toMatchObject([{ state: "active" }]);
  });
});
