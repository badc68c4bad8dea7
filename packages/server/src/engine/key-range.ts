import type { KeySpan, Transaction } from "../store/store.ts";

/** Keys that one reservation gives to a server that draws alone: a row of the sequence is written once for so many. */
const RESERVED_AT_ONCE = 10_000;

/**
 * Row keys that this process may use. They rise; gaps stay. Where others draw as well, every reservation is drawn anew: whoever gets
 * a lock later, or begins after an acknowledgement, has to have the higher keys.
 */
export class KeyRange {
  readonly #isShared: boolean;
  #spans: readonly KeySpan[] = [];
  /** The span that is being drawn from. */
  #index = 0;
  #next = 0;

  constructor(isShared = false) {
    this.#isShared = isShared;
  }

  /** Makes sure that `count` keys can be drawn before the transaction is over. */
  async reserve(count: number, transaction: Transaction): Promise<void> {
    if (count === 0 || (!this.#isShared && this.#left() >= count)) return;
    const size = this.#isShared ? count : Math.max(count, RESERVED_AT_ONCE);
    this.#spans = await transaction.reserveKeys(size);
    this.#index = 0;
    this.#next = this.#spans[0]?.first ?? 0;
  }

  next(): number {
    let span = this.#spans[this.#index];
    while (span !== undefined && this.#next >= span.end) {
      this.#index += 1;
      span = this.#spans[this.#index];
      this.#next = span?.first ?? 0;
    }
    if (span === undefined)
      throw new Error("assertion failed: keys must be reserved before they are drawn");
    return this.#next++;
  }

  /** A reservation that may not be on disk must not be used. */
  clear(): void {
    this.#spans = [];
  }

  #left(): number {
    const [span] = this.#spans;
    return span === undefined ? 0 : span.end - this.#next;
  }
}
