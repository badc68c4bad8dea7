/** A transaction has lost a race: its work is run again. */
export class RaceLost extends Error {}

/** Whoever holds locks, until its transaction is over. */
export interface Holder {
  readonly name: string;
  /** Resolves when the transaction is over. */
  readonly over: Promise<void>;
  /** Whether its node has said nothing for longer than the database waits. */
  readonly isIdle: () => boolean;
  /** The database ends it. */
  readonly end: () => void;
}

/** Which transaction holds which row, and who waits for whom. */
export class RowLocks {
  readonly #holders = new Map<string, Holder>();
  readonly #waitsFor = new Map<Holder, Holder>();
  /** Reads of one transaction go on side by side: some may come back when another one has lost the race for all of them. */
  readonly #released = new WeakSet<Holder>();

  /** Waits until `holder` has the row. @throws RaceLost when it would wait for ever. */
  async lock(holder: Holder, row: string): Promise<void> {
    for (;;) {
      if (this.#released.has(holder)) throw new RaceLost(`${holder.name} is over`);
      const other = this.#otherOf(row);
      if (other === undefined || other === holder) break;
      await this.waitFor(holder, other);
    }
    this.#holders.set(row, holder);
  }

  /** Takes the row if nobody else has it. */
  tryLock(holder: Holder, row: string): boolean {
    const other = this.#otherOf(row);
    if (this.#released.has(holder) || (other !== undefined && other !== holder)) return false;
    this.#holders.set(row, holder);
    return true;
  }

  #otherOf(row: string): Holder | undefined {
    const other = this.#holders.get(row);
    if (other?.isIdle() !== true) return other;
    other.end();
    this.release(other);
    return undefined;
  }

  async waitFor(holder: Holder, other: Holder): Promise<void> {
    for (
      let next: Holder | undefined = other;
      next !== undefined;
      next = this.#waitsFor.get(next)
    ) {
      if (next === holder)
        throw new RaceLost(`${holder.name} and ${other.name} wait for each other`);
    }
    this.#waitsFor.set(holder, other);
    await other.over;
    this.#waitsFor.delete(holder);
  }

  release(holder: Holder): void {
    this.#released.add(holder);
    this.#waitsFor.delete(holder);
    for (const [row, other] of this.#holders) if (other === holder) this.#holders.delete(row);
  }
}
