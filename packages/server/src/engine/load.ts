import { isRepriseError } from "@reprise/protocol";
import type { Command, EndDelivery } from "../core/commands.ts";
import { mayFailRun, needsRun } from "../core/end-delivery.ts";
import { hasEnvelope } from "../core/end-message.ts";
import { toldAttemptKeys } from "../core/failed-step.ts";
import type { DeadLetterRow, MessageRow, RunRow } from "../core/rows.ts";
import { continuationSlots, INITIAL_SLOT, nextStepIdOf, resultSlot } from "../core/step.ts";
import { neededSlots } from "../core/submit-step.ts";
import type { Transaction } from "../store/store.ts";
import { fetchWants, type Loading } from "./fetch.ts";
import { handlerOf } from "./handlers.ts";
import { wantLeftovers } from "./leftovers.ts";
import { wantCallbackFlows, wantMessage, wantMessageEnd } from "./message-commands.ts";
import { loadHeirs, loadRecipients } from "./recipients.ts";
import { wantRunFlows } from "./run-flows.ts";
import { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** What most commands draw at most. */
const KEYS_EXPECTED = 10;

/** Loads every row that the commands name, in rounds: first by the ids that came from outside, then what those rows refer to. */
export async function loadFor(commands: readonly Command[], loading: Loading): Promise<void> {
  const named = Promise.all([loadLiveRuns(commands, loading), loadNamed(commands, loading)]);
  loading.expectKeys(commands.length * KEYS_EXPECTED);
  await named;
  await loadEndedRuns(commands, loading);
  await loadHeirs(commands, loading, fetchWants);
  const wants = new Wants();
  for (const command of commands) {
    ifReadable(() => wantReferred(command, loading.work, wants));
  }
  await fetchWants(wants, loading);
  const rest = new Wants();
  for (const command of commands) {
    ifReadable(() => {
      wantContinuations(command, loading.work, rest);
      wantAttempts(command, loading.work, rest);
      wantRunFlows(command, loading.work, rest);
      handlerOf(command)?.wantRest?.(command, loading.work, rest);
    });
  }
  await fetchWants(rest, loading);
  await loadRecipients(commands, loading, fetchWants);
}

/** A row that cannot be read fails its own command, when that is decided on. Here it would fail all others with it. */
export function ifReadable(read: () => void): void {
  try {
    read();
  } catch (error) {
    const isDamaged = isRepriseError(error) && error.code === "storage_damaged";
    if (!isDamaged && !(error instanceof SyntaxError)) throw error;
  }
}

async function loadLiveRuns(
  commands: readonly Command[],
  { work, transaction }: Loading,
): Promise<void> {
  const ids = new Set<string>();
  for (const command of commands) {
    if ("runId" in command) ids.add(command.runId);
    if (command.type === "invokeRun") ids.add(command.start.runId);
  }
  if (ids.size === 0) return;
  const live = await transaction.find(
    "runs",
    "liveById",
    Array.from(ids, (id) => [id]),
  );
  work.addLiveRuns(ids, live);
}

async function loadEndedRuns(
  commands: readonly Command[],
  { work, transaction }: Loading,
): Promise<void> {
  const ended = new Set<string>();
  for (const command of commands) {
    if ("runId" in command && isForEnded(command) && work.liveRun(command.runId) === null)
      ended.add(command.runId);
  }
  const newest = await Promise.all(Array.from(ended, (id) => findNewest(id, transaction)));
  for (const runs of newest) work.addEndedRuns(runs);
}

/** An id may be used again and again: only its newest run counts. */
function findNewest(id: string, transaction: Transaction): Promise<readonly RunRow[]> {
  const where = [{ type: "in", column: "id", values: [id] }] as const;
  return transaction.list("runs", { where, order: "descending", limit: 1 });
}

/** Whether a command may also mean a run that has ended: a failed one still takes results. */
function isForEnded({ type }: Command): boolean {
  return (
    type === "submitStep" ||
    type === "registerWait" ||
    type === "registerCall" ||
    type === "invokeRun" ||
    type === "notifyRun"
  );
}

async function loadNamed(commands: readonly Command[], loading: Loading): Promise<void> {
  const wants = new Wants();
  for (const command of commands) {
    if ("messageKey" in command) wants.messages.add(command.messageKey);
    wantGatesFirst(command, loading.work, wants);
    if ("hold" in command && command.hold !== undefined)
      wants.messages.add(command.hold.messageKey);
    if ("deadLetterKey" in command) wants.deadLetters.add(command.deadLetterKey);
    handlerOf(command)?.want(command, wants);
  }
  await fetchWants(wants, loading);
}

/**
 * The gates of messages that are known: everybody locks gates before messages, and all that a group needs together, so that two groups
 * seldom wait for each other.
 */
function wantGatesFirst(command: Command, work: WorkingSet, wants: Wants): void {
  if (command.type === "endDelivery" && command.gates !== undefined) {
    wants.named("queues", command.gates.queueName);
    wants.named("flowControls", command.gates.flowControlKey);
  }
  if (command.type !== "startDelivery") return;
  const message = work.peek("messages", command.messageKey);
  wants.named("queues", message?.queueName);
  wants.named("flowControls", message?.flowControlKey);
}

function wantReferred(command: Command, work: WorkingSet, wants: Wants): void {
  const handler = handlerOf(command);
  if (handler !== null) {
    handler.wantReferred?.(command, work, wants);
    return;
  }
  switch (command.type) {
    case "startRun": {
      const live = work.liveRun(command.runId);
      if (live === null) return;
      wants.slot(live.key, INITIAL_SLOT);
      wants.configs.add(live.key);
      return;
    }
    case "submitStep": {
      const run = work.newestRun(command.runId);
      if (run === null) return;
      wants.configs.add(run.key);
      wants.slotsOf(run.key, neededSlots(command.facts));
      if (command.awaits !== undefined) wants.slot(run.key, command.awaits);
      if (command.facts.isCallResult) wants.group("waitOfStep", run.key, command.facts.stepId);
      if (run.deadLetterKey !== null) wants.deadLetters.add(run.deadLetterKey);
      return;
    }
    case "finishRun":
    case "cancelRun": {
      const live = work.liveRun(command.runId);
      if (live !== null) wantLeftovers(live.key, wants);
      return;
    }
    case "startDelivery": {
      const message = work.get("messages", command.messageKey);
      wantStart(message, wants);
      if (message !== null) wantMessage(message, wants);
      return;
    }
    case "endDelivery": {
      const message = work.get("messages", command.messageKey);
      if (message !== null && hasEnvelope(message)) {
        wantMessageEnd(message, command, wants);
        return;
      }
      if (message !== null && needsRun(message, command.outcome)) wantEnd(message, command, wants);
      return;
    }
    case "reviveRun":
    case "retryCallback":
    case "cancelCallback":
    case "deleteDeadLetter":
      wantDeadLetter(work.get("deadLetters", command.deadLetterKey), command.type, wants);
  }
}

function wantStart(message: MessageRow | null, wants: Wants): void {
  if (message === null || message.runKey === null) return;
  wants.runs.add(message.runKey);
  wants.configs.add(message.runKey);
  if (message.kind === "step") wants.steps.add(message.key);
  if (message.waitKey !== null) wants.waits.add(message.waitKey);
}

function wantEnd(message: MessageRow, { outcome }: EndDelivery, wants: Wants): void {
  wantStart(message, wants);
  if (message.deadLetterKey !== null) wants.deadLetters.add(message.deadLetterKey);
  if (message.runKey === null || !mayFailRun(message, outcome)) return;
  wantLeftovers(message.runKey, wants);
  wants.slot(message.runKey, INITIAL_SLOT);
}

function wantDeadLetter(
  deadLetter: DeadLetterRow | null,
  type: "reviveRun" | "retryCallback" | "cancelCallback" | "deleteDeadLetter",
  wants: Wants,
): void {
  if (deadLetter === null) return;
  wants.messages.add(deadLetter.messageKey);
  // First of all: nobody adds to what hangs on a run while that is locked.
  wants.runs.add(deadLetter.runKey);
  if (type === "deleteDeadLetter" || type === "reviveRun") wantLeftovers(deadLetter.runKey, wants);
  if (type === "deleteDeadLetter") return;
  wants.configs.add(deadLetter.runKey);
  if (deadLetter.callbackMessageKey !== null) wants.messages.add(deadLetter.callbackMessageKey);
  if (type === "reviveRun") {
    wants.allSteps.add(deadLetter.runKey);
    return;
  }
  wants.steps.add(deadLetter.messageKey);
  wants.slot(deadLetter.runKey, INITIAL_SLOT);
}

/** An attempt that failed, or was cut off, may have done its work all the same: that shows in the slots behind its record. */
function wantContinuations(command: Command, work: WorkingSet, wants: Wants): void {
  if (command.type !== "endDelivery" && command.type !== "startDelivery") return;
  const message = work.get("messages", command.messageKey);
  if (message !== null && hasEnvelope(message)) {
    if (command.type === "endDelivery") wantCallbackFlows(message, work, wants);
    return;
  }
  if (message === null || message.runKey === null) return;
  if (message.kind === "callResult") {
    const stepId = work.peek("waits", message.waitKey ?? -1)?.stepId;
    if (stepId !== undefined) wants.slot(message.runKey, resultSlot(stepId));
    return;
  }
  if (message.kind !== "step") return;
  if (command.type === "endDelivery" && !needsRun(message, command.outcome)) return;
  const step = work.get("steps", message.key);
  if (step === null) return;
  wants.slotsOf(message.runKey, continuationSlots(step));
  wants.group("waitOfStep", message.runKey, nextStepIdOf(step));
}

/** A failure call tells how often, and with what, the message has failed before. */
function wantAttempts(command: Command, work: WorkingSet, wants: Wants): void {
  const message = failingMessage(command, work);
  if (message === null) return;
  for (const key of toldAttemptKeys(message)) wants.attempts.add(key);
  if (message.waitKey !== null) wants.waits.add(message.waitKey);
}

function failingMessage(command: Command, work: WorkingSet): MessageRow | null {
  if (command.type === "retryCallback") {
    const deadLetter = work.get("deadLetters", command.deadLetterKey);
    return deadLetter === null ? null : work.get("messages", deadLetter.messageKey);
  }
  if (command.type !== "endDelivery") return null;
  const message = work.get("messages", command.messageKey);
  // Nothing has been recorded of an attempt that is the first.
  if (message === null || message.retried === 0 || hasEnvelope(message)) return null;
  return mayFailRun(message, command.outcome) ? message : null;
}
