import { describe, expect, test } from "vitest";
import { decideEndWait } from "./answer-wait.ts";
import { decideEndDelivery } from "./end-delivery.ts";
import { decideNotifyEvent } from "./notify.ts";
import { decideReviveRun } from "./revive-run.ts";
import {
  contextAt,
  deadLetterRow,
  endDelivery,
  initialStep,
  insertsInto,
  messageRow,
  NOW,
  response,
  runConfig,
  runRow,
  stepRow,
  submitStep,
} from "./rows.suite.ts";
import { decideCancelRun } from "./run.ts";
import { type Cell, orStatus, stateAfter, walk } from "./state-page.suite.ts";
import { decideSubmitStep } from "./submit-step.ts";
import { recipient, waitConfig, waitRow } from "./wait.suite.ts";
import type { WaitRow, WaitState } from "./wait-rows.ts";

const KEY = 40;
const isOver = (state: string) => state !== "open" && state !== "answered";

const wait = (state: string, fields: Partial<WaitRow> = {}): WaitRow =>
  waitRow({
    // The page names these states; the walk fails on any other.
    state: state as WaitState,
    dueAt: state === "open" ? NOW : null,
    answer: state === "answered" ? new Uint8Array([1]) : null,
    ...fields,
  });

describe("wait", () => {
  const notify: Cell = (state) => {
    // Only open waits are found.
    const found = state === "open" ? [recipient({ wait: wait(state) })] : [];
    const command = { type: "notifyEvent", eventId: "paid", data: new Uint8Array() } as const;
    return stateAfter(decideNotifyEvent({ recipients: found }, command, contextAt()), "waits", KEY);
  };

  const timeOut: Cell = (state) => {
    const room = { recipient: recipient({ wait: wait(state) }) };
    const command = { type: "endWait", waitKey: KEY } as const;
    return stateAfter(decideEndWait(room, command, contextAt()), "waits", KEY);
  };

  const call = (status: number, retried: number): Cell => {
    const message = messageRow({
      kind: "call",
      stepPosition: null,
      retries: 1,
      retried,
      waitKey: KEY,
    });
    return (state) => {
      const transition = decideEndDelivery(
        {
          message,
          run: runRow(),
          config: runConfig(),
          step: null,
          wait: wait(state, { kind: "call", requestKey: message.key, dueAt: null }),
          hasContinuation: false,
          openMessages: [message],
          initialStep,
          invoker: null,
          deadLetter: null,
        },
        endDelivery(response(status)),
        contextAt(),
      );
      return stateAfter(transition, "waits", KEY);
    };
  };

  const submit: Cell = (state) =>
    orStatus(() => {
      const transition = decideSubmitStep(
        {
          run: runRow({ stepCount: 2 }),
          config: runConfig(),
          deadLetter: null,
          recorded: isOver(state) ? stepRow() : null,
          plan: null,
          wait: wait(state, { kind: "call" }),
        },
        submitStep({ facts: { stepId: 2, isPlan: false, concurrent: 1, isCallResult: true } }),
        contextAt(),
      );
      return stateAfter(transition, "waits", KEY);
    });

  const end: Cell = (state) => {
    const leftovers = { openMessages: [], waits: [wait(state)], events: [] };
    const command = { type: "cancelRun", runId: "wfr_test" } as const;
    const room = { live: runRow(), leftovers, invoker: null };
    return stateAfter(decideCancelRun(room, command, contextAt()), "waits", KEY);
  };

  const revive =
    (mode: "resume" | "restart"): Cell =>
    (state) =>
      stateAfter(revived(mode, wait(state)), "waits", KEY);

  walk("Wait", {
    notified: notify,
    "time is up": timeOut,
    "call answered": call(200, 0),
    "call failed, retry left": call(500, 0),
    "call failed, none left": call(500, 1),
    "result submitted": submit,
    "run ended": end,
    resume: revive("resume"),
    restart: revive("restart"),
  });
});

function revived(mode: "resume" | "restart", left: WaitRow) {
  return decideReviveRun(
    {
      deadLetter: deadLetterRow(),
      run: runRow({ state: "failed", deadLetterKey: 20 }),
      config: runConfig(),
      steps: [initialStep, stepRow()],
      failedMessage: messageRow({ state: "failed" }),
      leftovers: { openMessages: [], waits: [left], events: [] },
    },
    { type: "reviveRun", mode, deadLetterKey: 20, newRunId: "wfr_new", overrides: {} },
    contextAt(),
  );
}

describe("a resumed run", () => {
  test("waits until the same instant, and asks for nothing twice", () => {
    const transition = revived("resume", wait("open", { dueAt: NOW + 5 }));
    expect(insertsInto(transition, "waits")).toMatchObject([{ state: "open", dueAt: NOW + 5 }]);
    expect(insertsInto(transition, "messages")).toEqual([]);
  });

  test("is told the answer of a call that the failed one has not got", () => {
    const left = wait("answered", { kind: "call", config: JSON.stringify(waitConfig()) });
    const transition = revived("resume", left);
    const [copy] = insertsInto(transition, "waits");
    expect(copy).toMatchObject({ state: "answered", answer: left.answer });
    expect(insertsInto(transition, "messages")).toMatchObject([
      { kind: "callResult", waitKey: copy?.key, state: "active" },
    ]);
  });

  test("shows what earlier steps have waited for", () => {
    const transition = revived("resume", wait("done", { endedAt: NOW - 9 }));
    expect(insertsInto(transition, "waits")).toMatchObject([{ state: "done", endedAt: NOW - 9 }]);
  });
});
