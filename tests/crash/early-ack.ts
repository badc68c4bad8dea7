import type { Store } from "@reprise/server";

const COMMIT_DELAY_MS = 25;

/** The planted fault: what a transaction leads to is told to everybody before it is on disk. */
export function earlyAck(store: Store): Store {
  return {
    get: (table, keys) => store.get(table, keys),
    find: (table, lookup, values) => store.find(table, lookup, values),
    list: (table, query) => store.list(table, query),
    nextDueAt: () => store.nextDueAt(),
    get counters() {
      return store.counters;
    },
    close: () => store.close(),
    transaction: (work) =>
      new Promise((resolve, reject) => {
        const commit = store.transaction(async (transaction) => {
          const result = await work(transaction);
          resolve(result);
          await new Promise((later) => setTimeout(later, COMMIT_DELAY_MS));
          return result;
        });
        commit.catch(reject);
      }),
  };
}
