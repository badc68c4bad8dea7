import { RUN_BYTES_MAX } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { answerInvoker, decideEndWait } from "./answer-wait.ts";
import { GateBook } from "./gate-book.ts";
import { decideNotifyEvent, decideNotifyRun } from "./notify.ts";
import {
  contextAt,
  deadLetterRow,
  insertsInto,
  NOW,
  runConfig,
  runRow,
  stepRow,
} from "./rows.suite.ts";
import type { Change } from "./rows.ts";
import { recipient, target, waitConfig, waitRow } from "./wait.suite.ts";
import type { EventRow } from "./wait-rows.ts";

const data = new TextEncoder().encode('{"paid":true}');
const notify = { type: "notifyEvent", eventId: "paid", data } as const;

const recordOf = (changes: readonly Change[]) => {
  const [step] = insertsInto({ changes, effects: [], answer: null }, "steps");
  return step === undefined ? null : JSON.parse(new TextDecoder().decode(step.body));
};

describe("a notification", () => {
  test("gives its data to the step, in base64", () => {
    const transition = decideNotifyEvent({ recipients: [recipient()] }, notify, contextAt());
    expect(recordOf(transition.changes)).toEqual({
      stepId: 2,
      stepName: "wait",
      stepType: "Wait",
      concurrent: 1,
      waitEventId: "paid",
      out: Buffer.from(data).toString("base64"),
    });
    expect(insertsInto(transition, "messages")).toMatchObject([
      { kind: "step", state: "active", url: target.url },
    ]);
    expect(transition.answer).toMatchObject([{ run: { id: "wfr_test" }, wait: { key: 40 } }]);
  });

  test("wakes two steps of one run, one record behind the other", () => {
    const recipients = [40, 41].map((key, index) =>
      recipient({ wait: waitRow({ key, stepId: 2 + index }) }),
    );
    const transition = decideNotifyEvent({ recipients }, notify, contextAt());
    expect(insertsInto(transition, "steps").map(({ position }) => position)).toEqual([2, 3]);
    expect(transition.answer).toHaveLength(2);
  });

  test("is recorded, and not delivered, while the run waits for its resume", () => {
    const failed = recipient({
      run: runRow({ stepCount: 2, state: "failed", deadLetterKey: 20 }),
      deadLetter: deadLetterRow(),
    });
    const transition = decideNotifyEvent({ recipients: [failed] }, notify, contextAt());
    expect(insertsInto(transition, "steps")).toHaveLength(1);
    expect(insertsInto(transition, "messages")).toEqual([]);
  });

  test.each([
    ["has ended", { run: runRow({ state: "canceled" }) }],
    [
      "was given up",
      { run: runRow({ state: "failed" }), deadLetter: deadLetterRow({ state: "deleted" }) },
    ],
    ["has the result already", { recorded: stepRow() }],
  ])("wakes nobody in a run that %s", (_name, fields) => {
    const transition = decideNotifyEvent({ recipients: [recipient(fields)] }, notify, contextAt());
    expect(insertsInto(transition, "steps")).toEqual([]);
    expect(transition.answer).toEqual([]);
  });
});

