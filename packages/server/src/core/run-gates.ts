import type { FlowControl } from "@reprise/protocol";
import { connectedApp } from "./connected-name.ts";
import type { GateBook } from "./gate-book.ts";
import { enter, originOf } from "./gates.ts";
import { createMessage, type NewMessage, noPlaces } from "./message.ts";
import type { FlowControlRow, MessageRow } from "./rows.ts";
import type { MessageConfig, RunConfig } from "./run-config.ts";
import type { Context, Transition } from "./transition.ts";

/**
 * Messages of runs pass gates only when their run, or they themselves, name a flow control, or when their app has to connect first; all
 * others are delivered as they come, and nothing is read for them.
 */

/** Part of what a decision about a run knows. */
export interface RunGates {
  /** The keys that it may have to do with, as far as they are there; absent when there are none. */
  readonly flows?: readonly FlowControlRow[];
}

/** A persistent run's key holds for all of its deliveries; otherwise each has its own, or none. */
export function flowControlOf(run: RunConfig, message: MessageConfig): FlowControl | null {
  const { laidDown } = run;
  if (run.isPersistent) return run.flowControl;
  const fallback = laidDown === undefined ? null : run.flowControl;
  return laidDown?.flowControl ?? message.flowControl ?? fallback;
}

export interface Admission {
  readonly flowControl: FlowControl | null;
  readonly timeoutMs: number;
  readonly book: GateBook;
}

/** A new message of a run, which begins at once when it is due and its flow control lets it. */
export function admitMessage(
  fields: NewMessage,
  { flowControl, timeoutMs, book }: Admission,
  context: Context,
): MessageRow {
  if (flowControl === null && !isHeldUp(fields.url, context)) {
    return createMessage(fields, { ...context, attemptTimeoutMs: timeoutMs });
  }
  const message: MessageRow = {
    ...fields,
    ...noPlaces,
    state: "scheduled",
    leaseToken: 0,
    retried: 0,
    flowControlKey: flowControl?.key ?? null,
  };
  const gates = book.gatesOf(message, flowControl, context);
  if (message.dueAt > context.now) return message;
  const entry = enter(message, gates, { ...context, attemptTimeoutMs: timeoutMs });
  book.put(entry.gates);
  return entry.message;
}

/** Apps that have to connect first may be away for hours: what is for them waits in the store, and not in memory as for others. */
function isHeldUp(url: string, context: Context): boolean {
  const origin = originOf(url);
  return connectedApp(origin) !== null && context.isOriginFull(origin);
}

/** Whether a message that is due has to ask its gates. */
export function passesGates({ flowControlKey, state, url }: MessageRow): boolean {
  return flowControlKey !== null || state === "waiting" || connectedApp(originOf(url)) !== null;
}

/** Adds what has become of the gates. */
export function withGates<Answer>(
  transition: Transition<Answer>,
  book: GateBook,
): Transition<Answer> {
  const changes = book.changes();
  if (changes.length === 0) return transition;
  return {
    ...transition,
    changes: [...transition.changes, ...changes],
    effects: [...transition.effects, ...book.openings()],
  };
}
