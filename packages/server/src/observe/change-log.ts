import { messageId } from "@reprise/protocol";
import type { EndDelivery } from "../core/commands.ts";
import type { Change } from "../core/rows.ts";
import { parseTraceparent } from "../core/trace.ts";
import type { Delivery } from "../engine/dispatcher.ts";

/** Writes a line of the log for every change of a state, at the level `debug`: ids and states, and nothing that somebody has sent. */

export interface ChangeLog {
  readonly committed: (batches: readonly (readonly Change[])[]) => void;
  readonly attemptEnded: (command: EndDelivery, delivery: Delivery, outcome: string) => void;
}

export type WriteDebug = (event: string, fields: Readonly<Record<string, unknown>>) => void;

/** Runs whose ids are remembered: later changes name their keys alone. */
const RUNS_MAX = 10_000;

export function createChangeLog(write: WriteDebug): ChangeLog {
  const { remember, ofRun } = createRunNames();
  const line = (change: Change): void => {
    switch (change.table) {
      case "runs":
        if (change.type === "insert") {
          const { key, id, state } = change.row;
          remember(key, id);
          write("run_started", { ...ofRun(key), state });
        } else if (change.type === "update" && change.set.state !== undefined) {
          write("run_ended", { ...ofRun(change.key), state: change.set.state });
        }
        break;
      case "messages":
        lineOfMessage(change);
        break;
      case "deadLetters":
        if (change.type === "insert") write("run_dead", ofRun(change.row.runKey));
        break;
      case "deadMessages":
        if (change.type === "insert") {
          write("message_dead", { messageId: messageId(change.row.messageKey) });
        }
        break;
      case "schedules":
        if (change.type === "update" && change.set.lastAt !== undefined) {
          write("schedule_ticked", { scheduleKey: change.key, tickAt: change.set.lastAt });
        }
        break;
      default:
        break;
    }
  };
  const lineOfMessage = (change: Extract<Change, { readonly table: "messages" }>): void => {
    if (change.type === "insert") {
      const { key, kind, state, runKey, dueAt } = change.row;
      write("message_made", { messageId: messageId(key), kind, state, dueAt, ...ofRun(runKey) });
    } else if (change.type === "delete") {
      write("message_ended", { messageId: messageId(change.key) });
    } else if (change.set.state !== undefined) {
      const { state, retried: attempt, dueAt } = change.set;
      write("message_changed", { messageId: messageId(change.key), state, attempt, dueAt });
    }
  };
  return {
    committed: (batches) => {
      for (const changes of batches) for (const change of changes) line(change);
    },
    attemptEnded: ({ startedAt, endedAt, requestHeaders }, delivery, outcome) => {
      const { message } = delivery;
      // What is no trace context does not come out of the parser: users forward headers of any name.
      const { traceId } = parseTraceparent(requestHeaders.traceparent ?? "") ?? {};
      if (delivery.kind === "run") remember(delivery.run.key, delivery.run.id);
      write("attempt_ended", {
        messageId: messageId(message.key),
        kind: message.kind,
        attempt: message.retried,
        outcome,
        tookMs: endedAt - startedAt,
        traceId,
        ...ofRun(message.runKey),
      });
    },
  };
}

function createRunNames() {
  const runIds = new Map<number, string>();
  return {
    remember: (key: number, id: string) => {
      if (runIds.size >= RUNS_MAX) runIds.clear();
      runIds.set(key, id);
    },
    ofRun: (runKey: number | null) =>
      runKey === null ? {} : { runKey, workflowRunId: runIds.get(runKey) },
  };
}
