import type { TableName, Tables } from "../core/rows.ts";
import type { Reader } from "./store.ts";

/** Most keys that are read for several callers at once: the rows may be large. */
const KEYS_AT_ONCE = 200;

interface Waiting {
  readonly keys: readonly number[];
  resolve(rows: readonly { readonly key: number }[]): void;
  reject(error: unknown): void;
}

/**
 * Rows by key for many callers at once. What is asked while a table is being read waits for that read and goes together in the next one:
 * a busy server looks up one row for each delivery, and each statement costs more than the row.
 */
export class GatheredGets {
  readonly #reader: Reader;
  readonly #waiting = new Map<TableName, Waiting[]>();

  constructor(reader: Reader) {
    this.#reader = reader;
  }

  get<T extends TableName>(table: T, keys: readonly number[]): Promise<readonly Tables[T][]> {
    if (keys.length > KEYS_AT_ONCE) return this.#reader.get(table, keys);
    return new Promise((resolve, reject) => {
      // The rows are of this table: each list of those who wait is for one.
      const found = resolve as (rows: readonly { readonly key: number }[]) => void;
      const waiting = this.#waiting.get(table);
      if (waiting !== undefined) {
        waiting.push({ keys, resolve: found, reject });
        return;
      }
      this.#waiting.set(table, [{ keys, resolve: found, reject }]);
      void this.#work(table);
    });
  }

  /** Reads until nobody waits any more. */
  async #work(table: TableName): Promise<void> {
    // Whoever asks in the same turn goes along.
    await Promise.resolve();
    const waiting = this.#waiting.get(table) ?? [];
    while (waiting.length > 0) await this.#readFor(table, takePart(waiting));
    this.#waiting.delete(table);
  }

  async #readFor(table: TableName, asked: readonly Waiting[]): Promise<void> {
    try {
      const keys = asked.flatMap((each) => each.keys);
      const rows = await this.#reader.get(table, keys);
      const byKey = new Map(rows.map((row) => [row.key, row]));
      for (const each of asked) {
        const own = Array.from(new Set(each.keys), (key) => byKey.get(key));
        each.resolve(own.filter((row) => row !== undefined));
      }
    } catch (error) {
      for (const each of asked) each.reject(error);
    }
  }
}

/** Those who come first, as many as may go together. */
function takePart(waiting: Waiting[]): readonly Waiting[] {
  let count = 0;
  let keys = 0;
  for (const each of waiting) {
    keys += each.keys.length;
    if (count > 0 && keys > KEYS_AT_ONCE) break;
    count += 1;
  }
  return waiting.splice(0, count);
}
