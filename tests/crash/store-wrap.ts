import type { Store, Transaction } from "@reprise/server";

/** What a planted fault leaves as it is. */

export type Work<R> = (transaction: Transaction) => Promise<R>;

export function withTransaction(
  store: Store,
  transaction: <R>(work: Work<R>) => Promise<R>,
): Store {
  return {
    get: (table, keys) => store.get(table, keys),
    find: (table, lookup, values) => store.find(table, lookup, values),
    list: (table, query) => store.list(table, query),
    count: (table, where) => store.count(table, where),
    isShared: store.isShared,
    hints: store.hints,
    now: () => store.now(),
    nextDueAt: (holder) => store.nextDueAt(holder),
    waitingGates: () => store.waitingGates(),
    groups: (table, query) => store.groups(table, query),
    get counters() {
      return store.counters;
    },
    close: () => store.close(),
    transaction,
  };
}

export function passOn(transaction: Transaction): Transaction {
  return {
    get: (table, keys) => transaction.get(table, keys),
    find: (table, lookup, values) => transaction.find(table, lookup, values),
    list: (table, query) => transaction.list(table, query),
    count: (table, where) => transaction.count(table, where),
    now: () => transaction.now(),
    nextDueAt: (holder) => transaction.nextDueAt(holder),
    waitingGates: () => transaction.waitingGates(),
    write: (changes) => transaction.write(changes),
    claimDue: (table, now, limit, holder) => transaction.claimDue(table, now, limit, holder),
    claimWaiting: (gate, limit) => transaction.claimWaiting(gate, limit),
    reserveKeys: (count) => transaction.reserveKeys(count),
  };
}
