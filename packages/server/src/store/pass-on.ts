import type { Store, Transaction } from "./store.ts";

/** Stores and transactions that do what others do, for whoever stands between them and their users and does some of it otherwise. */

export function passOnStore(store: Store, instead: Partial<Store>): Store {
  const same: Store = {
    isShared: store.isShared,
    hints: store.hints,
    ...(store.space === undefined ? {} : { space: store.space }),
    ...(store.bytesUsed === undefined ? {} : { bytesUsed: store.bytesUsed }),
    get counters() {
      return store.counters;
    },
    transaction: (work, options) => store.transaction(work, options),
    now: () => store.now(),
    get: (table, keys) => store.get(table, keys),
    find: (table, lookup, values) => store.find(table, lookup, values),
    list: (table, query) => store.list(table, query),
    count: (table, where) => store.count(table, where),
    nextDueAt: (holder) => store.nextDueAt(holder),
    waitingGates: () => store.waitingGates(),
    groups: (table, query) => store.groups(table, query),
    close: () => store.close(),
  };
  // Not spread: that would ask for the counters now and never again.
  return Object.assign(same, instead);
}

export function passOnTransaction(
  transaction: Transaction,
  instead: Partial<Transaction>,
): Transaction {
  return {
    now: () => transaction.now(),
    get: (table, keys) => transaction.get(table, keys),
    find: (table, lookup, values) => transaction.find(table, lookup, values),
    list: (table, query) => transaction.list(table, query),
    count: (table, where) => transaction.count(table, where),
    nextDueAt: (holder) => transaction.nextDueAt(holder),
    waitingGates: () => transaction.waitingGates(),
    write: (changes) => transaction.write(changes),
    claimDue: (table, now, limit, holder) => transaction.claimDue(table, now, limit, holder),
    claimWaiting: (gate, limit) => transaction.claimWaiting(gate, limit),
    reserveKeys: (count) => transaction.reserveKeys(count),
    ...instead,
  };
}
