import type { Reader, Store, Transaction } from "@reprise/server";

/** What may happen at a call of the store: nothing, a turn for others, or the death of the process. */
export type StorePoint = (label: string) => Promise<void> | null;

export interface CrashableStore {
  readonly store: Store;
  /** The process dies: an open transaction is rolled back, and nobody hears of it. */
  kill(): void;
}

/** A promise of its own for each caller: one that is shared would keep everybody who ever waited for it. */
function never(): Promise<never> {
  return new Promise(() => {});
}

/** The store as one process of the server sees it. */
export function crashableStore(store: Store, point: StorePoint): CrashableStore {
  const life = new Life(point);
  const call = callsOf(life);
  return {
    kill: () => life.end(),
    store: {
      ...mortalReader(store, call),
      groups: (table, query) => call("groups", () => store.groups(table, query)),
      isShared: store.isShared,
      hints: store.hints,
      transaction: (work) => transact(store, work, life),
      get counters() {
        return store.counters;
      },
      close: () => store.close(),
    },
  };
}

class Life {
  readonly #point: StorePoint;
  readonly ended: Promise<never>;
  #end: (error: Error) => void = () => {};
  #isOver = false;

  constructor(point: StorePoint) {
    this.#point = point;
    this.ended = new Promise((_resolve, reject) => {
      this.#end = reject;
    });
    // Nobody may be in a transaction when the process dies.
    this.ended.catch(() => {});
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  end(): void {
    this.#isOver = true;
    this.#end(new Error("the process has died"));
  }

  /** Passes a point of the process; a process that dies there never comes back from it. */
  async pass(label: string): Promise<void> {
    if (this.#isOver) return never();
    await this.#point(label);
    if (this.#isOver) return never();
  }
}

type Call = <R>(label: string, run: () => Promise<R>) => Promise<R>;

function callsOf(life: Life): Call {
  return async (label, run) => {
    await life.pass(label);
    const result = await run();
    await life.pass(`${label} done`);
    return result;
  };
}

/** Of a transaction: its calls reach the store in the order in which they were made, whoever else has a turn in between. */
function orderedCallsOf(life: Life): Call {
  let sent: Promise<unknown> = Promise.resolve();
  return async (label, run) => {
    const passed = sent.then(() => life.pass(label));
    sent = passed;
    await passed;
    const result = await run();
    await life.pass(`${label} done`);
    return result;
  };
}

function mortalReader(reader: Reader, call: Call): Reader {
  return {
    get: (table, keys) => call(`get ${table}`, () => reader.get(table, keys)),
    find: (table, lookup, values) =>
      call(`find ${table}`, () => reader.find(table, lookup, values)),
    list: (table, query) => call(`list ${table}`, () => reader.list(table, query)),
    count: (table, where) => call("count", () => reader.count(table, where)),
    now: () => call("now", () => reader.now()),
    nextDueAt: (holder) => call("nextDueAt", () => reader.nextDueAt(holder)),
    waitingGates: () => call("waitingGates", () => reader.waitingGates()),
  };
}

function mortalTransaction(transaction: Transaction, life: Life): Transaction {
  const call = orderedCallsOf(life);
  return {
    ...mortalReader(transaction, call),
    write: (changes) => call("write", () => transaction.write(changes)),
    claimDue: (table, now, limit, holder) =>
      call("claimDue", () => transaction.claimDue(table, now, limit, holder)),
    claimWaiting: (gate, limit) =>
      call("claimWaiting", () => transaction.claimWaiting(gate, limit)),
    reserveKeys: (count) => call("reserveKeys", () => transaction.reserveKeys(count)),
  };
}

/** The real store must hear of the death, or its queue would wait for ever; the dead process must not. */
async function transact<R>(
  store: Store,
  work: (transaction: Transaction) => Promise<R>,
  life: Life,
): Promise<R> {
  if (life.isOver) return never();
  let result: R;
  try {
    result = await store.transaction(async (transaction) => {
      const passing = async () => {
        await life.pass("begin");
        const made = await work(mortalTransaction(transaction, life));
        await life.pass("commit");
        return made;
      };
      return Promise.race([passing(), life.ended]);
    });
  } catch (error) {
    if (life.isOver) return never();
    throw error;
  }
  await life.pass("committed");
  return result;
}
