import { describe } from "vitest";
import { decideDeleteDeadMessage, decideRetryDeadMessage } from "./dead-message.ts";
import { decideCancelMessage, decideEndMessage } from "./end-message.ts";
import { GateBook } from "./gate-book.ts";
import { noGates, originGate, originOf } from "./gates.ts";
import type { Outcome } from "./outcome.ts";
import {
  contextAt,
  deadMessageRow,
  endDelivery,
  envelopeRow,
  insertsInto,
  NOW,
  plainMessageRow,
  response,
} from "./rows.suite.ts";
import type { DeadMessageRow, MessageRow, MessageState } from "./rows.ts";
import { decideReleaseMessage, decideStartMessage } from "./start-message.ts";
import { type Cell, orStatus, stateAfter, walk } from "./state-page.suite.ts";
import { type Context, type Transition, unchanged } from "./transition.ts";

/** The machines of messages without a run. */

describe("published message", () => {
  const message = (state: string): MessageRow | null => {
    if (state === "gone") return null;
    const { url } = plainMessageRow();
    const place = state === "waiting" ? { gate: originGate(originOf(url)), waitOrder: 1 } : {};
    return plainMessageRow({
      ...place,
      // The page names these states; the walk fails on any other.
      state: state as MessageState,
      dueAt: state === "scheduled" ? NOW : NOW + 60_000,
    });
  };
  const closed: Context = { ...contextAt(), isOriginFull: () => true };

  const after = (transition: Transition<unknown>) =>
    insertsInto(transition, "deadMessages").length > 0
      ? "dead"
      : stateAfter(transition, "messages", 3);

  const start =
    (isOrphan: boolean, context = contextAt(), fields: Partial<MessageRow> = {}): Cell =>
    (state) => {
      const row = message(state);
      const command = { type: "startDelivery", messageKey: 3, isOrphan } as const;
      return after(
        row === null
          ? unchanged(null)
          : decideStartMessage(
              { message: { ...row, ...fields }, gates: noGates, sharers: [] },
              command,
              context,
            ),
      );
    };

  const end =
    (outcome: Outcome, fields: Partial<MessageRow> = {}, leaseToken = 1): Cell =>
    (state) => {
      const row = message(state);
      if (row === null) return "-";
      const ending = {
        message: { ...row, ...fields },
        envelopeRow: envelopeRow(),
        envelope: null,
        gates: noGates,
        sharers: [],
        callbackFlows: [],
      };
      return after(decideEndMessage(ending, endDelivery(outcome, { leaseToken }), contextAt()));
    };

  const command = (state: string) => ({ message: message(state), gates: noGates, sharers: [] });

  walk("Published message", {
    due: start(false),
    "due, gate closed": start(false, closed),
    "not due yet": start(false, contextAt(), { dueAt: NOW + 1 }),
    "lease orphaned": start(true),
    "2xx": end(response(200)),
    "failed, retry left": end(response(500)),
    "failed, none left": end(response(500), { retries: 0 }),
    "non-retryable": end(response(489, { "upstash-nonretryable-error": ["true"] })),
    "stale outcome": end(response(200), {}, 0),
    cancelled: (state) =>
      after(
        decideCancelMessage(command(state), { type: "cancelMessage", messageKey: 3 }, contextAt()),
      ),
    "sent now": (state) =>
      orStatus(() =>
        after(
          decideReleaseMessage(
            command(state),
            { type: "releaseMessage", messageKey: 3 },
            contextAt(),
          ),
        ),
      ),
  });
});

describe("dead message", () => {
  // The page names these states; the walk fails on any other.
  const row = (state: string) => deadMessageRow({ state: state as DeadMessageRow["state"] });

  const after = (act: () => Transition<unknown>) =>
    orStatus(() => stateAfter(act(), "deadMessages", 20));

  walk("Dead message", {
    "send again": (state) =>
      after(() =>
        decideRetryDeadMessage(
          {
            deadMessage: row(state),
            envelopeRow: envelopeRow(),
            gates: new GateBook(null, []),
          },
          { type: "retryDeadMessage", deadMessageKey: 20, overrides: { notBefore: NOW } },
          contextAt(),
        ),
      ),
    delete: (state) =>
      after(() =>
        decideDeleteDeadMessage(
          { deadMessage: row(state) },
          { type: "deleteDeadMessage", deadMessageKey: 20 },
          contextAt(),
        ),
      ),
  });
});
