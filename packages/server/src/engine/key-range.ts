import type { Transaction } from "../store/store.ts";

/** Keys that one reservation gives: a row of the sequence is written once for so many. */
const RESERVED_AT_ONCE = 10_000;

/** Row keys that this process may use. They rise; gaps stay when a process ends. */
export class KeyRange {
  #next = 0;
  #end = 0;

  /** Makes sure that `count` keys can be drawn before the transaction is over. */
  async reserve(count: number, transaction: Transaction): Promise<void> {
    if (this.#end - this.#next >= count) return;
    const size = Math.max(count, RESERVED_AT_ONCE);
    this.#next = await transaction.reserveKeys(size);
    this.#end = this.#next + size;
  }

  next(): number {
    if (this.#next >= this.#end)
      throw new Error("assertion failed: keys must be reserved before they are drawn");
    return this.#next++;
  }

  /** A reservation that may not be on disk must not be used. */
  clear(): void {
    this.#end = this.#next;
  }
}