describe("a notification for one run", () => {
  const command = {
    type: "notifyRun",
    source: "notify",
    runId: "wfr_test",
    eventId: "paid",
    data,
  } as const;
  const room = { run: runRow(), deadLetter: null, recipient: null, kept: [] };

  test("is kept until the run waits", () => {
    const transition = decideNotifyRun(room, command, contextAt());
    expect(insertsInto(transition, "events")).toMatchObject([
      { runKey: 1, eventId: "paid", source: "notify", body: data },
    ]);
    expect(transition.answer).toMatchObject({ outcome: "kept" });
  });

  test("is not kept for a run that has ended, or is none", () => {
    for (const run of [null, runRow({ state: "succeeded" })]) {
      const { changes, answer } = decideNotifyRun({ ...room, run }, command, contextAt());
      expect(changes).toEqual([]);
      expect(answer).toMatchObject({ outcome: "ended" });
    }
  });

  test("is refused when a thousand are kept", () => {
    const one = {
      key: 1,
      runKey: 1,
      eventId: "paid",
      source: "notify",
      createdAt: NOW,
      bytes: 1,
      body: data,
    } as const;
    const outcomeWith = (kept: readonly EventRow[]) => {
      const { changes, answer } = decideNotifyRun({ ...room, kept }, command, contextAt());
      return [changes.length, answer.outcome];
    };
    const thousand = Array.from({ length: 1_000 }, (_, n) => ({ ...one, eventId: `${n}` }));
    expect(outcomeWith(thousand.slice(1))).toEqual([1, "kept"]);
    expect(outcomeWith(thousand)).toEqual([0, "full"]);
    // Those who have no token do not keep out those who have one.
    expect(outcomeWith(thousand.map((event) => ({ ...event, source: "webhook" })))).toEqual([
      1,
      "kept",
    ]);
    expect(outcomeWith([{ ...one, bytes: RUN_BYTES_MAX - data.byteLength }])).toEqual([1, "kept"]);
    expect(outcomeWith([{ ...one, bytes: RUN_BYTES_MAX }])).toEqual([0, "full"]);
  });
});

describe("the end of the time", () => {
  test("is told without a result", () => {
    const transition = decideEndWait(
      { recipient: recipient({ wait: waitRow({ dueAt: NOW }) }) },
      { type: "endWait", waitKey: 40 },
      contextAt(),
    );
    const record = recordOf(transition.changes);
    expect(record).toMatchObject({ waitTimeout: true });
    expect(record).not.toHaveProperty("out");
  });

  test("does not come early", () => {
    const transition = decideEndWait(
      { recipient: recipient({ wait: waitRow({ dueAt: NOW + 1 }) }) },
      { type: "endWait", waitKey: 40 },
      contextAt(),
    );
    expect(transition.changes).toEqual([]);
    expect(transition.effects).toEqual([{ type: "wake", dueAt: NOW + 1 }]);
  });

  test("goes where the app wants it", () => {
    const timeout = {
      ...target,
      url: "https://app.test/late",
      own: { forward: { "x-late": "1" } },
    };
    const wait = waitRow({ dueAt: NOW, config: JSON.stringify(waitConfig({ timeout })) });
    const transition = decideEndWait(
      { recipient: recipient({ wait }) },
      { type: "endWait", waitKey: 40 },
      contextAt(),
    );
    expect(insertsInto(transition, "messages")).toMatchObject([{ url: "https://app.test/late" }]);
  });

  test("goes to the run where the app names another host: the run's headers are for it alone", () => {
    const timeout = { ...target, url: "https://other.test/api/order" };
    const wait = waitRow({ dueAt: NOW, config: JSON.stringify(waitConfig({ timeout })) });
    const transition = decideEndWait(
      { recipient: recipient({ wait }) },
      { type: "endWait", waitKey: 40 },
      contextAt(),
    );
    expect(insertsInto(transition, "messages")).toMatchObject([
      { url: "https://app.test/api/order" },
    ]);
  });
});

describe("the end of an invoked run", () => {
  const text = (value: string | null) => (value === null ? null : new TextEncoder().encode(value));
  const told = (state: "succeeded" | "failed" | "canceled", response: string | null) => {
    const wait = waitRow({ kind: "invoke", dueAt: null, eventId: null, childRunKey: 9 });
    const book = new GateBook(null, []);
    const end = { state, response: text(response) };
    return JSON.parse(
      recordOf(
        answerInvoker(recipient({ wait, config: runConfig() }), end, book, contextAt()).changes,
      ).out,
    );
  };

  test.each([
    ["succeeded", '{"n":1}', { body: '{"n":1}', isFailed: false, isCanceled: false }],
    ["succeeded", null, { isFailed: false, isCanceled: false }],
    ["failed", null, { isFailed: true, isCanceled: false }],
    ["canceled", null, { isFailed: false, isCanceled: true }],
  ] as const)("%s with %s is told", (state, response, out) => {
    expect(told(state, response)).toEqual(out);
  });
});
