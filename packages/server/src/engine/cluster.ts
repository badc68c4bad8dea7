import { flowGate, isOriginGate, queueGate } from "../core/gates.ts";
import type { FlowControlRow, MessageRow, NodeRow, QueueRow } from "../core/rows.ts";
import type { Host, Timer } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import type { Delivery } from "./dispatcher.ts";
import { formatHint, type Hint, parseHint } from "./hints.ts";
import type { NodeLease } from "./node-lease.ts";
import type { Recall } from "./recall.ts";
import { deleteEmptyNodes, findTakeover, listDead, type Takeover } from "./takeover.ts";

/** What a node finds that others have done, or have left undone; the engine acts on it. */
export interface Findings {
  /** Something is due at this instant or later. */
  readonly due: (dueAt: number) => void;
  /** Somebody waits at these gates. */
  readonly waiting: (gates: readonly string[]) => void;
  /** Dead nodes have left messages. */
  readonly left: (takeover: Takeover) => void;
  readonly recalled: (recall: Recall) => void;
  readonly runEnded: (runKey: number) => void;
  /** This node goes on under another key: what it held is everybody's. */
  readonly lost: () => void;
}

export interface ClusterOptions {
  readonly host: Host;
  readonly store: Store;
  readonly lease: NodeLease;
  readonly pollMs: number;
  readonly findings: Findings;
}

/** What a delivery may do that had to wait inside this node. */
export type Standing =
  | "begin"
  /** Its start has to be counted again. */
  | "late"
  /** It is to be decided on anew. */
  | "return";

/** A poll takes no more than this part of the time, however many gates there are. */
const REST = 20;
/** A poll that stood still, with its process or its database, has not cost more than this: the next one must come soon. */
const POLL_MS_COUNTED_MAX = 100;

/** So many polls look at origins alone; then all lines are looked at: whoever was about to call one may have ended. */
const THOROUGH_EVERY = 5;

/**
 * One node among several that share a database. Truth is polled; hints make it quick. See docs/decisions/0012-postgres-and-nodes.md.
 */
export class Cluster {
  readonly #options: ClusterOptions;
  /** Dead nodes that have been seen: their lines have been looked at. */
  #dead = new Set<number>();
  #polls = 0;
  #timer: Timer | null = null;
  #unwatch: (() => void) | null = null;
  #polling: Promise<void> = Promise.resolve();
  #isStopped = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  start(): void {
    const { store, lease, findings } = this.#options;
    this.#unwatch = store.hints?.watch((text) => this.#hear(text)) ?? null;
    lease.watch(() => {
      findings.lost();
      this.#pollNow();
    });
    this.#pollNow();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unwatch?.();
    this.#timer?.cancel();
    await this.#polling;
  }

  tell(hints: readonly Hint[]): void {
    for (const hint of hints) this.#options.store.hints?.send(formatHint(hint));
  }

  /** Asks for lines again that were cut by somebody else's lock. */
  callLater(gates: ReadonlySet<string>): void {
    if (gates.size === 0) return;
    const { lease, pollMs, findings } = this.#options;
    lease.setTimer(pollMs, () => {
      if (!this.#isStopped) findings.waiting(Array.from(gates));
    });
  }

  /** Looks at the store before a delivery begins that had to wait: others may have cancelled or paused it meanwhile. */
  async standingOf({ message, startUntil }: Delivery): Promise<Standing> {
    const { store } = this.#options;
    const [row] = await store.get("messages", [message.key]);
    if (row?.state !== "active" || row.leaseToken !== message.leaseToken) return "return";
    if (await this.#isQueuePaused(message)) return "return";
    if (message.flowControlKey === null) return "begin";
    const [flow] = await store.find("flowControls", "byName", [[message.flowControlKey]]);
    if (flow?.isPaused === 1) return "return";
    const isCounted =
      startUntil === null ||
      flow === undefined ||
      flow.periodStartAt + flow.periodMs === startUntil;
    return isCounted ? "begin" : "late";
  }

  async #isQueuePaused({ kind, queueName }: MessageRow): Promise<boolean> {
    // The callbacks of a paused queue go on.
    if (queueName === null || kind !== "plain") return false;
    const [queue] = await this.#options.store.find("queues", "byName", [[queueName]]);
    return queue?.isPaused === 1;
  }

  #pollNow(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#polling = this.#polling.then(() => this.#poll());
  }

  async #poll(): Promise<void> {
    if (this.#isStopped) return;
    const { host, lease, pollMs } = this.#options;
    const startedAt = host.now();
    try {
      // Without a lease nothing may begin, so there is nothing to look for.
      if (lease.holds()) await this.#look();
    } catch (error) {
      host.log("warn", "poll_failed", { cause: String(error) });
    }
    if (this.#isStopped || this.#timer !== null) return;
    const tookMs = Math.min(host.now() - startedAt, POLL_MS_COUNTED_MAX);
    const restMs = Math.max(pollMs, REST * tookMs);
    this.#timer = lease.setTimer(restMs, () => this.#pollNow());
  }

  async #look(): Promise<void> {
    const { store, lease, findings, host } = this.#options;
    const now = host.now();
    const dead = await listDead(store, now);
    const takeover = await findTakeover(dead, store, now);
    if (takeover !== null) findings.left(takeover);
    const dueAt = await store.nextDueAt(lease.nodeKey);
    if (dueAt !== null) findings.due(dueAt);
    const gates = await store.waitingGates();
    this.#polls += 1;
    const isThorough = this.#noteDead(dead) || this.#polls % THOROUGH_EVERY === 0;
    const waiting = isThorough ? await openOnes(gates, store) : gates.filter(isOriginGate);
    if (waiting.length > 0) findings.waiting(waiting);
    await deleteEmptyNodes(dead, store);
  }

  /** True when a node has died since the last look: what it was about to call may wait anywhere. */
  #noteDead(dead: readonly NodeRow[]): boolean {
    const hasNew = dead.some(({ key }) => !this.#dead.has(key));
    this.#dead = new Set(dead.map(({ key }) => key));
    return hasNew;
  }

  #hear(text: string): void {
    const { findings } = this.#options;
    const hint = parseHint(text);
    if (this.#isStopped || hint === null) return;
    switch (hint.type) {
      case "recall":
      case "recallBehind":
        findings.recalled(hint);
        return;
      case "runEnded":
        findings.runEnded(hint.runKey);
        return;
      case "gate":
        findings.waiting([hint.gate]);
        return;
      case "settings":
        return;
    }
  }
}

/** Those of the gates behind which somebody could go: they are asked without a lock, so that hardly any is locked in vain. */
async function openOnes(gates: readonly string[], store: Store): Promise<readonly string[]> {
  const names = Array.from(new Set(gates.map((gate) => [gate.slice(gate.indexOf(":") + 1)])));
  const queues = await store.find("queues", "byName", names);
  const flows = await store.find("flowControls", "byName", names);
  const closed = new Set([
    ...queues.filter(isClosedQueue).map(({ name }) => queueGate(name)),
    ...flows.filter(isClosedFlow).map(({ name }) => flowGate(name)),
  ]);
  return gates.filter((gate) => !closed.has(gate));
}

function isClosedQueue({ isPaused, openCount, parallelism }: QueueRow): boolean {
  return isPaused === 1 || openCount >= parallelism;
}

function isClosedFlow({ isPaused, parallelism, inFlightCount, dueAt }: FlowControlRow): boolean {
  return isPaused === 1 || dueAt !== null || (parallelism !== null && inFlightCount >= parallelism);
}
