import type { Change, ScheduleRow } from "../core/rows.ts";
import { passOnStore, passOnTransaction } from "../store/pass-on.ts";
import type { DueTable, Store, Transaction } from "../store/store.ts";

/** Hears what is written, in one place, whoever writes it. */
export interface StoreObserver {
  /** Milliseconds that go on whatever the wall clock does. */
  readonly clock: () => number;
  readonly committed: (commit: Commit) => void;
  /** @param isOfStorage false when the caller's own work refused. */
  readonly failed: (error: unknown) => void;
  /** Messages have been taken because they are due: `dueAt` says since when. */
  readonly claimed: (messageKey: number, dueAt: number) => void;
  /** Messages have been called from a line. */
  readonly called: (messageKey: number) => void;
}

export interface Commit {
  readonly batches: readonly (readonly Change[])[];
  /** Schedules that were due, and when that was found. */
  readonly ticks: readonly ScheduleRow[];
  readonly ticksAt: number;
  /** From the first read to the last write. */
  readonly workMs: number;
  /** From the last write until everything was on disk. */
  readonly commitMs: number;
  /** How often it was run again. */
  readonly repeats: number;
}

interface Seen {
  readonly batches: (readonly Change[])[];
  ticks: readonly ScheduleRow[];
  ticksAt: number;
}

/** The store as it is, with somebody who listens. */
export function observeStore(store: Store, observer: StoreObserver): Store {
  const { clock } = observer;
  return passOnStore(store, {
    transaction: async (work, options) => {
      let seen: Seen = { batches: [], ticks: [], ticksAt: 0 };
      let [beganAt, workedAt, rounds] = [0, 0, 0];
      let refusal: unknown = null;
      try {
        const result = await store.transaction(async (transaction) => {
          seen = { batches: [], ticks: [], ticksAt: 0 };
          rounds++;
          beganAt = clock();
          try {
            return await work(observeTransaction(transaction, seen, observer));
          } catch (error) {
            refusal = error;
            throw error;
          } finally {
            workedAt = clock();
          }
        }, options);
        const [workMs, commitMs] = [workedAt - beganAt, clock() - workedAt];
        observer.committed({ ...seen, workMs, commitMs, repeats: rounds - 1 });
        return result;
      } catch (error) {
        // What the work itself refuses is an answer, and says nothing about the storage.
        if (error !== refusal || isStorageError(error)) observer.failed(error);
        throw error;
      }
    },
  });
}

function observeTransaction(
  transaction: Transaction,
  seen: Seen,
  observer: StoreObserver,
): Transaction {
  return passOnTransaction(transaction, {
    write: (changes) => {
      seen.batches.push(changes);
      return transaction.write(changes);
    },
    claimDue: async <T extends DueTable>(
      table: T,
      now: number,
      limit: number,
      holder: number | null,
    ) => {
      const rows = await transaction.claimDue(table, now, limit, holder);
      if (rows.length === 0) return rows;
      if (table === "messages") {
        // The table decides the type of its rows; the compiler cannot follow.
        const messages = rows as Awaited<ReturnType<typeof transaction.claimWaiting>>;
        for (const { key, state, dueAt } of messages)
          if (state === "scheduled") observer.claimed(key, dueAt);
      } else if (table === "schedules") {
        seen.ticks = rows as readonly ScheduleRow[]; // As above.
        seen.ticksAt = now;
      }
      return rows;
    },
    claimWaiting: async (gate, limit) => {
      const rows = await transaction.claimWaiting(gate, limit);
      for (const { key } of rows) observer.called(key);
      return rows;
    },
  });
}

function isStorageError(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "storage_unavailable";
}
