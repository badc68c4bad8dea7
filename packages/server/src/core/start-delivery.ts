import type { StartDelivery } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import { enter, reenter, withoutStart } from "./gates.ts";
import { startAttempt } from "./message.ts";
import type { MessageRow, RunRow, StepRow } from "./rows.ts";
import {
  type MessageConfig,
  parseMessageConfig,
  type RunConfig,
  settingsOf,
} from "./run-config.ts";
import { passesGates, type RunGates, withGates } from "./run-gates.ts";
import { announce } from "./start-run.ts";
import { type Context, remove, type Transition, unchanged, update } from "./transition.ts";
import type { WaitRow } from "./wait-rows.ts";

export interface StartDeliveryState extends RunGates {
  readonly message: MessageRow | null;
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  readonly step: StepRow | null;
  /** Of a call and its result. */
  readonly wait: WaitRow | null;
  /** True when the work of this delivery has been accepted already. */
  readonly hasContinuation: boolean;
}

/**
 * Starts an attempt of a message that is due: scheduled until now, or active with nobody left to speak for its attempt. Such
 * an orphan is delivered again under the same number, because nobody knows whether the last try counted. When its work was
 * accepted since the last try, it counted: the app is never asked for a finished step again.
 */
export function decideStartDelivery(
  state: StartDeliveryState,
  command: StartDelivery,
  context: Context,
): Transition<null> {
  const { message, config, step, hasContinuation } = state;
  if (message === null || message.state === "failed") return unchanged(null);
  const isInFlight = message.state === "active" || message.state === "canceling";
  if (isInFlight && !command.isOrphan) return unchanged(null);
  if (message.state === "scheduled" && message.dueAt > context.now) {
    return { changes: [], effects: [{ type: "wake", dueAt: message.dueAt }], answer: null };
  }
  if (hasContinuation || !isWanted(message, state)) return drop(message, state);
  if (message.state === "canceling") return drop(message, state);
  const own = parseMessageConfig(step?.config ?? message.config);
  const timeoutMs = timeoutOf(message, { config, own }, context.attemptTimeoutMs);
  if (passesGates(message)) {
    const counted = { ...context, attemptTimeoutMs: timeoutMs };
    return startAtGates({ ...state, message }, command, counted);
  }
  const active = startAttempt(message, { ...context, attemptTimeoutMs: timeoutMs });
  return {
    changes: [update("messages", message, active)],
    effects: [{ type: "deliver", messageKey: active.key, leaseToken: active.leaseToken }],
    answer: null,
  };
}

/** Whether somebody still asks for the delivery: a call serves its wait, whatever has become of the run. */
export function isWanted(
  { kind }: MessageRow,
  { run, wait }: { readonly run: RunRow | null; readonly wait: WaitRow | null },
): boolean {
  if (kind === "failureCall") return true;
  if (kind === "call") return wait?.state === "open";
  return run?.state === "started" && (kind !== "callResult" || wait?.state === "answered");
}

/** Limit of one attempt. */
export function timeoutOf(
  { kind }: MessageRow,
  { config, own }: { readonly config: RunConfig | null; readonly own: MessageConfig },
  timeoutMsDefault: number,
): number {
  if (config === null) return own.timeoutMs ?? timeoutMsDefault;
  return settingsOf(kind, { run: config, own }, timeoutMsDefault).timeoutMs;
}

/** Nobody asks for this delivery any more. */
function drop(message: MessageRow, { flows }: RunGates): Transition<null> {
  const book = new GateBook(null, flows ?? []);
  book.leave(message);
  const changes = [remove("messages", message.key)];
  return withGates({ changes, effects: [], answer: null }, book);
}

function startAtGates(
  { message, flows }: RunGates & { readonly message: MessageRow },
  command: StartDelivery,
  context: Context,
): Transition<null> {
  const book = new GateBook(null, flows ?? []);
  const gates = withoutStart(book.gatesOfMessage(message), command.unusedUntil);
  const pass = message.state === "active" ? reenter : enter;
  const entry = pass(message, gates, context);
  book.put(entry.gates);
  const isMoved = entry.message !== message;
  return withGates(
    {
      changes: isMoved ? [update("messages", message, entry.message)] : [],
      effects: announce(entry.message),
      answer: null,
    },
    book,
  );
}
