import { RUN_BYTES_MAX } from "@reprise/protocol";
import { answerWait, type Recipient } from "./answer-wait.ts";
import type { NotifyEvent, NotifyRun, Woken } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { Change, DeadLetterRow, RunRow } from "./rows.ts";
import { type RunGates, withGates } from "./run-gates.ts";
import { isOpen } from "./submit-step.ts";
import { type Context, type Effect, insert, type Transition, unchanged } from "./transition.ts";
import { eventRecord, parseWaitConfig } from "./wait.ts";
import type { EventRow, EventSource } from "./wait-rows.ts";

/** Notifications: to everybody who waits for an event now, or to one run, for which they are kept until it waits. */

export interface NotifyEventState extends RunGates {
  /** Open waits for this event, oldest first. */
  readonly recipients: readonly Recipient[];
}

export function decideNotifyEvent(
  { recipients, flows }: NotifyEventState,
  { data }: NotifyEvent,
  context: Context,
): Transition<readonly Woken[]> {
  const book = new GateBook(null, flows ?? []);
  const changes: Change[] = [];
  const effects: Effect[] = [];
  const woken: Woken[] = [];
  // A run may wait for the event in several steps: each result is appended behind the one before.
  const grown = new Map<number, RunRow | null>();
  for (const recipient of recipients) {
    const { runKey } = recipient.wait;
    const run = grown.get(runKey) ?? recipient.run;
    const answered = wake({ ...recipient, run }, data, book, context);
    grown.set(runKey, answered.run);
    changes.push(...answered.changes);
    effects.push(...answered.effects);
    if (answered.woken !== null) woken.push(answered.woken);
  }
  return withGates({ changes, effects, answer: woken }, book);
}

function wake(recipient: Recipient, data: Uint8Array, book: GateBook, context: Context) {
  const { wait } = recipient;
  const result = {
    body: eventRecord(wait, data, context),
    target: parseWaitConfig(wait).result,
  };
  const answered = answerWait(recipient, result, book, context);
  const { run, messageKey } = answered;
  const woken: Woken | null =
    run === null || messageKey === null
      ? null
      : { messageKey, run, wait, redaction: recipient.config?.redaction ?? null };
  return { ...answered, woken };
}

export interface NotifyRunState extends RunGates {
  /** The run of this id, or the one that a resume has made of it. */
  readonly run: RunRow | null;
  readonly deadLetter: DeadLetterRow | null;
  /** The oldest open wait of that run for this event. */
  readonly recipient: Recipient | null;
  /** What is kept for the run, for whatever event; bodies are not looked at. */
  readonly kept: readonly EventRow[];
}

/**
 * Events that are kept for one run, each for a step that may never come. Notifications and webhooks are counted apart: whoever has the
 * URL of a webhook can make up event ids, and must not keep out those who have a token.
 */
const KEPT_EVENTS_MAX = 1_000;
/** And how long they may be together. */
const KEPT_BYTES_MAX = RUN_BYTES_MAX;

export function decideNotifyRun(
  { run, deadLetter, recipient, kept, flows }: NotifyRunState,
  { eventId, source, data }: NotifyRun,
  context: Context,
): Transition<NotifyRunAnswer> {
  if (run === null || !isOpen(run, deadLetter)) return unchanged({ outcome: "ended", run });
  if (recipient !== null) {
    const book = new GateBook(null, flows ?? []);
    const { changes, effects, woken } = wake(recipient, data, book, context);
    const answer: NotifyRunAnswer =
      woken === null ? { outcome: "ended", run } : { outcome: "woken", run, woken };
    return withGates({ changes, effects, answer }, book);
  }
  if (isFull(kept, source, data)) return unchanged({ outcome: "full", run });
  const event: EventRow = {
    key: context.newKey(),
    runKey: run.key,
    eventId,
    source,
    createdAt: context.now,
    bytes: data.byteLength,
    body: data,
  };
  return { changes: [insert("events", event)], effects: [], answer: { outcome: "kept", run } };
}

function isFull(kept: readonly EventRow[], source: EventSource, data: Uint8Array): boolean {
  const alike = kept.filter((event) => event.source === source);
  const bytes = alike.reduce((sum, event) => sum + event.bytes, data.byteLength);
  return alike.length >= KEPT_EVENTS_MAX || bytes > KEPT_BYTES_MAX;
}

export type NotifyRunAnswer =
  | { readonly outcome: "woken"; readonly run: RunRow; readonly woken: Woken }
  | { readonly outcome: "kept" | "full"; readonly run: RunRow }
  /** The run has ended, or there is none. */
  | { readonly outcome: "ended"; readonly run: RunRow | null };
