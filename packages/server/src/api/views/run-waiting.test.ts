import { describe, expect, test } from "vitest";
import { messageRow, NOW, runConfig, runRow, stepRow } from "../../core/rows.suite.ts";
import { waitConfig, waitRow } from "../../core/wait.suite.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import {
  openingsOf,
  type RunOutlook,
  type RunWaitingFacts,
  tellRun,
  tellStuck,
  toTold,
} from "./run-waiting.ts";

const TIMEOUT_MS = 60_000;
const LEASE_MS = TIMEOUT_MS + 60_000;

const facts: RunWaitingFacts = {
  now: NOW,
  queues: new Map(),
  flows: new Map(),
  holders: new Map(),
  inFlight: new Map(),
  runIds: new Map(),
  places: new Map(),
  handedAt: new Map(),
  inMemory: new Set(),
  unreachable: new Set(),
  children: new Map(),
};

const at = (ms: number) => new Date(NOW + ms).toISOString().replace(".000Z", "Z");

/** A record and the message that delivers it. Plans have even slots. */
function delivery(key: number, slot: number, fields: Parameters<typeof messageRow>[0] = {}) {
  const isPlan = slot !== 0 && slot % 2 === 0;
  const step = stepRow({ key, slot, position: key, nextStepId: isPlan ? 9 : (slot + 1) / 2 });
  return {
    step,
    message: messageRow({ key, stepPosition: key, dueAt: NOW + LEASE_MS, ...fields }),
  };
}

type Delivery = ReturnType<typeof delivery>;

function outlook(deliveries: readonly Delivery[], fields: Partial<RunOutlook> = {}): RunOutlook {
  return {
    run: runRow(),
    config: runConfig(),
    messages: deliveries.map(({ message }) => message),
    waits: [],
    steps: new Map(deliveries.map(({ step }) => [step.key, step])),
    failures: new Map(),
    ...fields,
  };
}

function say(of: RunOutlook, known: Partial<RunWaitingFacts> = {}, planCounts = new Map()): string {
  const openings = openingsOf(of, TIMEOUT_MS);
  const handedAt = openings.flatMap(({ message, startedAt }) =>
    message === null || startedAt === null ? [] : [[message.key, startedAt] as const],
  );
  return tellRun(toTold(openings, planCounts), {
    ...facts,
    handedAt: new Map(handedAt),
    ...known,
  });
}

const call = (fields: Partial<WaitRow> = {}) =>
  waitRow({
    kind: "call",
    dueAt: null,
    eventId: null,
    requestKey: 60,
    config: JSON.stringify(
      waitConfig({
        call: { url: "https://service.test/", own: { forward: {} }, createdAt: NOW },
      }),
    ),
    ...fields,
  });

const event = (fields: Partial<WaitRow> = {}) => waitRow({ dueAt: NOW + 1_000, ...fields });

