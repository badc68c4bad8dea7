import type { Change, Store, Transaction } from "@reprise/server";
import { passOn, type Work, withTransaction } from "../crash/store-wrap.ts";

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

/** Stands between a node and its store, and holds the transaction that a test is about just before its commit. */
export class Gatekeeper {
  #trap: Trap | null = null;
  #held: Held | null = null;
  #claims = 0;

  /** Times that the node has claimed what is due. */
  get claims(): number {
    return this.#claims;
  }

  /** Lets go of whatever a failed test has left standing. */
  releaseAll(): void {
    this.#held?.release();
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
    withTransaction(store, (work) =>
      store.transaction((transaction) => this.#run(transaction, work)),
    );

  async #run<R>(transaction: Transaction, work: Work<R>): Promise<R> {
    const written: Change[] = [];
    const result = await work({
      ...passOn(transaction),
      write: (changes) => {
        written.push(...changes);
        return transaction.write(changes);
      },
      claimDue: (table, now, limit, holder) => {
        if (table === "messages") this.#claims++;
        return transaction.claimDue(table, now, limit, holder);
      },
    });
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
