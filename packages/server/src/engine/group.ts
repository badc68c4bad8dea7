import { isRepriseError } from "@reprise/protocol";
import type { Command, EndDelivery } from "../core/commands.ts";
import { startAttempt } from "../core/message.ts";
import type { Change, MessageRow, StepRow } from "../core/rows.ts";
import { effectiveConfig, parseMessageConfig, type RunConfig } from "../core/run-config.ts";
import { type Context, type Effect, remove, update } from "../core/transition.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { ConfigCache } from "./config-cache.ts";
import { decide } from "./decide.ts";
import type { Delivery } from "./dispatcher.ts";
import type { AnyAnswer, Request } from "./inbox.ts";
import type { KeyRange } from "./key-range.ts";
import { loadFor } from "./load.ts";
import { WorkingSet } from "./working-set.ts";

/** What one transaction does. */
export interface Group {
  readonly requests: readonly Request[];
  /** Also takes what has become due. */
  readonly isClaiming: boolean;
  /** Also takes what an earlier process, or a transaction of unknown fate, left `active`. */
  readonly isRecovering: boolean;
}

export interface GroupRoom {
  readonly store: Store;
  readonly configs: ConfigCache;
  readonly keyRange: KeyRange;
  /** Message key -> lease token of the attempts that this process is making. */
  readonly inFlight: ReadonlyMap<number, number>;
  readonly claimMax: number;
  /** When to look again at what is due and could not be taken. */
  readonly retryAt: number;
  readonly context: Context;
  /** Told of a request that failed for a reason that is not the caller's. */
  readonly onFault: (error: unknown) => void;
}

/** What is left to do once the rows are on disk. */
export interface Outbox {
  readonly answers: readonly (() => void)[];
  readonly deliveries: readonly Delivery[];
  readonly newSteps: readonly StepRow[];
  /** Messages that are no longer being delivered, whoever took them away. */
  readonly endedMessages: readonly number[];
  /** Attempts whose outcome has been taken in. */
  readonly endedAttempts: readonly EndDelivery[];
  readonly newConfigs: ReadonlyMap<number, RunConfig>;
  readonly endedRuns: readonly number[];
  /** Earliest instant at which something becomes due, or null. */
  readonly wakeAt: number | null;
  readonly hasMoreDue: boolean;
}

/** Loads, decides in order of arrival, and saves: one transaction. A refused request is answered and changes nothing. */
export async function runGroup(group: Group, room: GroupRoom): Promise<Outbox> {
  return room.store.transaction(async (transaction) => {
    const work = new WorkingSet(room.configs);
    const due = await takeDue(group, { work, transaction, room });
    const requests = [...group.requests, ...due.requests];
    const commands = requests.flatMap((request) => request.commands);
    await loadFor(commands, { work, transaction, configs: room.configs });
    await room.keyRange.reserve(keysNeeded(commands, work), transaction);
    const effects: Effect[] = [];
    const answers = requests.map((request) => decideRequest(request, { work, room, effects }));
    dropEnded(effects, work);
    await transaction.write(work.changes);
    const nextDueAt = group.isClaiming ? await findNextDue(transaction, room) : null;
    const finishing = { work, room, effects, answers, commands };
    return toOutbox({ ...finishing, hasMoreDue: due.hasMore, nextDueAt });
  });
}

/** When the next claim has something to take. What is due behind a claim could not be decided on: it must not spin. */
async function findNextDue(transaction: Transaction, room: GroupRoom): Promise<number | null> {
  const dueAt = await transaction.nextDueAt();
  return dueAt !== null && dueAt <= room.context.now ? room.retryAt : dueAt;
}

interface Taking {
  readonly work: WorkingSet;
  readonly transaction: Transaction;
  readonly room: GroupRoom;
}

async function takeDue(
  group: Group,
  taking: Taking,
): Promise<{ requests: readonly Request[]; hasMore: boolean }> {
  const { transaction, room } = taking;
  const requests: Request[] = [];
  if (group.isRecovering) {
    const orphans = await transaction.list("messages", {
      where: [{ type: "in", column: "state", values: ["active"] }],
      order: "ascending",
      limit: Number.MAX_SAFE_INTEGER,
    });
    for (const message of orphans) {
      if (!isInFlight(message, room)) requests.push(startRequest(message, true));
    }
  }
  if (!group.isClaiming) return { requests, hasMore: false };
  const due = await transaction.claimDue("messages", room.context.now, room.claimMax);
  for (const message of due) takeOne(message, taking, requests);
  return { requests, hasMore: due.length === room.claimMax };
}

/** A lease that ends while this very process makes the attempt is prolonged: the attempt has a deadline of its own. */
function takeOne(message: MessageRow, { work, room }: Taking, requests: Request[]): void {
  if (!isInFlight(message, room)) {
    requests.push(startRequest(message, message.state === "active"));
    return;
  }
  const { now, attemptTimeoutMs } = room.context;
  const prolonged = {
    ...startAttempt(message, now, attemptTimeoutMs),
    leaseToken: message.leaseToken,
  };
  work.addLoaded("messages", [], [message]);
  work.apply([update("messages", message, prolonged)]);
}