describe("one delivery", () => {
  test("in flight began when its lease did, whatever the timeout of the run", () => {
    const flying = delivery(3, 3);
    expect(say(outlook([flying]))).toBe(`delivery in flight since ${at(0)} (attempt 1 of 4)`);
    const config = runConfig({ timeoutMs: 30_000 });
    const longer = say(outlook([flying], { config }));
    expect(longer).toBe(`delivery in flight since ${at(30_000)} (attempt 1 of 4)`);
    // The default may have been another one when it began.
    const shorter = delivery(3, 3, { createdAt: NOW + 9_000 });
    expect(say(outlook([shorter]))).toBe(`delivery in flight since ${at(9_000)} (attempt 1 of 4)`);
  });

  test("sleeps when its record was due later from the begin", () => {
    const dueAt = NOW + 5_000;
    const { step, message } = delivery(3, 3, { state: "scheduled", dueAt });
    const asleep = { step: { ...step, dueAt }, message };
    expect(say(outlook([asleep]))).toBe(`sleep until ${at(5_000)}`);
    expect(say(outlook([{ step, message }]))).toBe(`delay until ${at(5_000)}`);
    // A resume has put it off.
    const later = { ...message, dueAt: NOW + 9_000 };
    expect(say(outlook([{ ...asleep, message: later }]))).toBe(`delay until ${at(9_000)}`);
    const first = { step: { ...step, slot: 0, dueAt }, message };
    expect(say(outlook([first]))).toBe(`delay until ${at(5_000)}`);
    expect(say(outlook([], { messages: [{ ...message, kind: "hop" }] }))).toBe(
      `delay until ${at(5_000)}`,
    );
  });

  test("that is tried again names the step that the app named", () => {
    const retrying = delivery(3, 3, { state: "scheduled", retried: 2, dueAt: NOW + 1_000 });
    expect(say(outlook([retrying]))).toBe(`retry 2 of 3 at ${at(1_000)}`);
    const attempt = {
      key: 3 * 1024 + 1,
      messageKey: 3,
      number: 1,
      startedAt: NOW,
      endedAt: NOW,
      status: 500,
      error: "500",
      cause: null,
      requestHeaders: null,
      responseHeaders: JSON.stringify({ "upstash-error-step-name": ['the "one"'] }),
      responseBody: null,
      isTruncated: 0 as const,
      move: "",
      runKey: null,
    };
    const failures = new Map([[3, attempt]]);
    expect(say(outlook([retrying], { failures }))).toBe(
      String.raw`retry 2 of 3 of step "the \"one\"" at ${at(1_000)}`,
    );
  });

  test("the newest record counts; those before it have done their work", () => {
    const older = delivery(3, 3);
    const newer = delivery(4, 5, { state: "scheduled", retried: 1, dueAt: NOW + 1_000 });
    expect(say(outlook([newer, older]))).toBe(`retry 1 of 3 at ${at(1_000)}`);
    expect(say(outlook([older], { waits: [event()] }))).toBe(`event paid until ${at(1_000)}`);
  });

  test("a message of the dead letter is none", () => {
    expect(openingsOf(outlook([delivery(3, 3, { state: "failed" })]), TIMEOUT_MS)).toEqual([]);
  });
});

describe("a step that others complete", () => {
  test.each([
    [event({ eventId: "a/b" }), `event a/b until ${at(1_000)}`],
    [event({ kind: "webhook" }), `webhook until ${at(1_000)}`],
    [event({ dueAt: null }), "event paid"],
    [call(), "call of https://service.test/"],
    [call({ config: "{" }), "call of a service"],
    [waitRow({ kind: "invoke", childRunKey: 9, config: "{" }), "child run "],
  ])("%#", (wait, text) => {
    expect(say(outlook([], { waits: [wait] }))).toBe(text);
  });

  const request = (fields: Parameters<typeof messageRow>[0]) =>
    messageRow({ key: 60, kind: "call", waitKey: 40, stepPosition: null, ...fields });
  const own = { config: JSON.stringify({ forward: {}, timeoutMs: 5_000 }) };

  test.each([
    [
      call(),
      { ...own, dueAt: NOW + 65_000 },
      `call of https://service.test/: in flight since ${at(0)} (attempt 1 of 4)`,
    ],
    [
      call(),
      { state: "scheduled", retried: 1, dueAt: NOW + 1_000 },
      `call of https://service.test/: retry 1 of 3 at ${at(1_000)}`,
    ],
    [
      call(),
      { state: "waiting", gate: "flow:bank", flowControlKey: "bank" },
      "call of https://service.test/: flow control key bank",
    ],
    [
      call({ state: "answered" }),
      { kind: "callResult", ...own, dueAt: NOW + 65_000 },
      `answer of the call of https://service.test/: delivery in flight since ${at(0)} (attempt 1 of 4)`,
    ],
    [
      call({ state: "answered" }),
      { kind: "callResult", state: "scheduled", retried: 3, dueAt: NOW + 1_000 },
      `answer of the call of https://service.test/: retry 3 of 3 at ${at(1_000)}`,
    ],
  ] as const)("a call: %#", (wait, fields, text) => {
    expect(say(outlook([], { waits: [wait], messages: [request(fields)] }))).toBe(text);
  });

  test("an answer that the app was told without going on opens nothing", () => {
    const waits = [call({ state: "answered" })];
    expect(openingsOf(outlook([], { waits }), TIMEOUT_MS)).toEqual([]);
  });

  test("a child says what it waits for, and not what its own child does", () => {
    const invoke = waitRow({ kind: "invoke", childRunKey: 9 });
    const grandchild = waitRow({ kind: "invoke", childRunKey: 10 });
    const child = (waits: readonly WaitRow[]) => ({
      runId: "wfr_child",
      ...toTold(openingsOf(outlook([], { waits }), TIMEOUT_MS)),
    });
    const of = outlook([], { waits: [invoke] });
    const told = (one: ReturnType<typeof child>) => say(of, { children: new Map([[9, one]]) });
    expect(told(child([event()]))).toBe(`child run wfr_child (event paid until ${at(1_000)})`);
    expect(told(child([grandchild]))).toBe("child run wfr_child (child run )");
    expect(told(child([]))).toBe("child run wfr_child");
  });
});

