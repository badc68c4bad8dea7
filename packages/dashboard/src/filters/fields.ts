/** What a page can be filtered by. Each page declares its own. */

export interface FilterChoice {
  /** As it is typed: `failed`. */
  readonly value: string;
  /** As the API takes it: `RUN_FAILED`; the typed one when it is absent. */
  readonly sent?: string;
}

export interface FilterField {
  /** What is typed before the colon. */
  readonly key: string;
  /** What it selects, in a few words. */
  readonly title: string;
  /** The parameter of the API; null when the page itself compares. */
  readonly parameter: string | null;
  /**
   * `text` by default. An `instant` is sent as epoch milliseconds: `2h` (ago), `2026-11-20`, `2026-11-20T10:00`; `end` rounds a
   * day up to its last millisecond. A `flag` is sent as `true`.
   */
  readonly kind?: "text" | "number" | "instant" | "end" | "flag";
  /** A second value takes the place of the first. */
  readonly isSingle?: boolean;
  /** The only values there are. */
  readonly choices?: readonly FilterChoice[];
  /** Values that are likely, for suggestions. */
  readonly known?: readonly string[];
  /** A word without a key that looks like this is meant for this field: `wfr_...`. */
  readonly pattern?: RegExp;
}

/** From when to when something has happened, as every list of the API takes it. */
export function spanFields(happened: string): readonly FilterField[] {
  const from = `${happened} from then on`;
  const to = `${happened} up to then`;
  return [
    { key: "from", title: from, parameter: "fromDate", kind: "instant", isSingle: true },
    { key: "to", title: to, parameter: "toDate", kind: "end", isSingle: true },
  ];
}

export interface FilterTerm {
  readonly key: string;
  readonly value: string;
}

export interface Filter {
  readonly terms: readonly FilterTerm[];
  /** Words without a key: looked for in what is listed. */
  readonly text: string;
}

export const NO_FILTER: Filter = { terms: [], text: "" };

export function fieldOf(fields: readonly FilterField[], key: string): FilterField | undefined {
  return fields.find((field) => field.key === key);
}
