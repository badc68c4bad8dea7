import { isRepriseError } from "@reprise/protocol";
import type { Command, EndDelivery } from "../core/commands.ts";
import { hasEnvelope } from "../core/end-message.ts";
import { GateBook } from "../core/gate-book.ts";
import type { Change, MessageRow, StepRow } from "../core/rows.ts";
import { parseMessageConfig, type RunConfig } from "../core/run-config.ts";
import { isWanted, timeoutOf } from "../core/start-delivery.ts";
import { type Context, type Effect, remove } from "../core/transition.ts";
import type { Store, Transaction } from "../store/store.ts";
import { findNextDue, isInFlight, type Taking, takeDue } from "./claims.ts";
import { compactChanges } from "./compact-changes.ts";
import type { ConfigCache } from "./config-cache.ts";
import { decide } from "./decide.ts";
import type { Delivery, RunDelivery } from "./dispatcher.ts";
import type { Loading } from "./fetch.ts";
import { type Hint, hintsOf, holderOf } from "./hints.ts";
import type { AnyAnswer, Request } from "./inbox.ts";
import type { KeyRange } from "./key-range.ts";
import { drawAhead, drawInTime } from "./keys-ahead.ts";
import { keysNeeded } from "./keys-needed.ts";
import { callWaiting } from "./lines.ts";
import { loadFor } from "./load.ts";
import type { Observer } from "./observer.ts";
import { isRecalled, type Recall, takenBack } from "./recall.ts";
import type { Takeover } from "./takeover.ts";
import { WorkingSet } from "./working-set.ts";

/** What one transaction does. */
export interface Group {
  readonly requests: readonly Request[];
  /** Also takes what has become due. */
  readonly isClaiming: boolean;
  /** Gates whose lines have somebody left to call. */
  readonly openGates: Iterable<string>;
  /** Also takes what an earlier process, or a transaction of unknown fate, left `active`. */
  readonly isRecovering: boolean;
  /** Also takes what dead nodes have left. */
  readonly takeover: Takeover | null;
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
  readonly observer: Observer;
  /** Asks for the time of a store that several nodes share; null where this process has the only clock. */
  readonly measure: ((ask: () => Promise<number>) => Promise<number>) | null;
  /** Whether this node is still the one as which the group decides. */
  readonly isHeld: () => boolean;
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
  /** Messages that an invocation goes on with: nobody delivers them. */
  readonly holds: readonly Continuation[];
  /** Attempts whose outcome has been taken in. */
  readonly endedAttempts: readonly EndDelivery[];
  readonly newConfigs: ReadonlyMap<number, RunConfig>;
  readonly endedRuns: readonly number[];
  /** Those of them that take nothing more; a failed run still records the results of its branches, for a resume. */
  readonly closedRuns: readonly number[];
  readonly endedWaits: readonly number[];
  /** Earliest instant at which something becomes due, or null. */
  readonly wakeAt: number | null;
  readonly hasMoreDue: boolean;
  /** Gates whose lines have somebody left to call. */
  readonly openGates: ReadonlySet<string>;
  /** Those in whose lines somebody was locked elsewhere. */
  readonly cutGates: ReadonlySet<string>;
  /** Deliveries of earlier groups that must not begin any more. */
  readonly recalls: readonly Recall[];
  /** As above, of this very group. */
  readonly unsent: readonly Delivery[];
  /** What other nodes should hear. */
  readonly hints: readonly Hint[];
  /** Messages that were taken over from dead nodes. */
  readonly takenOverCount: number;
}

/** An invocation has done the work of one message and goes on with another. */
export interface Continuation {
  /** The message that it held until now. */
  readonly heldKey: number;
  /** What it holds now. */
  readonly delivery: RunDelivery;
}

/** Loads, decides in order of arrival, and saves: one transaction. A refused request is answered and changes nothing. */
export async function runGroup(group: Group, given: GroupRoom): Promise<Outbox> {
  return given.store.transaction(async (opened) => {
    const { transaction, expectKeys } = given.store.isShared
      ? drawAhead(opened)
      : drawInTime(opened);
    const work = new WorkingSet(given.configs);
    const untimed = { work, transaction, expectKeys, room: given };
    const [room] = await Promise.all([
      atItsTime(given, transaction),
      isTaking(group) ? null : loadFor(commandsOf(group.requests), loadingOf(untimed)),
    ]);
    const taking = { ...untimed, room };
    const due = await takeDue(group, taking);
    const requests = [...group.requests, ...due.requests];
    const effects: Effect[] = [];
    const endedAttempts: EndDelivery[] = [];
    const deciding = { ...taking, effects, endedAttempts };
    if (isTaking(group)) await loadFor(commandsOf(requests), loadingOf(taking));
    const answers = await decideAll(requests, deciding);
    dropEnded(effects, work);
    await writeChanges(deciding);
    const cutGates = new Set<string>();
    const openGates = await callWaiting([...group.openGates, ...due.gates], {
      ...deciding,
      loading: loadingOf(deciding),
      cut: cutGates,
      serve: async (called) => {
        await loadFor(commandsOf(called), loadingOf(deciding));
        await decideAll(called, deciding);
        await writeChanges(deciding);
      },
    });
    const nextDueAt = group.isClaiming ? await findNextDue(transaction, room) : null;
    // Others may hold by now what this group is about to name as this node's.
    if (!room.isHeld()) throw new Error("the lease of this node ended during the transaction");
    const finishing = { work, room, effects, answers, endedAttempts, nextDueAt, openGates };
    const { hasMore, takenOverCount } = due;
    return { ...toOutbox({ ...finishing, hasMoreDue: hasMore, takenOverCount }), cutGates };
  });
}

