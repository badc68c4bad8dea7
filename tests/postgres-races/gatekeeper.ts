import type { Change, Store, Transaction } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";

/** A transaction that stands still behind its last statement, with every lock that it has taken. */
export interface Held {
  /** Resolves when the transaction stands there. */
  readonly entered: Promise<void>;
  /** Lets it commit. */
  release(): void;
}

type IsMine = (changes: readonly Change[]) => boolean;

interface Trap {
  readonly isMine: IsMine;
  readonly enter: () => void;
  readonly released: Promise<void>;
}

/** A node that stands still. */
export interface Asleep {
  /** Resolves when it does. */
  readonly entered: Promise<void>;
  wake(): void;
}

/** Stands between a node and its store, and holds the transaction that a test is about just before its commit. */
export class Gatekeeper {
  #trap: Trap | null = null;
  #held: Held | null = null;
  #sleep: Trap | null = null;
  #wake: () => void = () => {};
  #awake: Promise<void> = Promise.resolve();
  #claims = 0;
  readonly #hints: string[] = [];

  /** Times that the node has claimed what is due. */
  get claims(): number {
    return this.#claims;
  }

  /** Whether the node itself has heard such a hint. */
  hasHeard(isIt: (hint: string) => boolean): boolean {
    return this.#hints.some(isIt);
  }

  /** Lets go of whatever a failed test has left standing. */
  releaseAll(): void {
    this.#held?.release();
    this.#wake();
  }

  /**
   * Behind the commit of the next transaction that writes what `isMine` names, the node is to its database like a process that was
   * stopped: it asks nothing more, its lease included, and does not hear of that commit, until it is woken.
   */
  sleepBehind(isMine: IsMine): Asleep {
    const entered = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#sleep = { isMine, enter: entered.resolve, released: released.promise };
    this.#wake = () => {
      this.#sleep = null;
      released.resolve();
    };
    return { entered: entered.promise, wake: this.#wake };
  }

  /** Holds the next transaction that writes what `isMine` names. */
  hold(isMine: IsMine): Held {
    const entered = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    this.#trap = { isMine, enter: entered.resolve, released: released.promise };
    const held = {
      entered: entered.promise,
      release: () => {
        this.#trap = null;
        released.resolve();
      },
    };
    this.#held = held;
    return held;
  }

  readonly wrap = (store: Store): Store =>
    passOnStore(store, {
      hints: this.#listen(store.hints),
      transaction: async (work) => {
        await this.#awake;
        let written: readonly Change[] = [];
        const result = await store.transaction((transaction) => {
          const own: Change[] = [];
          written = own;
          return this.#run(transaction, work, own);
        });
        const sleep = this.#sleep;
        if (sleep?.isMine(written) === true) {
          this.#sleep = null;
          this.#awake = sleep.released;
          sleep.enter();
        }
        await this.#awake;
        return result;
      },
    });

  #listen(hints: Store["hints"]): Store["hints"] {
    if (hints === null) return null;
    return {
      send: (hint) => hints.send(hint),
      watch: (listener) =>
        hints.watch((hint) => {
          listener(hint);
          this.#hints.push(hint);
        }),
    };
  }

  async #run<R>(
    transaction: Transaction,
    work: (transaction: Transaction) => Promise<R>,
    written: Change[],
  ): Promise<R> {
    const result = await work(
      passOnTransaction(transaction, {
        write: (changes) => {
          written.push(...changes);
          return transaction.write(changes);
        },
        claimDue: (table, now, limit, holder) => {
          if (table === "messages") this.#claims++;
          return transaction.claimDue(table, now, limit, holder);
        },
      }),
    );
    const trap = this.#trap;
    if (trap?.isMine(written) === true) {
      // A transaction that is run again later passes.
      this.#trap = null;
      // Writes may still be on their way: they are done when this is answered.
      await transaction.now();
      trap.enter();
      await trap.released;
    }
    return result;
  }
}
