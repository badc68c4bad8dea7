import fc from "fast-check";
import { expect, test } from "vitest";
import { decideEndDelivery } from "./end-delivery.ts";
import {
  contextAt,
  deadLetterRow,
  endDelivery,
  initialStep,
  leftovers,
  messageRow,
  NOW,
  response,
  runConfig,
  runRow,
  stepRow,
  submitStep,
} from "./rows.suite.ts";
import type { RunRow } from "./rows.ts";
import { decideCancelRun, decideFinishRun } from "./run.ts";
import { decideStartDelivery } from "./start-delivery.ts";
import { decideSubmitStep } from "./submit-step.ts";
import type { Transition } from "./transition.ts";

const finish = { type: "finishRun", runId: "wfr_test", response: null } as const;
const cancel = { type: "cancelRun", runId: "wfr_test" } as const;

test("finishing keeps what the route function returned and drops what has not begun", () => {
  const answer = new TextEncoder().encode('{"ok":true}');
  const scheduled = messageRow({ key: 5, state: "scheduled" });
  const active = messageRow({ key: 6, state: "active" });
  const call = messageRow({ key: 7, state: "scheduled", kind: "failureCall" });
  const transition = decideFinishRun(
    { live: runRow(), leftovers: leftovers([scheduled, active, call]), invoker: null },
    { ...finish, response: answer },
    contextAt(),
  );
  expect(transition.changes).toEqual([
    {
      type: "update",
      table: "runs",
      key: 1,
      set: { state: "succeeded", completedAt: NOW, response: answer },
    },
    { type: "delete", table: "messages", key: 5 },
  ]);
  expect(transition.answer).toEqual({ wasLive: true });
});

test("cancelling leaves no dead letter, no failure call and no response", () => {
  const transition = decideCancelRun(
    { live: runRow(), leftovers: leftovers(), invoker: null },
    cancel,
    contextAt(),
  );
  expect(transition).toEqual({
    changes: [
      { type: "update", table: "runs", key: 1, set: { state: "canceled", completedAt: NOW } },
    ],
    effects: [],
    answer: { wasLive: true },
  });
});

test("a cancel that means another run of the same id changes nothing", () => {
  const state = { live: runRow({ key: 9 }), leftovers: leftovers(), invoker: null };
  const none = { changes: [], effects: [], answer: { wasLive: false } };
  expect(decideCancelRun(state, { ...cancel, runKey: 8 }, contextAt())).toEqual(none);
  expect(decideCancelRun(state, { ...cancel, runKey: 9 }, contextAt()).answer.wasLive).toBe(true);
});

test("the end of an unknown or ended run is no error", () => {
  const none = { changes: [], effects: [], answer: { wasLive: false } };
  expect(
    decideFinishRun({ live: null, leftovers: leftovers(), invoker: null }, finish, contextAt()),
  ).toEqual(none);
  expect(
    decideCancelRun({ live: null, leftovers: leftovers(), invoker: null }, cancel, contextAt()),
  ).toEqual(none);
});

const anyEnded = fc
  .record({
    state: fc.constantFrom("succeeded" as const, "failed" as const, "canceled" as const),
    stepCount: fc.integer({ min: 1, max: 100 }),
    completedAt: fc.constant(NOW - 1),
  })
  .map((fields) => runRow({ ...fields, deadLetterKey: fields.state === "failed" ? 20 : null }));

const anyOutcome = fc.oneof(
  fc.integer({ min: 200, max: 599 }).map((status) => response(status)),
  fc.constant(response(489, { "upstash-nonretryable-error": ["true"] })),
  fc.constant({ type: "error", cause: "timeout", message: "no answer" } as const),
);

const anyMessage = fc
  .record({
    kind: fc.constantFrom("step" as const, "hop" as const),
    state: fc.constantFrom("scheduled" as const, "active" as const, "failed" as const),
    retried: fc.integer({ min: 0, max: 4 }),
    stepPosition: fc.integer({ min: 0, max: 3 }),
    dueAt: fc.constantFrom(NOW - 1, NOW + 1),
  })
  .map(messageRow);

const anyCommand = fc.oneof(
  fc.constant((run: RunRow) => {
    const state = {
      run,
      config: runConfig(),
      deadLetter: deadLetterRow(),
      recorded: null,
      plan: null,
      wait: null,
    };
    try {
      return decideSubmitStep(state, submitStep(), contextAt());
    } catch {
      return null; // Refused: that changes nothing either.
    }
  }),
  // The engine offers live runs alone to these two.
  fc.constant(() =>
    decideFinishRun({ live: null, leftovers: leftovers(), invoker: null }, finish, contextAt()),
  ),
  fc.constant(() =>
    decideCancelRun({ live: null, leftovers: leftovers(), invoker: null }, cancel, contextAt()),
  ),
  fc.record({ message: anyMessage, isOrphan: fc.boolean() }).map(
    ({ message, isOrphan }) =>
      (run: RunRow) =>
        decideStartDelivery(
          {
            message,
            run,
            config: runConfig(),
            step: stepRow(),
            wait: null,
            hasContinuation: false,
          },
          { type: "startDelivery", messageKey: 3, isOrphan },
          contextAt(),
        ),
  ),
  fc.record({ message: anyMessage, outcome: anyOutcome }).map(
    ({ message, outcome }) =>
      (run: RunRow) =>
        decideEndDelivery(
          {
            message,
            run,
            config: runConfig({ requiresSdkHeader: true }),
            step: stepRow(),
            hasContinuation: false,
            wait: null,
            invoker: null,
            openMessages: [message],
            initialStep,
            deadLetter: null,
          },
          endDelivery(outcome),
          contextAt(),
        ),
  ),
);

test("runs that have ended stay as they ended, and nothing more is delivered for them", () =>
  fc.assert(
    fc.property(anyEnded, anyCommand, (run, decide) => {
      const transition: Transition<unknown> | null = decide(run);
      for (const change of transition?.changes ?? []) {
        if (change.table === "runs" && change.type === "update") {
          expect(Object.keys(change.set).toSorted()).toEqual(["bodyBytes", "stepCount"]);
        }
        expect(change.table).not.toBe("deadLetters");
        expect(`${change.table} ${change.type}`).not.toBe("messages insert");
      }
      const effects = transition?.effects ?? [];
      expect(effects.filter(({ type }) => type === "deliver")).toEqual([]);
    }),
    { numRuns: 300 },
  ));
