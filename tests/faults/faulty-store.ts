import { RepriseError } from "@reprise/protocol";
import type { Reader, Store, Transaction } from "@reprise/server";

export type StoreMethod =
  | "get"
  | "find"
  | "list"
  | "count"
  | "now"
  | "nextDueAt"
  | "waitingGates"
  | "begin"
  | "write"
  | "claimDue"
  | "claimWaiting"
  | "reserveKeys"
  | "commit";

export interface StoreCall {
  /** From 1, over all calls of the store and its transactions. */
  readonly n: number;
  readonly method: StoreMethod;
}

/**
 * Where a call fails. `before`: nothing happened. `after`: it happened, but the answer is lost; after a `commit` this
 * means that everything is on disk and the caller does not know it.
 */
export type Fault = "before" | "after" | null;

/** Wraps `store` so that calls chosen by `shouldFail` are refused as `storage_unavailable`. */
export function withFaults(store: Store, shouldFail: (call: StoreCall) => Fault): Store {
  let count = 0;
  const attempt: Attempt = async (method, call) => {
    count += 1;
    const n = count;
    const fault = shouldFail({ n, method });
    if (fault === "before") throw refusal(n, method);
    const result = await call();
    if (fault === "after") throw refusal(n, method);
    return result;
  };
  return {
    ...faultyReader(store, attempt),
    groups: (table, query) => attempt("list", () => store.groups(table, query)),
    isShared: store.isShared,
    hints: store.hints,
    transaction: (work) => transact(store, attempt, work),
    get counters() {
      return store.counters;
    },
    close: () => store.close(),
  };
}

type Attempt = <R>(method: StoreMethod, call: () => Promise<R>) => Promise<R>;

function faultyReader(reader: Reader, attempt: Attempt): Reader {
  return {
    get: (table, keys) => attempt("get", () => reader.get(table, keys)),
    find: (table, lookup, values) => attempt("find", () => reader.find(table, lookup, values)),
    list: (table, query) => attempt("list", () => reader.list(table, query)),
    count: (table, where) => attempt("count", () => reader.count(table, where)),
    now: () => attempt("now", () => reader.now()),
    nextDueAt: (holder) => attempt("nextDueAt", () => reader.nextDueAt(holder)),
    waitingGates: () => attempt("waitingGates", () => reader.waitingGates()),
  };
}

function faultyTransaction(transaction: Transaction, attempt: Attempt): Transaction {
  return {
    ...faultyReader(transaction, attempt),
    write: (changes) => attempt("write", () => transaction.write(changes)),
    claimDue: (table, now, limit, holder) =>
      attempt("claimDue", () => transaction.claimDue(table, now, limit, holder)),
    claimWaiting: (gate, limit) =>
      attempt("claimWaiting", () => transaction.claimWaiting(gate, limit)),
    reserveKeys: (keys) => attempt("reserveKeys", () => transaction.reserveKeys(keys)),
  };
}

async function transact<R>(
  store: Store,
  attempt: Attempt,
  work: (transaction: Transaction) => Promise<R>,
): Promise<R> {
  // Holds the error of a commit that was made although its caller gets the error.
  const lost: { error?: unknown } = {};
  const result = await store.transaction(async (transaction) => {
    await attempt("begin", async () => {});
    const made = await work(faultyTransaction(transaction, attempt));
    let isCommitted = false;
    await attempt("commit", async () => {
      isCommitted = true;
    }).catch((error: unknown) => {
      if (!isCommitted) throw error;
      lost.error = error;
    });
    return made;
  });
  if ("error" in lost) throw lost.error;
  return result;
}

function refusal(n: number, method: StoreMethod): RepriseError {
  return new RepriseError("storage_unavailable", {
    message: `the store call ${n} (${method}) fails on purpose`,
  });
}
