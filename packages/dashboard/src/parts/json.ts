/** A number that this language cannot hold exactly, as it was written. */
export interface LongNumber {
  readonly written: string;
}

const long = new WeakSet<object>();

export const isLongNumber = (value: unknown): value is LongNumber =>
  typeof value === "object" && value !== null && long.has(value);

interface Source {
  readonly source?: string;
}

/** Reads objects and lists; undefined for every other text. Ids of twenty digits stay as they were written. */
export function readTree(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = /\d{16}/.test(text) ? JSON.parse(text, keepLong) : JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function keepLong(this: unknown, _key: string, value: unknown, context?: Source): unknown {
  const written = context?.source;
  if (typeof value !== "number" || written === undefined || String(value) === written) return value;
  if (!/^-?\d{16,}$/.test(written)) return value;
  const kept: LongNumber = { written };
  long.add(kept);
  return kept;
}