/** Whether more is decided on than what was asked for. */
function isTaking({ isClaiming, isRecovering, takeover }: Group): boolean {
  return isClaiming || isRecovering || takeover !== null;
}

function commandsOf(requests: readonly Request[]): readonly Command[] {
  return requests.flatMap((request) => request.commands);
}

/** Where several nodes share a store, its clock says when a decision is made: that of a node which stood still may be behind. */
async function atItsTime(room: GroupRoom, transaction: Transaction): Promise<GroupRoom> {
  const { measure, context } = room;
  if (measure === null) return room;
  return { ...room, context: { ...context, now: await measure(() => transaction.now()) } };
}

/** Decides on one request after the other, once what they need has been read. */
async function decideAll(
  requests: readonly Request[],
  deciding: Deciding & Taking,
): Promise<readonly (() => void)[]> {
  const { work, transaction, room } = deciding;
  await room.keyRange.reserve(keysNeeded(commandsOf(requests), work), transaction);
  return requests.map((request) => decideRequest(request, deciding));
}

function loadingOf({ work, transaction, expectKeys, room }: Taking): Loading {
  return {
    work,
    transaction,
    expectKeys,
    configs: room.configs,
    isShared: room.store.isShared,
  };
}

async function writeChanges({ work, transaction }: Taking): Promise<void> {
  const changes = compactChanges(work.takeUnwritten());
  if (changes.length > 0) await transaction.write(changes);
}

interface Deciding {
  readonly work: WorkingSet;
  readonly room: GroupRoom;
  readonly effects: Effect[];
  /** But for those of a refused answer, which end otherwise. */
  readonly endedAttempts: EndDelivery[];
}

/** An orphan that was found on another way meanwhile has an attempt again, here or at another node; a second one would run beside it. */
function isBegunAnew(command: Command, { work, room }: Pick<Deciding, "work" | "room">): boolean {
  if (command.type !== "startDelivery") return false;
  const message = work.get("messages", command.messageKey);
  if (message === null) return false;
  const { nodeKey } = message;
  const isOthers = nodeKey !== room.context.nodeKey && nodeKey !== (command.takenFrom ?? null);
  return (
    isInFlight(message, room) || (room.context.nodeKey !== null && nodeKey !== null && isOthers)
  );
}

/** Returns what tells the caller, once everything is on disk. */
function decideRequest(request: Request, deciding: Deciding): () => void {
  const { work, room, effects, endedAttempts } = deciding;
  const mark = work.mark();
  const effectsBefore = effects.length;
  const answers: AnyAnswer[] = [];
  let fencedCount = 0;
  try {
    for (const command of request.commands) {
      if (isBegunAnew(command, { work, room })) continue;
      const transition = decide(command, { work, context: room.context });
      work.apply(transition.changes);
      effects.push(...transition.effects);
      answers.push(transition.answer);
      // Whatever an outcome leads to, it changes its message; one that comes too late changes nothing.
      if (command.type === "endDelivery" && transition.changes.length === 0) fencedCount++;
    }
    endedAttempts.push(...endingsOf(request));
    return () => {
      room.observer.answered(answers);
      if (fencedCount > 0) room.observer.fenced(fencedCount);
      request.resolve(answers);
    };
  } catch (error) {
    work.takeBack(mark);
    effects.length = effectsBefore;
    const isRefusal = isRepriseError(error) && (!request.isQuiet || request.hasAnswerer === true);
    if (!isRefusal) {
      room.onFault(error);
      // Nobody else says that these attempts are over: they are made again when their leases end.
      endedAttempts.push(...endingsOf(request));
    }
    return () => request.reject(error);
  }
}

function endingsOf({ commands }: Request): readonly EndDelivery[] {
  return commands.filter((command) => command.type === "endDelivery");
}

/** A run that ends in the same group takes back the deliveries that the group was about to begin for it. */
function dropEnded(effects: Effect[], work: WorkingSet): void {
  for (const effect of [...effects]) {
    if (effect.type !== "deliver") continue;
    const message = work.peek("messages", effect.messageKey);
    if (message === null || message.kind === "failureCall" || message.runKey === null) continue;
    const wait = message.waitKey === null ? null : work.get("waits", message.waitKey);
    if (isWanted(message, { run: work.peek("runs", message.runKey), wait })) continue;
    const flow =
      message.flowControlKey === null ? null : work.named("flowControls", message.flowControlKey);
    const book = new GateBook(null, [flow]);
    book.leave(message);
    work.apply([remove("messages", message.key), ...book.changes()]);
    effects.push(...book.openings());
  }
}

