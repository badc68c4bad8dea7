import type { Command } from "../core/commands.ts";
import { needsRun } from "../core/end-delivery.ts";
import type { DeadLetterRow, MessageRow } from "../core/rows.ts";
import { continuationSlots, INITIAL_SLOT } from "../core/step.ts";
import { neededSlots } from "../core/submit-step.ts";
import type { Transaction } from "../store/store.ts";
import type { ConfigCache } from "./config-cache.ts";
import { slotKey, type WorkingSet } from "./working-set.ts";

/** The keys that the next round of reads asks for; one read a table and round, however many commands there are. */
class Wants {
  readonly runs = new Set<number>();
  readonly configs = new Set<number>();
  readonly steps = new Set<number>();
  readonly messages = new Set<number>();
  readonly deadLetters = new Set<number>();
  readonly openMessages = new Set<number>();
  readonly allSteps = new Set<number>();
  /** Slot key -> the lookup's value. */
  readonly slots = new Map<number, readonly [number, number]>();

  slot(runKey: number, slot: number): void {
    this.slots.set(slotKey(runKey, slot), [runKey, slot]);
  }

  slotsOf(runKey: number, slots: readonly number[]): void {
    for (const slot of slots) this.slot(runKey, slot);
  }
}

export interface Loading {
  readonly work: WorkingSet;
  readonly transaction: Transaction;
  readonly configs: ConfigCache;
}

/** Loads every row that the commands name, in rounds: first by the ids that came from outside, then what those rows refer to. */
export async function loadFor(commands: readonly Command[], loading: Loading): Promise<void> {
  await loadRuns(commands, loading);
  await loadNamed(commands, loading);
  const wants = new Wants();
  for (const command of commands) wantReferred(command, loading.work, wants);
  await fetchWants(wants, loading);
  const rest = new Wants();
  for (const command of commands) wantContinuations(command, loading.work, rest);
  await fetchWants(rest, loading);
}

async function loadRuns(
  commands: readonly Command[],
  { work, transaction }: Loading,
): Promise<void> {
  const ids = new Set<string>();
  for (const command of commands) if ("runId" in command) ids.add(command.runId);
  if (ids.size === 0) return;
  const live = await transaction.find(
    "runs",
    "liveById",
    Array.from(ids, (id) => [id]),
  );
  work.addLiveRuns(ids, live);
  const ended = new Set<string>();
  for (const command of commands) {
    if (command.type === "submitStep" && work.liveRun(command.runId) === null)
      ended.add(command.runId);
  }
  if (ended.size === 0) return;
  work.addEndedRuns(
    await transaction.find(
      "runs",
      "byId",
      Array.from(ended, (id) => [id]),
    ),
  );
}

async function loadNamed(commands: readonly Command[], loading: Loading): Promise<void> {
  const wants = new Wants();
  for (const command of commands) {
    if ("messageKey" in command) wants.messages.add(command.messageKey);
    if ("deadLetterKey" in command) wants.deadLetters.add(command.deadLetterKey);
  }
  await fetchWants(wants, loading);
}

function wantReferred(command: Command, work: WorkingSet, wants: Wants): void {
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
      wants.slotsOf(run.key, neededSlots(command));
      if (run.deadLetterKey !== null) wants.deadLetters.add(run.deadLetterKey);
      return;
    }
    case "finishRun":
    case "cancelRun": {
      const live = work.liveRun(command.runId);
      if (live !== null) wants.openMessages.add(live.key);
      return;
    }
    case "startDelivery":
      wantStart(work.get("messages", command.messageKey), wants);
      return;
    case "endDelivery": {
      const message = work.get("messages", command.messageKey);
      if (message !== null && needsRun(message, command.outcome)) wantFailure(message, wants);
      return;
    }
    default:
      wantDeadLetter(work.get("deadLetters", command.deadLetterKey), command.type, wants);
  }
}

function wantStart(message: MessageRow | null, wants: Wants): void {
  if (message === null || message.runKey === null) return;
  wants.runs.add(message.runKey);
  wants.configs.add(message.runKey);
  if (message.kind === "step") wants.steps.add(message.key);
}

function wantFailure(message: MessageRow, wants: Wants): void {
  wantStart(message, wants);
  if (message.deadLetterKey !== null) wants.deadLetters.add(message.deadLetterKey);
  if (message.runKey === null) return;
  wants.openMessages.add(message.runKey);
  wants.slot(message.runKey, INITIAL_SLOT);
}

function wantDeadLetter(
  deadLetter: DeadLetterRow | null,
  type: "reviveRun" | "retryCallback" | "cancelCallback" | "deleteDeadLetter",
  wants: Wants,
): void {
  if (deadLetter === null) return;
  wants.messages.add(deadLetter.messageKey);
  if (type === "deleteDeadLetter") return;
  wants.runs.add(deadLetter.runKey);
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
  if (message?.kind !== "step" || message.runKey === null) return;
  if (command.type === "endDelivery" && !needsRun(message, command.outcome)) return;
  const step = work.get("steps", message.key);
  if (step !== null) wants.slotsOf(message.runKey, continuationSlots(step));
}

async function fetchWants(wants: Wants, loading: Loading): Promise<void> {
  await fetchByKey(wants, loading);
  await fetchByRun(wants, loading);
}

async function fetchByKey(wants: Wants, { work, transaction, configs }: Loading): Promise<void> {
  for (const table of ["runs", "steps", "messages", "deadLetters"] as const) {
    const keys = Array.from(wants[table]).filter((key) => work.peek(table, key) === null);
    if (keys.length > 0) work.addLoaded(table, keys, await transaction.get(table, keys));
  }
  const unknown = Array.from(wants.configs).filter((key) => !configs.has(key));
  if (unknown.length > 0) configs.addLoaded(await transaction.get("runConfigs", unknown));
}

async function fetchByRun(wants: Wants, { work, transaction }: Loading): Promise<void> {
  if (wants.slots.size > 0) {
    const steps = await transaction.find("steps", "bySlot", Array.from(wants.slots.values()));
    work.addSlots(wants.slots.keys(), steps);
  }
  if (wants.openMessages.size > 0) {
    const runKeys = Array.from(wants.openMessages);
    const messages = await transaction.find(
      "messages",
      "byRun",
      runKeys.map((key) => [key]),
    );
    work.addOpenMessages(runKeys, messages);
  }
  for (const runKey of wants.allSteps) {
    work.addAllSteps(runKey, await transaction.find("steps", "byRun", [[runKey]]));
  }
}