function isInFlight(message: MessageRow, { inFlight }: GroupRoom): boolean {
  return message.state === "active" && inFlight.get(message.key) === message.leaseToken;
}

function startRequest(message: MessageRow, isOrphan: boolean): Request {
  return {
    commands: [{ type: "startDelivery", messageKey: message.key, isOrphan }],
    isQuiet: true,
    resolve: () => {},
    reject: () => {},
  };
}

/** An upper bound of the keys that the commands can draw. */
function keysNeeded(commands: readonly Command[], work: WorkingSet): number {
  let count = 0;
  for (const command of commands) {
    count += 3;
    if (command.type !== "reviveRun") continue;
    const deadLetter = work.peek("deadLetters", command.deadLetterKey);
    if (deadLetter !== null) count += 2 * work.allSteps(deadLetter.runKey).length;
  }
  return count;
}

interface Deciding {
  readonly work: WorkingSet;
  readonly room: GroupRoom;
  readonly effects: Effect[];
}

/** An orphan that was found on another way meanwhile has an attempt again; a second one would run beside it. */
function isBegunAnew(command: Command, { work, room }: Omit<Deciding, "effects">): boolean {
  if (command.type !== "startDelivery") return false;
  const message = work.get("messages", command.messageKey);
  return message !== null && isInFlight(message, room);
}

/** Returns what tells the caller, once everything is on disk. */
function decideRequest(request: Request, { work, room, effects }: Deciding): () => void {
  const mark = work.mark();
  const effectsBefore = effects.length;
  const answers: AnyAnswer[] = [];
  try {
    for (const command of request.commands) {
      if (isBegunAnew(command, { work, room })) continue;
      const transition = decide(command, { work, context: room.context });
      work.apply(transition.changes);
      effects.push(...transition.effects);
      answers.push(transition.answer);
    }
    return () => request.resolve(answers);
  } catch (error) {
    work.takeBack(mark);
    effects.length = effectsBefore;
    if (request.isQuiet || !isRepriseError(error)) room.onFault(error);
    return () => request.reject(error);
  }
}

/** A run that ends in the same group takes back the deliveries that the group was about to begin for it. */
function dropEnded(effects: readonly Effect[], work: WorkingSet): void {
  for (const effect of effects) {
    if (effect.type !== "deliver") continue;
    const message = work.peek("messages", effect.messageKey);
    if (message === null || message.kind === "failureCall" || message.runKey === null) continue;
    if (work.get("runs", message.runKey)?.state === "started") continue;
    work.apply([remove("messages", message.key)]);
  }
}

interface Finishing extends Deciding {
  readonly answers: readonly (() => void)[];
  readonly commands: readonly Command[];
  readonly hasMoreDue: boolean;
  readonly nextDueAt: number | null;
}

function toOutbox(finishing: Finishing): Outbox {
  const { work, answers, commands, hasMoreDue } = finishing;
  return {
    answers,
    hasMoreDue,
    newConfigs: work.newConfigs,
    endedAttempts: commands.filter((command) => command.type === "endDelivery"),
    ...readEffects(finishing),
    ...readChanges(work.changes),
  };
}

function readEffects({
  work,
  room,
  effects,
  nextDueAt,
}: Finishing): Pick<Outbox, "deliveries" | "wakeAt"> {
  const deliveries: Delivery[] = [];
  let wakeAt = nextDueAt;
  for (const effect of effects) {
    if (effect.type === "wake") wakeAt = Math.min(wakeAt ?? effect.dueAt, effect.dueAt);
    else {
      const delivery = toDelivery(effect.messageKey, work, room);
      if (delivery !== null && delivery.message.leaseToken === effect.leaseToken)
        deliveries.push(delivery);
    }
  }
  return { deliveries, wakeAt };
}

function readChanges(
  changes: readonly Change[],
): Pick<Outbox, "newSteps" | "endedMessages" | "endedRuns"> {
  const newSteps: StepRow[] = [];
  const endedMessages: number[] = [];
  const endedRuns: number[] = [];
  for (const change of changes) {
    if (change.type === "insert") {
      if (change.table === "steps") newSteps.push(change.row);
    } else if (change.table === "messages") {
      if (change.type === "delete" || change.set.state !== undefined)
        endedMessages.push(change.key);
    } else if (
      change.table === "runs" &&
      change.type === "update" &&
      change.set.state !== undefined
    ) {
      endedRuns.push(change.key);
    }
  }
  return { newSteps, endedMessages, endedRuns };
}

/** Null when a later command of the group has taken the message away again. */
function toDelivery(messageKey: number, work: WorkingSet, room: GroupRoom): Delivery | null {
  const message = work.peek("messages", messageKey);
  if (message?.state !== "active" || message.runKey === null) return null;
  const run = work.get("runs", message.runKey);
  const config = work.config(message.runKey);
  if (run === null || config === null) return null;
  const step = message.kind === "step" ? work.peek("steps", message.key) : null;
  const own = parseMessageConfig(step?.config ?? message.config);
  const timeoutMs =
    message.kind === "failureCall"
      ? (own.timeoutMs ?? room.context.attemptTimeoutMs)
      : effectiveConfig(config, own, room.context.attemptTimeoutMs).timeoutMs;
  return { message, run, config, own, timeoutMs };
}
