import type { Change, Store, Transaction } from "@reprise/server";

export const MUTANTS = ["early-ack", "repeat-steps", "lose-dead-letters"] as const;
/** A planted fault of the server under test. */
export type Mutant = (typeof MUTANTS)[number];

/** What the harness has to say about each: a fault whose text contains this. */
export const MUTANT_TRACES: Readonly<Record<Mutant, string>> = {
  "early-ack": "is lost",
  "repeat-steps": "after its result was accepted",
  "lose-dead-letters": "has 0 dead letters",
};

/** Stands between the server and its store and plants the fault there, so that the product has no switch for it. */
export function plant(mutant: Mutant): (store: Store) => Store {
  switch (mutant) {
    case "early-ack":
      return (store) => withTransaction(store, (work) => earlyAck(store, work));
    case "repeat-steps":
      return (store) => withTransaction(store, (work) => store.transaction((t) => work(blind(t))));
    case "lose-dead-letters":
      return (store) => withTransaction(store, (work) => store.transaction((t) => work(lossy(t))));
  }
}

type Work<R> = (transaction: Transaction) => Promise<R>;

function withTransaction(store: Store, transaction: <R>(work: Work<R>) => Promise<R>): Store {
  return {
    get: (table, keys) => store.get(table, keys),
    find: (table, lookup, values) => store.find(table, lookup, values),
    list: (table, query) => store.list(table, query),
    count: (table, where) => store.count(table, where),
    nextDueAt: () => store.nextDueAt(),
    waitingGates: () => store.waitingGates(),
    get counters() {
      return store.counters;
    },
    close: () => store.close(),
    transaction,
  };
}

const COMMIT_DELAY_MS = 25;

/** What a transaction leads to is told to everybody before it is on disk. */
function earlyAck<R>(store: Store, work: Work<R>): Promise<R> {
  return new Promise((resolve, reject) => {
    const commit = store.transaction(async (transaction) => {
      const result = await work(transaction);
      resolve(result);
      await new Promise((later) => setTimeout(later, COMMIT_DELAY_MS));
      return result;
    });
    commit.catch(reject);
  });
}

/** Who takes over what a dead process left does not see which steps have results, and asks for them again. */
function blind(transaction: Transaction): Transaction {
  let isTakingOver = false;
  return {
    ...passOn(transaction),
    list: (table, query) => {
      isTakingOver ||= table === "messages";
      return transaction.list(table, query);
    },
    find: async (table, lookup, values) =>
      isTakingOver && table === "steps" ? [] : transaction.find(table, lookup, values),
  };
}

/** Runs fail, but their dead letters are not kept. */
function lossy(transaction: Transaction): Transaction {
  const isKept = (change: Change) => change.table !== "deadLetters" || change.type !== "insert";
  return {
    ...passOn(transaction),
    write: (changes) => transaction.write(changes.filter(isKept)),
  };
}

function passOn(transaction: Transaction): Transaction {
  return {
    get: (table, keys) => transaction.get(table, keys),
    find: (table, lookup, values) => transaction.find(table, lookup, values),
    list: (table, query) => transaction.list(table, query),
    count: (table, where) => transaction.count(table, where),
    nextDueAt: () => transaction.nextDueAt(),
    waitingGates: () => transaction.waitingGates(),
    write: (changes) => transaction.write(changes),
    claimDue: (table, now, limit) => transaction.claimDue(table, now, limit),
    claimWaiting: (gate, limit) => transaction.claimWaiting(gate, limit),
    reserveKeys: (count) => transaction.reserveKeys(count),
  };
}
