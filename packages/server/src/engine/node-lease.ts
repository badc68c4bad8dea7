import type { NodeRow } from "../core/rows.ts";
import type { Host, Timer } from "../host/host.ts";
import type { Store, Transaction } from "../store/store.ts";
import { KeyRange } from "./key-range.ts";
import type { SharedClock } from "./shared-clock.ts";

export interface NodeLeaseOptions {
  readonly store: Store;
  /** Its own clock: the lease is kept while that of the database is not known. */
  readonly host: Pick<Host, "now" | "setTimer" | "randomBytes" | "log">;
  readonly clock: SharedClock;
  readonly leaseMs: number;
}

const ID_BYTES = 12;

/** A group that waits for somebody's lock must not cost the lease. */
const URGENT = { isUrgent: true } as const;

/** Renewed at every third of the lease; after a failure sooner, so that several more fit in. */
const RENEWALS = 3;
const RENEWALS_BEHIND_FAILURE = 12;

/**
 * This node's row among those that share a database. As long as its lease lasts, nobody else makes the attempts that it holds; once it
 * is over, the node starts nothing until it has a new row, because its messages may be somebody else's by then.
 */
export class NodeLease {
  readonly #options: NodeLeaseOptions;
  #row: NodeRow;
  /** By the time that passes here: never later than the end that stands in the row. */
  #endsAtMs: number;
  #timer: Timer | null = null;
  #renewal: Promise<void> = Promise.resolve();
  #onChange: (() => void) | null = null;
  #isClosed = false;

  private constructor(options: NodeLeaseOptions, taken: Taken) {
    this.#options = options;
    this.#row = taken.row;
    this.#endsAtMs = taken.endsAtMs;
  }

  /** Measures the clock and takes a row. */
  static async open(options: NodeLeaseOptions): Promise<NodeLease> {
    const { store, clock } = options;
    await clock.measure(() => store.now());
    const lease = new NodeLease(options, await take(options));
    lease.#plan();
    return lease;
  }

  get nodeKey(): number {
    return this.#row.key;
  }

  get id(): string {
    return this.#row.id;
  }

  /** Asked right before an attempt begins. */
  holds(): boolean {
    return !this.#isClosed && this.#options.clock.elapsedMs < this.#endsAtMs;
  }

  /** As the clock of the database tells it; what this node tells is corrected by it. */
  measure(ask: () => Promise<number>): Promise<number> {
    return this.#options.clock.measure(ask);
  }

  /** A timer of this node's place among the others. */
  setTimer(inMs: number, callback: () => void): Timer {
    const { host } = this.#options;
    return host.setTimer(host.now() + inMs, callback);
  }

  /** Called when this node goes on under another key. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
  }

  /** Gives the row up. What is still in flight in it is for others to take over, now. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#renewal;
    const { store } = this.#options;
    const { key } = this.#row;
    await store.transaction(async (transaction) => {
      const [row] = await transaction.get("nodes", [key]);
      if (row === undefined) return;
      const set = { leaseUntil: (await transaction.now()) - 1 };
      await transaction.write([
        (await isEmpty(key, transaction))
          ? { type: "delete", table: "nodes", key }
          : { type: "update", table: "nodes", key, set },
      ]);
    });
  }

  #plan(renewals = RENEWALS): void {
    const { host, leaseMs } = this.#options;
    this.#timer = host.setTimer(host.now() + Math.floor(leaseMs / renewals), () => {
      this.#renewal = this.#renew();
    });
  }

  async #renew(): Promise<void> {
    const { host } = this.#options;
    let hasFailed = false;
    try {
      const renewed = await renew(this.#row.key, this.#options);
      if (renewed !== null) this.#endsAtMs = renewed;
      else if (!this.#isClosed) await this.#takeNew();
    } catch (error) {
      hasFailed = true;
      host.log("warn", "node_lease_not_renewed", { nodeId: this.id, cause: String(error) });
    }
    if (!this.#isClosed) this.#plan(hasFailed ? RENEWALS_BEHIND_FAILURE : RENEWALS);
  }

  async #takeNew(): Promise<void> {
    const { host } = this.#options;
    const before = this.id;
    const { row, endsAtMs } = await take(this.#options);
    this.#row = row;
    this.#endsAtMs = endsAtMs;
    host.log("warn", "node_lease_lost", { nodeId: before, nextNodeId: row.id });
    this.#onChange?.();
  }
}

interface Taken {
  readonly row: NodeRow;
  readonly endsAtMs: number;
}

async function take({ store, host, clock, leaseMs }: NodeLeaseOptions): Promise<Taken> {
  const id = `nod_${Buffer.from(host.randomBytes(ID_BYTES)).toString("base64url")}`;
  const askedAt = clock.elapsedMs;
  const row = await store.transaction(async (transaction) => {
    const keys = new KeyRange(true);
    await keys.reserve(1, transaction);
    const now = await transaction.now();
    const made: NodeRow = { key: keys.next(), id, startedAt: now, leaseUntil: now + leaseMs };
    await transaction.write([{ type: "insert", table: "nodes", row: made }]);
    return made;
  }, URGENT);
  return { row, endsAtMs: askedAt + leaseMs };
}

/** Null when the lease has been over: from that instant on its messages are free for others, so it may not come back. */
async function renew(
  key: number,
  { store, clock, leaseMs }: NodeLeaseOptions,
): Promise<number | null> {
  const askedAt = clock.elapsedMs;
  return store.transaction(async (transaction) => {
    const [row] = await transaction.get("nodes", [key]);
    // Behind the lock: whoever takes over holds it, and the time that it has taken counts.
    const now = await clock.measure(() => transaction.now());
    if (row === undefined || row.leaseUntil <= now) return null;
    const set = { leaseUntil: now + leaseMs };
    await transaction.write([{ type: "update", table: "nodes", key, set }]);
    return askedAt + leaseMs;
  }, URGENT);
}

/** Whether nothing is in flight under this row. */
export async function isEmpty(
  nodeKey: number,
  transaction: Pick<Transaction, "list">,
): Promise<boolean> {
  const where = [{ type: "in", column: "nodeKey", values: [nodeKey] }] as const;
  const found = await transaction.list("messages", {
    where,
    order: "ascending",
    limit: 1,
    without: ["body"],
  });
  return found.length === 0;
}
