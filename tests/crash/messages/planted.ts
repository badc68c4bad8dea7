import type { Change, Store, Tables, Transaction } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";

/** Planted faults of queues, flow control, deduplication and schedules: what a server forgets, or writes too late. */

/** A new process takes all places in queues for free. */
export function forgetPlaces(store: Store): Store {
  const known = new Set<number>();
  const forget = (row: Tables["queues"]): Tables["queues"] => {
    if (known.has(row.key)) return row;
    known.add(row.key);
    return { ...row, openCount: 0 };
  };
  return passOnStore(store, {
    transaction: (work) =>
      store.transaction((transaction) =>
        work(
          passOnTransaction(transaction, {
            find: async (table, lookup, values) => {
              const rows = await transaction.find(table, lookup, values);
              return table === "queues" ? mapRows(rows, forget) : rows;
            },
          }),
        ),
      ),
  });
}

/** What is counted of a key is counted in memory: a new process begins with none. */
export function inMemory(counter: "inFlightCount" | "rateCount"): (store: Store) => Store {
  return (store) => {
    const counts = new Map<number, number>();
    const recall = (row: Tables["flowControls"]): Tables["flowControls"] => {
      return { ...row, [counter]: counts.get(row.key) ?? 0 };
    };
    const remember = (change: Change): Change => {
      if (change.table !== "flowControls" || change.type === "delete") return change;
      const { key, count } =
        change.type === "insert"
          ? { key: change.row.key, count: change.row[counter] }
          : { key: change.key, count: change.set[counter] };
      if (count !== undefined) counts.set(key, count);
      return change.type === "insert"
        ? { ...change, row: { ...change.row, [counter]: 0 } }
        : { ...change, set: { ...change.set, [counter]: 0 } };
    };
    return passOnStore(store, {
      transaction: (work) =>
        store.transaction((transaction) =>
          work(
            passOnTransaction(transaction, {
              find: async (table, lookup, values) => {
                const rows = await transaction.find(table, lookup, values);
                return table === "flowControls" ? mapRows(rows, recall) : rows;
              },
              claimDue: async (table, now, limit, holder) => {
                const rows = await transaction.claimDue(table, now, limit, holder);
                return table === "flowControls" ? mapRows(rows, recall) : rows;
              },
              write: (changes) => transaction.write(changes.map(remember)),
            }),
          ),
        ),
    });
  };
}

function mapRows<R, S>(rows: readonly R[], map: (row: S) => S): readonly R[] {
  // The caller has looked at the name of the table: the rows are of the type that `map` takes and gives.
  return rows.map((row) => map(row as unknown as S) as unknown as R);
}

const CLAIM_LATE_MS = 60;
/** Most lives end before it. */
const TICK_LATE_MS = 1_500;

/** A deduplication id is claimed in a transaction of its own, behind that of its message. */
export function claimApart(store: Store): Store {
  return writingApart(store, CLAIM_LATE_MS, ({ table }) => table === "dedups");
}

/** When a schedule ticks next is written behind the messages of the tick. */
export function tickApart(store: Store): Store {
  const isTick = ({ table, type }: Change) => table === "schedules" && type === "update";
  return writingApart(store, TICK_LATE_MS, isTick);
}

/** What `isApart` names is written a moment later, in a transaction of its own. */
function writingApart(store: Store, lateMs: number, isApart: (change: Change) => boolean): Store {
  return passOnStore(store, {
    transaction: async (work) => {
      const apart: Change[] = [];
      const result = await store.transaction((transaction) =>
        work(splitting(transaction, apart, isApart)),
      );
      if (apart.length > 0) {
        setTimeout(() => {
          void store.transaction((transaction) => transaction.write(apart));
        }, lateMs);
      }
      return result;
    },
  });
}

function splitting(
  transaction: Transaction,
  apart: Change[],
  isApart: (change: Change) => boolean,
): Transaction {
  return passOnTransaction(transaction, {
    write: (changes) => {
      apart.push(...changes.filter(isApart));
      return transaction.write(changes.filter((change) => !isApart(change)));
    },
  });
}
