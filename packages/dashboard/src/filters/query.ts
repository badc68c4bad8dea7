import type { Query } from "../api/client.ts";
import { type Filter, type FilterField, type FilterTerm, fieldOf } from "./fields.ts";
import { foreignTerms } from "./grammar.ts";
import { readInstant } from "./instants.ts";

interface Clock {
  readonly now: number;
  readonly isUtc: boolean;
}

export interface FilterQuery {
  readonly query: Query;
  /** What is wrong with terms, in words; the API would refuse them. */
  readonly faults: readonly string[];
}

/** The parameters of the API that a filter becomes. */
export function toQuery(
  { terms }: Filter,
  fields: readonly FilterField[],
  clock: Clock,
): FilterQuery {
  const query: Record<string, string | readonly string[]> = {};
  const faults: string[] = [];
  for (const field of fields) {
    const values: string[] = [];
    for (const term of terms.filter(({ key }) => key === field.key)) {
      const sent = toSent(term, field, clock);
      if (sent === null) faults.push(faultOf(term, field));
      else values.push(sent);
    }
    const [only] = values;
    if (field.parameter === null || only === undefined) continue;
    query[field.parameter] = values.length === 1 ? only : values;
  }
  return { query, faults };
}

/** Why the words of a filter that name no field cannot be meant as they are typed. */
export function foreignFaults(text: string, fields: readonly FilterField[]): readonly string[] {
  const known = fields.map(({ key }) => key).join(", ");
  return foreignTerms(text, fields).map(({ key, value }) =>
    key.startsWith("-")
      ? `nothing can be left out by a minus: ${key}:${value}`
      : `there is no field ${JSON.stringify(key)} here; known: ${known}. In quotes, "${key}:${value}" is text`,
  );
}

/** Null when the value is none that this field takes. */
function toSent({ value }: FilterTerm, field: FilterField, clock: Clock): string | null {
  if (field.choices !== undefined) {
    const wanted = value.toLowerCase();
    const choice = field.choices.find(
      (one) => one.value.toLowerCase() === wanted || one.sent?.toLowerCase() === wanted,
    );
    return choice === undefined ? null : (choice.sent ?? choice.value);
  }
  switch (field.kind ?? "text") {
    case "text":
      return value;
    case "flag":
      return /^(?:true|yes|1)$/i.test(value) ? "true" : null;
    case "number":
      return /^\d{1,15}$/.test(value) ? value : null;
    case "instant":
    case "end": {
      const at = readInstant(value, { ...clock, isEnd: field.kind === "end" });
      return at === null ? null : String(at);
    }
  }
}

function faultOf({ key, value }: FilterTerm, { choices, kind }: FilterField): string {
  const allowed =
    choices?.map((choice) => choice.value).join(", ") ??
    (kind === "number"
      ? "a whole number"
      : kind === "flag"
        ? "true"
        : "2h, today, 2026-11-20, 2026-11-20T10:00");
  return `${key} cannot be ${JSON.stringify(value)}; allowed: ${allowed}`;
}

/** True when every word of the filter's text is in one of these texts, whatever its case. */
export function matchesText({ text }: Filter, texts: readonly (string | undefined)[]): boolean {
  if (text === "") return true;
  const all = texts
    .filter((one) => one !== undefined)
    .join("\n")
    .toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

/** What the fields hold that the search of the address names directly, beside the text of the filter itself. */
export function directTerms(
  search: Readonly<Record<string, string>>,
  fields: readonly FilterField[],
): readonly FilterTerm[] {
  return Object.entries(search)
    .filter(([key, value]) => value !== "" && fieldOf(fields, key) !== undefined)
    .map(([key, value]) => ({ key, value }));
}
