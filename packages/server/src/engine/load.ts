import type { Command, EndDelivery } from "../core/commands.ts";
import { mayFailRun, needsRun } from "../core/end-delivery.ts";
import { hasEnvelope } from "../core/end-message.ts";
import { toldAttemptKeys } from "../core/failed-step.ts";
import {
  ATTEMPTS_PER_MESSAGE_MAX,
  type DeadLetterRow,
  type MessageRow,
  type RunRow,
  type TableName,
  type Tables,
} from "../core/rows.ts";
import { continuationSlots, INITIAL_SLOT, nextStepIdOf, resultSlot } from "../core/step.ts";
import { neededSlots } from "../core/submit-step.ts";
import type { Transaction } from "../store/store.ts";
import { type LookupName, lookups } from "../store/tables.ts";
import type { ConfigCache } from "./config-cache.ts";
import { handlerOf } from "./handlers.ts";
import { wantLeftovers } from "./leftovers.ts";
import { wantCallbackFlows, wantMessage, wantMessageEnd } from "./message-commands.ts";
import { loadHeirs, loadRecipients } from "./recipients.ts";
import { GROUPS, type GroupDefinition, type GroupName, type GroupValues } from "./row-groups.ts";
import { NAME_LOOKUPS } from "./row-names.ts";
import { wantRunFlows } from "./run-flows.ts";
import { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** More than one group ever has. */
const ROWS_MAX = 1_000_000;

export interface Loading {
  readonly work: WorkingSet;
  readonly transaction: Transaction;
  readonly configs: ConfigCache;
}

/** Loads every row that the commands name, in rounds: first by the ids that came from outside, then what those rows refer to. */
export async function loadFor(commands: readonly Command[], loading: Loading): Promise<void> {
  await loadRuns(commands, loading);
  await loadNamed(commands, loading);
  await loadHeirs(commands, loading, fetchWants);
  const wants = new Wants();
  for (const command of commands) wantReferred(command, loading.work, wants);
  await fetchWants(wants, loading);
  const rest = new Wants();
  for (const command of commands) {
    wantContinuations(command, loading.work, rest);
    wantAttempts(command, loading.work, rest);
    wantRunFlows(command, loading.work, rest);
    handlerOf(command)?.wantRest?.(command, loading.work, rest);
  }
  await fetchWants(rest, loading);
  await loadRecipients(commands, loading, fetchWants);
}

async function loadRuns(
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
  const ended = new Set<string>();
  for (const command of commands) {
    if ("runId" in command && isForEnded(command) && work.liveRun(command.runId) === null)
      ended.add(command.runId);
  }
  for (const id of ended) work.addEndedRuns(await findNewest(id, transaction));
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
    if ("hold" in command && command.hold !== undefined)
      wants.messages.add(command.hold.messageKey);
    if ("deadLetterKey" in command) wants.deadLetters.add(command.deadLetterKey);
    handlerOf(command)?.want(command, wants);
  }
  await fetchWants(wants, loading);
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
  if (type === "deleteDeadLetter" || type === "reviveRun") wantLeftovers(deadLetter.runKey, wants);
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

/** Reads what is wanted and not known yet. */
export async function fetchWants(wants: Wants, loading: Loading): Promise<void> {
  await fetchByKey(wants, loading);
  await fetchByName(wants, loading);
  await fetchByRun(wants, loading);
  await fetchGroups(wants, loading);
  await fetchEventBodies(wants, loading);
  await fetchAttemptCounts(wants, loading);
  await fetchQueueMembers(wants, loading);
}

const KEYED_TABLES = [
  "runs",
  "steps",
  "messages",
  "deadLetters",
  "envelopes",
  "deadMessages",
  "schedules",
  "bulkActions",
  "waits",
  "attempts",
] as const;

async function fetchByKey(wants: Wants, { work, transaction, configs }: Loading): Promise<void> {
  for (const table of KEYED_TABLES) {
    const keys = Array.from(wants[table]).filter((key) => work.peek(table, key) === null);
    if (keys.length > 0) work.addLoaded(table, keys, await transaction.get(table, keys));
  }
  const unknown = Array.from(wants.configs).filter((key) => !configs.has(key));
  if (unknown.length > 0) configs.addLoaded(await transaction.get("runConfigs", unknown));
}

async function fetchByName(wants: Wants, { work, transaction }: Loading): Promise<void> {
  for (const [table, names] of wants.names) {
    const unknown = Array.from(names).filter((name) => !work.isNameKnown(table, name));
    if (unknown.length === 0) continue;
    const values = unknown.map((name) => [name]);
    // Each table has the lookup that stands under its name; the compiler cannot follow the union back.
    const lookup = NAME_LOOKUPS[table] as LookupName<typeof table>;
    work.addNamed(table, unknown, await transaction.find(table, lookup, values));
  }
  const tickets = Array.from(wants.tickets).filter((key) => !work.isTicketKnown(key));
  if (tickets.length === 0) return;
  const values = tickets.map((key) => [key]);
  work.addTickets(tickets, await transaction.find("messages", "byTicket", values));
}

async function fetchByRun(wants: Wants, { work, transaction }: Loading): Promise<void> {
  if (wants.slots.size > 0) {
    const steps = await transaction.find("steps", "bySlot", Array.from(wants.slots.values()));
    work.addSlots(wants.slots.keys(), steps);
  }
  for (const runKey of wants.allSteps) {
    work.addAllSteps(runKey, await transaction.find("steps", "byRun", [[runKey]]));
  }
}

async function fetchGroups(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const byName = Map.groupBy(wants.groups, ([name]) => name);
  for (const [name, groups] of byName) {
    const values = groups
      .map(([, value]) => value)
      .filter((value) => !work.isGroupKnown(name, value));
    if (values.length === 0) continue;
    const rows = await findGroups(name, values, transaction);
    work.addGroups(name, values, rows as never); // The rows are of the group's table.
  }
}

async function findGroups(
  name: GroupName,
  values: readonly GroupValues[],
  transaction: Transaction,
): Promise<readonly Tables[TableName][]> {
  // Each group has a lookup of its own table; the compiler cannot follow the union back.
  const { table, lookup, without } = GROUPS[name] as unknown as GroupDefinition;
  // As above.
  if (without === undefined) return transaction.find(table, lookup as never, values);
  const columns: readonly string[] = lookups[table][lookup as never]; // As above.
  const found: Tables[TableName][] = [];
  for (const value of values) {
    const where = columns.map((name, index) => {
      const column = name as never; // As above.
      return { type: "in", column, values: [value[index] ?? null] } as const;
    });
    const query = { where, order: "ascending", limit: ROWS_MAX, without } as const;
    found.push(...(await transaction.list(table, query)));
  }
  return found;
}

/** Of each source as many as there are steps that may take one. */
async function fetchEventBodies(wants: Wants, { work, transaction }: Loading): Promise<void> {
  const keys = new Set<number>();
  for (const [values, count] of wants.eventsTaken.values()) {
    const events = work.group("keptEvents", ...values).toSorted((a, b) => a.key - b.key);
    const bySource = Map.groupBy(events, ({ source }) => source);
    for (const alike of bySource.values()) {
      for (const { key, bytes } of alike.slice(0, count)) if (bytes > 0) keys.add(key);
    }
  }
  if (keys.size > 0) work.addEventBodies(await transaction.get("events", Array.from(keys)));
}

/** Attempts of a message are neighbours, numbered without gaps. */
async function fetchAttemptCounts(wants: Wants, { work, transaction }: Loading): Promise<void> {
  for (const messageKey of wants.attemptsOf) {
    const from = messageKey * ATTEMPTS_PER_MESSAGE_MAX;
    const [last] = await transaction.list("attempts", {
      where: [{ type: "range", column: "key", from, to: from + ATTEMPTS_PER_MESSAGE_MAX - 1 }],
      order: "descending",
      limit: 1,
      without: ["responseBody"],
    });
    work.addAttemptCount(messageKey, last === undefined ? 0 : last.number + 1);
  }
}

/** Messages of a queue that one transaction deals with. */
const QUEUE_MEMBERS_MAX = 500;

async function fetchQueueMembers(wants: Wants, { work, transaction }: Loading): Promise<void> {
  for (const [name, afterKey] of wants.queueMembers) {
    const listed = await transaction.list("messages", {
      where: [{ type: "in", column: "queueName", values: [name] }],
      order: "ascending",
      afterKey,
      limit: QUEUE_MEMBERS_MAX,
    });
    const isAll = listed.length < QUEUE_MEMBERS_MAX;
    work.addQueueMembers(name, listed, isAll ? null : (listed.at(-1)?.key ?? null));
  }
}