interface Finishing extends Deciding {
  readonly answers: readonly (() => void)[];
  readonly hasMoreDue: boolean;
  readonly nextDueAt: number | null;
  readonly openGates: ReadonlySet<string>;
  readonly takenOverCount: number;
}

function toOutbox(finishing: Finishing): Omit<Outbox, "cutGates"> {
  const { work, answers, endedAttempts, hasMoreDue, openGates, takenOverCount } = finishing;
  return {
    answers,
    hasMoreDue,
    openGates,
    takenOverCount,
    newConfigs: work.newConfigs,
    endedAttempts,
    hints: hintsOf(finishing),
    ...readEffects(finishing),
    ...readChanges(work.changes),
  };
}

function readEffects({
  work,
  room,
  effects,
  nextDueAt,
}: Finishing): Pick<Outbox, "deliveries" | "holds" | "wakeAt" | "recalls" | "unsent"> {
  const holds: Continuation[] = [];
  let deliveries: Delivery[] = [];
  const unsent: Delivery[] = [];
  const recalls: Recall[] = [];
  let wakeAt = nextDueAt;
  for (const effect of effects) {
    switch (effect.type) {
      case "wake":
        wakeAt = Math.min(wakeAt ?? effect.dueAt, effect.dueAt);
        break;
      case "deliver": {
        const delivery = toDelivery(effect.messageKey, work, room);
        const isCurrent = delivery?.message.leaseToken === effect.leaseToken;
        if (delivery !== null && isCurrent) deliveries.push(delivery);
        break;
      }
      case "hold": {
        const delivery = toDelivery(effect.messageKey, work, room);
        const isCurrent = delivery?.message.leaseToken === effect.leaseToken;
        if (delivery?.kind === "run" && isCurrent)
          holds.push({ heldKey: effect.heldKey, delivery });
        break;
      }
      case "recall":
        if (holderOf(effect.messageKey, work, room) === null) recalls.push(effect);
        break;
      case "recallBehind": {
        recalls.push(effect);
        const { meant = [], others = [] } = Object.groupBy(deliveries, ({ message }) =>
          isRecalled(effect, message) ? "meant" : "others",
        );
        unsent.push(...meant.map((delivery) => takenBack(effect, delivery)));
        deliveries = others;
        break;
      }
      case "open":
        break;
    }
  }
  return { deliveries, holds, unsent, wakeAt, recalls };
}

function readChanges(
  changes: readonly Change[],
): Pick<Outbox, "newSteps" | "endedMessages" | "endedRuns" | "closedRuns" | "endedWaits"> {
  const newSteps: StepRow[] = [];
  const endedMessages: number[] = [];
  const endedRuns: number[] = [];
  const closedRuns: number[] = [];
  const endedWaits: number[] = [];
  for (const change of changes) {
    if (change.type === "insert") {
      if (change.table === "steps") newSteps.push(change.row);
    } else if (change.table === "messages") {
      // The attempt of a cancelled message goes on.
      const hasEnded = change.type === "delete" || change.set.state !== undefined;
      if (hasEnded && (change.type === "delete" || change.set.state !== "canceling"))
        endedMessages.push(change.key);
    } else if (
      change.table === "runs" &&
      change.type === "update" &&
      change.set.state !== undefined
    ) {
      endedRuns.push(change.key);
      if (change.set.state !== "failed") closedRuns.push(change.key);
    } else if (change.table === "waits" && change.type === "update" && change.set.endedAt) {
      endedWaits.push(change.key);
    }
  }
  return { newSteps, endedMessages, endedRuns, closedRuns, endedWaits };
}

/** Null when a later command of the group has taken the message away again. */
function toDelivery(messageKey: number, work: WorkingSet, room: GroupRoom): Delivery | null {
  const message = work.peek("messages", messageKey);
  if (message?.state !== "active") return null;
  if (hasEnvelope(message)) {
    const envelope = work.peek("envelopes", message.key);
    return { kind: "plain", message, envelope, startUntil: startUntil(message, work) };
  }
  if (message.runKey === null) return null;
  const run = work.get("runs", message.runKey);
  const config = work.config(message.runKey);
  if (run === null || config === null) return null;
  const step = message.kind === "step" ? work.peek("steps", message.key) : null;
  const own = parseMessageConfig(step?.config ?? message.config);
  const timeoutMs = timeoutOf(message, { config, own }, room.context.attemptTimeoutMs);
  return {
    kind: "run",
    message,
    run,
    config,
    own,
    timeoutMs,
    startUntil: startUntil(message, work),
  };
}

/** A start is counted in one period of its flow control, and must not happen in the next one. */
function startUntil({ flowControlKey }: MessageRow, work: WorkingSet): number | null {
  if (flowControlKey === null) return null;
  const flow = work.named("flowControls", flowControlKey);
  return flow === null || flow.rate === null ? null : flow.periodStartAt + flow.periodMs;
}
