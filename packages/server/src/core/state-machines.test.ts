import { describe } from "vitest";
import { decideDeleteDeadLetter } from "./dead-letter.ts";
import { decideEndDelivery, type EndDeliveryState } from "./end-delivery.ts";
import { decideCancelCallback, decideRetryCallback } from "./failure-call.ts";
import type { Outcome } from "./outcome.ts";
import { decideReviveRun } from "./revive-run.ts";
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
  startRun,
  stepRow,
  submitStep,
} from "./rows.suite.ts";
import type {
  CallbackState,
  DeadLetterRow,
  DeadLetterState,
  MessageRow,
  MessageState,
  RunState,
} from "./rows.ts";
import { decideCancelRun, decideFinishRun } from "./run.ts";
import { decideStartDelivery } from "./start-delivery.ts";
import { decideStartRun } from "./start-run.ts";
import { type Cell, orStatus, stateAfter, walk } from "./state-page.suite.ts";
import { decideSubmitStep } from "./submit-step.ts";
import type { Transition } from "./transition.ts";

/** The machines of workflow runs. */

/** The answer of an app whose lines cannot be accepted. */
const refused: Outcome = {
  type: "response",
  status: 200,
  headers: {},
  body: new Uint8Array(),
  isTruncated: false,
  refusal: "line 1: must be a JSON object",
};

describe("message", () => {
  const message = (state: string): MessageRow | null =>
    state === "gone"
      ? null
      : messageRow({
          // The page names these states; the walk fails on any other.
          state: state as MessageState,
          dueAt: state === "scheduled" ? NOW : NOW + 60_000,
        });

  const start = (row: MessageRow | null, isOrphan: boolean, hasContinuation = false) =>
    decideStartDelivery(
      {
        message: row,
        run: runRow(),
        config: runConfig(),
        step: stepRow(),
        wait: null,
        hasContinuation,
      },
      { type: "startDelivery", messageKey: 3, isOrphan },
      contextAt(),
    );

  const end =
    (outcome: Outcome, fields: Partial<EndDeliveryState> = {}, leaseToken = 1): Cell =>
    (state) => {
      const row = message(state);
      const transition = decideEndDelivery(
        {
          message: row,
          run: runRow(),
          config: runConfig(),
          step: stepRow(),
          hasContinuation: false,
          wait: null,
          invoker: null,
          openMessages: row === null ? [] : [row],
          initialStep,
          deadLetter: null,
          ...fields,
        },
        endDelivery(outcome, { leaseToken }),
        contextAt(),
      );
      return stateAfter(transition, "messages", 3);
    };

  const spent =
    (outcome: Outcome): Cell =>
    (state) => {
      const row = message(state);
      const used = row === null ? null : { ...row, retried: 3 };
      return end(outcome, { message: used, openMessages: used === null ? [] : [used] })(state);
    };

  const ended =
    (decideEnd: typeof decideFinishRun | typeof decideCancelRun): Cell =>
    (state) => {
      const row = message(state);
      const openMessages = row === null || row.state === "failed" ? [] : [row];
      const command = { type: "finishRun", runId: "wfr_test", response: null } as const;
      // Both commands name the run alone; the other fields are not read here.
      const decideIt = decideEnd as typeof decideFinishRun;
      return stateAfter(
        decideIt(
          { live: runRow(), leftovers: leftovers(openMessages), invoker: null },
          command,
          contextAt(),
        ),
        "messages",
        3,
      );
    };

  const proceed =
    (leaseToken: number, delayMs = 0): Cell =>
    (state) => {
      const transition = decideSubmitStep(
        {
          run: runRow(),
          config: runConfig(),
          deadLetter: null,
          wait: null,
          recorded: null,
          plan: null,
          held: message(state),
        },
        submitStep({ hold: { messageKey: 3, leaseToken, recordsBefore: 0 }, dueAt: NOW + delayMs }),
        contextAt(),
      );
      return stateAfter(transition, "messages", 3);
    };

  walk("Message", {
    due: (state) => stateAfter(start(message(state), false), "messages", 3),
    "not due yet": (state) => {
      const row = message(state);
      return stateAfter(
        start(row === null ? null : { ...row, dueAt: NOW + 1 }, false),
        "messages",
        3,
      );
    },
    "lease orphaned": (state) => stateAfter(start(message(state), true), "messages", 3),
    "orphaned, continuation accepted": (state) =>
      stateAfter(start(message(state), true, true), "messages", 3),
    "2xx": end(response(200, { "upstash-workflow-sdk-version": ["1"] })),
    "failed, retry left": end(response(500)),
    "failed, none left": spent(response(500)),
    "non-retryable": end(response(489, { "upstash-nonretryable-error": ["true"] })),
    "failed, continuation accepted": end(response(500), { hasContinuation: true }),
    "stale outcome": end(response(200), {}, 0),
    "outcome, run ended": end(response(500), { run: runRow({ state: "canceled" }) }),
    "run finished": ended(decideFinishRun),
    "run cancelled": ended(decideCancelRun),
    "answer refused": end(refused),
    "invocation goes on": proceed(1),
    "goes on under an old lease": proceed(0),
    "goes on, next not due": proceed(1, 1_000),
  });
});

