import type { Store } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";

export interface FailureHooks {
  /** The transaction that fails a run is about to be committed; what this throws undoes it. */
  readonly before?: () => void;
  /** It is on disk, and whoever asked for it does not know yet. */
  readonly after?: () => void;
}

/** Watches a store for the transactions that put a run into the dead letter queue. */
export function watchFailures(store: Store, { before, after }: FailureHooks): Store {
  return passOnStore(store, {
    transaction: async (work) => {
      let isFailure = false;
      const result = await store.transaction(async (transaction) => {
        const made = await work(
          passOnTransaction(transaction, {
            write: (changes) => {
              isFailure ||= changes.some(
                ({ type, table }) => type === "insert" && table === "deadLetters",
              );
              return transaction.write(changes);
            },
          }),
        );
        if (isFailure) before?.();
        return made;
      });
      if (isFailure) after?.();
      return result;
    },
  });
}
