import { describe, expect, test } from "vitest";
import type { InvokeRun, RegisterCall, RegisterWait } from "./commands.ts";
import {
  decideInvokeRun,
  decideRegisterCall,
  decideRegisterWait,
  type RegisterWaitState,
} from "./register-wait.ts";
import {
  contextAt,
  deadLetterRow,
  deletesFrom,
  insertsInto,
  NOW,
  runConfig,
  runRow,
  startRun,
  stepRow,
} from "./rows.suite.ts";
import { waitConfig, waitRow } from "./wait.suite.ts";
import type { EventRow } from "./wait-rows.ts";

const facts = { stepId: 2, isPlan: false, concurrent: 1 };
const shared = { runId: "wfr_test", facts, config: waitConfig() };

const wait = (fields: Partial<RegisterWait> = {}): RegisterWait => ({
  ...shared,
  type: "registerWait",
  kind: "event",
  eventId: "paid",
  dueAt: NOW + 60_000,
  ...fields,
});
const call: RegisterCall = {
  ...shared,
  type: "registerCall",
  url: "https://service.test/pay",
  own: { forward: { "x-key": "secret" }, retries: 2 },
  body: new Uint8Array([1, 2]),
  dueAt: NOW,
};
const invoke: InvokeRun = { ...shared, type: "invokeRun", start: startRun({ runId: "wfr_child" }) };

const event = (key: number, fields: Partial<EventRow> = {}): EventRow => {
  const body = new TextEncoder().encode(`data of ${key}`);
  const row = { key, runKey: 1, eventId: "paid", source: "notify", createdAt: NOW } as const;
  return { ...row, bytes: body.byteLength, body, ...fields };
};

const open: RegisterWaitState = {
  run: runRow({ stepCount: 2 }),
  config: runConfig(),
  deadLetter: null,
  recorded: null,
  plan: null,
  wait: null,
  kept: [],
};

const register = (command: RegisterWait | RegisterCall | InvokeRun, state = open) => {
  switch (command.type) {
    case "registerWait":
      return decideRegisterWait(state, command, contextAt());
    case "registerCall":
      return decideRegisterCall(state, command, contextAt());
    case "invokeRun":
      return decideInvokeRun({ ...state, liveChild: null }, command, contextAt());
  }
};

const outOf = (body: Uint8Array | undefined) =>
  Buffer.from(JSON.parse(new TextDecoder().decode(body)).out, "base64").toString();

describe.each([wait(), call, invoke])("$type", (command) => {
  test("is done once, however often the app asks", () => {
    const known = waitRow({ requestKey: 77 });
    const { changes, answer } = register(command, { ...open, wait: known });
    expect(changes).toEqual([]);
    expect(answer).toEqual({ messageKey: 77, deduplicated: true });
  });

  test("is a repetition when the result is there", () => {
    const { changes, answer } = register(command, { ...open, recorded: stepRow({ key: 9 }) });
    expect(changes).toEqual([]);
    expect(answer).toEqual({ messageKey: 9, deduplicated: true });
  });

  test.each(["succeeded", "canceled"] as const)(
    "is refused with 400 when the run has %s",
    (state) => {
      const ended = { ...open, run: runRow({ stepCount: 2, state }) };
      expect(() => register(command, ended)).toThrow(
        expect.objectContaining({ code: "run_ended" }),
      );
    },
  );

  test("is refused when it does not continue the run", () => {
    const other = { ...command, facts: { ...facts, stepId: 7 } };
    expect(() => register(other)).toThrow(expect.objectContaining({ code: "invalid_step" }));
  });
});

describe("a failed run that waits for its resume", () => {
  const failed = {
    ...open,
    run: runRow({ stepCount: 2, state: "failed", deadLetterKey: 20 }),
    deadLetter: deadLetterRow(),
  };

  test("may still wait for an event", () => {
    expect(insertsInto(register(wait(), failed), "waits")).toMatchObject([{ state: "open" }]);
  });

  test.each([call, invoke])("begins nothing new: $type", (command) => {
    expect(() => register(command, failed)).toThrow(expect.objectContaining({ code: "run_ended" }));
  });
});

describe("a wait", () => {
  test("is open until its deadline", () => {
    const transition = register(wait());
    expect(insertsInto(transition, "waits")).toMatchObject([
      { state: "open", kind: "event", eventId: "paid", dueAt: NOW + 60_000, stepId: 2 },
    ]);
    expect(transition.effects).toEqual([{ type: "wake", dueAt: NOW + 60_000 }]);
  });

  test("takes the oldest event that came before it", () => {
    const transition = register(wait(), { ...open, kept: [event(50), event(51)] });
    expect(deletesFrom(transition, "events")).toEqual([50]);
    expect(outOf(insertsInto(transition, "steps")[0]?.body)).toBe("data of 50");
    expect(insertsInto(transition, "messages")).toMatchObject([{ kind: "step", state: "active" }]);
  });

  test.each([
    ["event", "webhook", false],
    ["event", "notify", true],
    ["webhook", "webhook", true],
    ["webhook", "notify", true],
  ] as const)("for an %s takes what a %s has brought: %s", (kind, source, isTaken) => {
    const state = { ...open, kept: [event(50, { source })] };
    const transition = register(wait({ kind }), state);
    expect(deletesFrom(transition, "events")).toEqual(isTaken ? [50] : []);
  });
});

test("a call is a message to its service, with what the step gave and nothing of the run", () => {
  const transition = register(call);
  const [kept] = insertsInto(transition, "waits");
  expect(kept).toMatchObject({ kind: "call", state: "open", dueAt: null, body: call.body });
  expect(insertsInto(transition, "messages")).toMatchObject([
    {
      key: kept?.requestKey,
      kind: "call",
      state: "active",
      url: call.url,
      retries: 2,
      waitKey: kept?.key,
      config: JSON.stringify(call.own),
    },
  ]);
});

describe("an invoke", () => {
  test("starts a run whose end the step waits for", () => {
    const transition = register(invoke);
    const [child] = insertsInto(transition, "runs");
    expect(child).toMatchObject({ id: "wfr_child", state: "started" });
    expect(insertsInto(transition, "waits")).toMatchObject([
      { kind: "invoke", childRunKey: child?.key, requestKey: transition.answer.messageKey },
    ]);
  });

  test("of an id that is alive is refused, and starts nothing", () => {
    const state = { ...open, liveChild: runRow({ id: "wfr_child" }) };
    expect(() => decideInvokeRun(state, invoke, contextAt())).toThrow(
      expect.objectContaining({ code: "invalid_step", status: 412 }),
    );
  });
});