describe("run", () => {
  const run = (state: string) =>
    runRow({
      // The page names these states; the walk fails on any other.
      state: state as RunState,
      deadLetterKey: state === "failed" ? 20 : null,
    });
  const live = (state: string) => (state === "started" ? run(state) : null);

  const submit =
    (recorded: ReturnType<typeof stepRow> | null, held: MessageRow | null = null): Cell =>
    (state) =>
      orStatus(() => {
        const hold = { messageKey: 3, leaseToken: 1, recordsBefore: 0 };
        const { changes, answer, effects } = decideSubmitStep(
          {
            held,
            run: run(state),
            config: runConfig(),
            deadLetter: state === "failed" ? deadLetterRow() : null,
            wait: null,
            recorded,
            plan: null,
          },
          held === null ? submitStep() : submitStep({ hold }),
          contextAt(),
        );
        if (effects.some(({ type }) => type === "hold")) return "recorded, held";
        if (answer.deduplicated) return changes.length === 0 ? "first answer" : "changed";
        const hasMessage = changes.some(({ table }) => table === "messages");
        return hasMessage ? "recorded, message" : "recorded";
      });

  walk("Run", {
    "new step": submit(null),
    "new step, goes on": submit(null, messageRow({ state: "active" })),
    "step of a taken slot": submit(stepRow({ slot: 5 })),
    finish: (state) => {
      const command = { type: "finishRun", runId: "wfr_test", response: null } as const;
      const room = { live: live(state), leftovers: leftovers(), invoker: null };
      return stateAfter(decideFinishRun(room, command, contextAt()), "runs", 1);
    },
    cancel: (state) => {
      const command = { type: "cancelRun", runId: "wfr_test" } as const;
      const room = { live: live(state), leftovers: leftovers(), invoker: null };
      return stateAfter(decideCancelRun(room, command, contextAt()), "runs", 1);
    },
    "trigger with its id": (state) => {
      const found = live(state);
      const { answer } = decideStartRun(
        {
          live: found,
          liveConfig: found === null ? null : runConfig(),
          initialStep: found === null ? null : initialStep,
        },
        startRun(),
        contextAt(),
      );
      return answer.deduplicated ? "first answer" : "new run";
    },
    "message out of attempts": (state) => {
      const message = messageRow({ retried: 3 });
      const transition = decideEndDelivery(
        {
          message,
          run: run(state),
          config: runConfig(),
          step: stepRow(),
          hasContinuation: false,
          wait: null,
          invoker: null,
          openMessages: [message],
          initialStep,
          deadLetter: null,
        },
        endDelivery(response(500)),
        contextAt(),
      );
      return stateAfter(transition, "runs", 1);
    },
  });
});