describe("branches", () => {
  const wide = JSON.stringify(waitConfig({ concurrent: 6 }));
  const flying = delivery(6, 6);
  const asleep = delivery(7, 8, { state: "scheduled", dueAt: NOW + 2_000 });
  const retrying = delivery(8, 10, { state: "scheduled", retried: 1, dueAt: NOW + 3_000 });
  const inLine = delivery(9, 12, { state: "waiting", gate: "flow:k", flowControlKey: "k" });
  const waits = [
    event({ key: 41, stepId: 1, config: wide }),
    waitRow({ key: 42, stepId: 2, kind: "invoke", childRunKey: 9, dueAt: null, config: wide }),
  ];

  test("two are told, the most telling ones first", () => {
    const all = outlook([asleep, flying, inLine, retrying], { waits });
    expect(say(all)).toBe(
      `6 of 6 branches: retry 1 of 3 at ${at(3_000)}; flow control key k; and 4 more`,
    );
    expect(say(outlook([asleep, flying], { waits }))).toMatch(
      /^4 of 6 branches: delivery in flight since .* \(attempt 1 of 4\); event paid until .*; and 2 more$/,
    );
    expect(say(outlook([asleep], { waits: waits.slice(1) }))).toMatch(
      /^2 of 6 branches: child run ; delay until /,
    );
  });

  test("are counted by their plans when none of them waits for others", () => {
    const planCounts = new Map([[9, 7]]);
    const one = outlook([asleep]);
    expect(say(one, {}, planCounts)).toBe(`1 of 7 branches: delay until ${at(2_000)}`);
    expect(say(one)).toBe(`delay until ${at(2_000)}`);
    expect(say(outlook([asleep, flying]))).toMatch(/^2 branches: delivery in flight /);
  });

  test("a plan whose step waits for others, or has its result on the way, is passed over", () => {
    const plan = delivery(6, 2);
    expect(say(outlook([plan], { waits: waits.slice(0, 1) }))).toMatch(/^1 of 6 branches: event/);
    const result = delivery(10, 3, { state: "scheduled", retried: 1, dueAt: NOW + 1_000 });
    // It is the last one: what goes on is the delivery of the result.
    expect(say(outlook([plan, result]))).toBe(`retry 1 of 3 at ${at(1_000)}`);
    // Results of others are delivered without consequence as long as one branch is open.
    expect(say(outlook([result, flying]))).toMatch(/^delivery in flight /);
  });
});

test("a stuck run says what was the last that was heard", () => {
  expect(tellStuck(null)).toBe("nothing: nothing is open for it any more; nudge it");
  expect(tellStuck({ status: 200, at: NOW })).toBe(
    `nothing: its last delivery was answered 200 at ${at(0)} and nothing followed; nudge it`,
  );
  expect(tellStuck({ status: 0, at: NOW })).toBe(
    `nothing: its last delivery ended without an answer at ${at(0)} and nothing followed; nudge it`,
  );
  expect(tellStuck({ status: 200, at: NOW }, "https://service.test/")).toBe(
    "nothing: its app was told the answer of the call of https://service.test/ and nothing followed; nudge it",
  );
});
