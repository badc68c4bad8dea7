import type { Change, EnvelopeRow, TableName } from "../core/rows.ts";
import type { Host } from "../host/host.ts";
import type { BytesColumn, Condition, Store } from "../store/store.ts";
import { deleteIdleFlowControls } from "./idle-flow-controls.ts";
import { Rounds } from "./rounds.ts";

/**
 * Deletes what nobody needs any more, a little at a time: expired deduplication ids, messages that ended long ago with their log,
 * dead messages that were handled, bulk actions that are done, idle keys of flow control. What is open, or waits in the dead letter queue, is never touched.
 */

export interface SweeperOptions {
  readonly host: Host;
  readonly store: Store;
  readonly limits: SweeperLimits;
}

export interface SweeperLimits {
  /** How long a message is kept after its end. */
  readonly logRetentionMs: number;
  /** How long dead messages and bulk actions are kept after they were closed. */
  readonly closedRetentionMs: number;
}

/** Between two rounds over everything. */
const ROUND_MS = 600_000;

/** Rows that one transaction deletes. */
const ROWS_MAX = 500;

/** Keys that one step passes over. */
const SPAN_KEYS = 50_000;

/** Messages that one step looks at. */
const MESSAGES_MAX = 100;

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #rounds: Rounds;

  constructor(options: SweeperOptions) {
    this.#options = options;
    const { logRetentionMs, closedRetentionMs } = options.limits;
    this.#rounds = new Rounds({
      host: options.host,
      everyMs: ROUND_MS,
      failure: "sweep_failed",
      steps: [
        (afterKey) => this.#sweep("dedups", { afterKey, column: "expiresAt", ageMs: 0 }),
        (afterKey) => this.#sweepMessages(afterKey, logRetentionMs),
        (afterKey) => deleteIdleFlowControls(options.store, options.host.now(), afterKey),
        (afterKey) => {
          const closed = { column: "closedAt", ageMs: closedRetentionMs } as const;
          return this.#sweep("deadMessages", { afterKey, ...closed, without: ["responseBody"] });
        },
        (afterKey) => {
          return this.#sweep("bulkActions", {
            afterKey,
            column: "completedAt",
            ageMs: closedRetentionMs,
          });
        },
      ],
    });
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when no transaction is under way. */
  async stop(): Promise<void> {
    await this.#rounds.stop();
  }

  /** Deletes rows whose `column` lies `ageMs` back. Read and deleted in one transaction: a row may have been renewed meanwhile. */
  async #sweep<T extends TableName>(table: T, sweep: Sweep<T>): Promise<number | null> {
    const { store, host } = this.#options;
    const { afterKey, column, ageMs, without = [] } = sweep;
    const query = { order: "ascending", without } as const;
    const [first] = await store.list(table, { ...query, where: [], afterKey, limit: 1 });
    if (first === undefined) return null;
    const edge = first.key + SPAN_KEYS;
    const where: readonly Condition<T>[] = [
      // Every table has this column.
      { type: "range", column: "key" as Sweep<T>["column"], from: first.key, to: edge },
      { type: "range", column, to: host.now() - ageMs },
    ];
    const found = await store.list(table, { ...query, where, limit: 1 });
    if (found.length === 0) return edge;
    const deleted = await store.transaction(async (transaction) => {
      const rows = await transaction.list(table, { ...query, where, limit: ROWS_MAX });
      await transaction.write(rows.map(({ key }) => deletion(table, key)));
      return rows;
    });
    return deleted.length < ROWS_MAX ? edge : (deleted.at(-1)?.key ?? edge);
  }

  async #sweepMessages(afterKey: number, retentionMs: number): Promise<number | null> {
    const { store, host } = this.#options;
    const endedBefore = host.now() - retentionMs;
    const envelopes = await store.list("envelopes", {
      where: [],
      order: "ascending",
      afterKey,
      limit: MESSAGES_MAX,
      without: ["body"],
    });
    const old = envelopes.filter(({ createdAt }) => createdAt <= endedBefore);
    const kept = await this.#findKept(old);
    const deletions: Change[] = [];
    for (const { key } of old) {
      if (kept.has(key)) continue;
      const logs = await store.list("logs", {
        where: [{ type: "in", column: "messageKey", values: [key] }],
        order: "ascending",
        limit: ROWS_MAX,
        without: ["responseBody"],
      });
      if (logs.some(({ at }) => at > endedBefore)) continue;
      const changes = logs.map((log) => deletion("logs", log.key));
      // The envelope of a very long log goes with its last part, so that the message is found again.
      if (logs.length < ROWS_MAX) changes.push(deletion("envelopes", key));
      if (deletions.length + changes.length > ROWS_MAX) {
        await this.#write(deletions);
        return key - 1;
      }
      deletions.push(...changes);
      if (logs.length === ROWS_MAX) {
        await this.#write(deletions);
        return key - 1;
      }
    }
    await this.#write(deletions);
    // Keys rise with time, so behind the first young message are none to delete.
    return old.length < MESSAGES_MAX ? null : (old.at(-1)?.key ?? null);
  }

  /** Of these messages those that are open, or wait in the dead letter queue. */
  async #findKept(envelopes: readonly EnvelopeRow[]): Promise<ReadonlySet<number>> {
    const { store } = this.#options;
    const values = envelopes.map(({ key }) => key);
    const open = await store.get("messages", values);
    const dead = await store.list("deadMessages", {
      where: [{ type: "in", column: "messageKey", values }],
      order: "ascending",
      limit: MESSAGES_MAX * 2,
      without: ["responseBody"],
    });
    const waiting = dead.filter(({ state }) => state === "open");
    return new Set([...open.map(({ key }) => key), ...waiting.map(({ messageKey }) => messageKey)]);
  }

  async #write(changes: readonly Change[]): Promise<void> {
    if (changes.length === 0) return;
    await this.#options.store.transaction((transaction) => transaction.write(changes));
  }
}

interface Sweep<T extends TableName> {
  readonly afterKey: number;
  readonly column: Condition<T>["column"];
  readonly ageMs: number;
  readonly without?: readonly BytesColumn<T>[];
}

function deletion(table: TableName, key: number): Change {
  return { type: "delete", table, key };
}