describe("dead letter", () => {
  const letter = (state: string, fields: Partial<DeadLetterRow> = {}) =>
    deadLetterRow({
      // The page names these states; the walk fails on any other.
      state: state as DeadLetterState,
      ...fields,
    });
  const belongings = {
    run: runRow({ state: "failed" }),
    config: runConfig(),
    failedMessage: messageRow({ state: "failed" }),
    failedStep: stepRow(),
    initialStep,
    callbackMessage: null,
    leftovers: leftovers(),
  };
  const revive =
    (mode: "resume" | "restart"): Cell =>
    (state) =>
      orStatus(() => {
        const transition = decideReviveRun(
          { ...belongings, deadLetter: letter(state), steps: [initialStep, stepRow()] },
          { type: "reviveRun", mode, deadLetterKey: 20, newRunId: "wfr_new", overrides: {} },
          contextAt(),
        );
        return stateAfter(transition, "deadLetters", 20);
      });
  const callback =
    (act: "again" | "cancel"): Cell =>
    (state) =>
      orStatus(() => {
        const callbackState = act === "again" ? "CALLBACK_FAIL" : "CALLBACK_INPROGRESS";
        const room = { ...belongings, deadLetter: letter(state, { callbackState }) };
        if (act === "again") {
          decideRetryCallback(room, { type: "retryCallback", deadLetterKey: 20 }, contextAt());
        } else {
          decideCancelCallback(room, { type: "cancelCallback", deadLetterKey: 20 });
        }
        return "by its state";
      });

  walk("Dead letter", {
    resume: revive("resume"),
    restart: revive("restart"),
    delete: (state) =>
      orStatus(() => {
        const room = { ...belongings, deadLetter: letter(state) };
        const command = { type: "deleteDeadLetter", deadLetterKey: 20 } as const;
        return stateAfter(decideDeleteDeadLetter(room, command, contextAt()), "deadLetters", 20);
      }),
    "callback again": callback("again"),
    "cancel callback": callback("cancel"),
  });
});

describe("failure call", () => {
  const letter = (state: string) =>
    deadLetterRow({
      // The page names these states; the walk fails on any other.
      callbackState: state === "none" ? null : (state as CallbackState),
      callbackMessageKey: state === "none" ? null : 30,
    });

  const after = (transition: Transition<unknown>): string => {
    for (const change of transition.changes) {
      if (change.type !== "update" || change.table !== "deadLetters") continue;
      if (change.set.callbackState !== undefined) return change.set.callbackState ?? "none";
    }
    return "-";
  };

  const end =
    (outcome: Outcome, retried: number): Cell =>
    (state) => {
      // Only a call in progress has a message.
      const isOpen = state === "CALLBACK_INPROGRESS";
      const message = messageRow({
        key: 30,
        kind: "failureCall",
        stepPosition: null,
        deadLetterKey: 20,
        retried,
      });
      const transition = decideEndDelivery(
        {
          message: isOpen ? message : null,
          run: runRow({ state: "failed" }),
          config: runConfig(),
          step: null,
          hasContinuation: false,
          wait: null,
          invoker: null,
          openMessages: [],
          initialStep,
          deadLetter: letter(state),
        },
        endDelivery(outcome, { messageKey: 30 }),
        contextAt(),
      );
      return after(transition);
    };

  const room = (state: string) => ({
    deadLetter: letter(state),
    run: runRow({ state: "failed" }),
    config: runConfig(),
    failedMessage: messageRow({ state: "failed" }),
    failedStep: stepRow(),
    initialStep,
    callbackMessage: null,
  });

  walk("Failure call", {
    "2xx": end(response(200), 0),
    "2xx, not found": end(
      response(200, { "upstash-workflow-failure-callback-notfound": ["true"] }),
      0,
    ),
    "failed, retry left": end(response(500), 0),
    "failed, none left": end(response(500), 3),
    "call again": (state) =>
      orStatus(() => {
        const command = { type: "retryCallback", deadLetterKey: 20 } as const;
        return after(decideRetryCallback(room(state), command, contextAt()));
      }),
    cancel: (state) =>
      orStatus(() => {
        const command = { type: "cancelCallback", deadLetterKey: 20 } as const;
        return after(decideCancelCallback(room(state), command));
      }),
  });
});
