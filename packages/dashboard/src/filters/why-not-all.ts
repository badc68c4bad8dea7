import type { Filter } from "./fields.ts";

interface Given {
  readonly filter: Filter;
  readonly faults: readonly string[];
}

/**
 * Why a filter cannot stand for everything that is meant; null when it can. The server knows nothing of words without a key, and
 * of terms that are wrong: what it chose would be more than what is shown.
 */
export function whyNotAll({ filter, faults }: Given): string | null {
  if (faults.length > 0) return "Correct the filter first";
  if (filter.text === "") return null;
  return "Words without a key are looked for in the list alone: select what you mean, or take them out";
}
