import type { FilterField } from "./fields.ts";

export interface Suggestion {
  /** What the draft becomes: a term, or a key with its colon. */
  readonly text: string;
  readonly key: string;
  /** Null while the value is still to be typed. */
  readonly value: string | null;
  readonly title: string;
}

const SUGGESTIONS_MAX = 12;
const INSTANTS = ["15m", "1h", "24h", "7d", "today"];

/** What a person may mean by what is typed so far. */
export function suggest(draft: string, fields: readonly FilterField[]): readonly Suggestion[] {
  const typed = draft.trimStart();
  const colon = typed.indexOf(":");
  const named = colon > 0 ? fields.find(({ key }) => key === typed.slice(0, colon)) : undefined;
  const found =
    named === undefined
      ? [...keysLike(typed, fields), ...valuesLike(typed, fields)]
      : valuesOf(named, typed.slice(colon + 1).replace(/^"/, ""));
  return found.slice(0, SUGGESTIONS_MAX);
}

function keysLike(typed: string, fields: readonly FilterField[]): readonly Suggestion[] {
  const wanted = typed.toLowerCase();
  return fields
    .filter(({ key, title }) => key.startsWith(wanted) || title.toLowerCase().includes(wanted))
    .map((field) =>
      field.kind === "flag"
        ? { text: `${field.key}:true`, key: field.key, value: "true", title: field.title }
        : { text: `${field.key}:`, key: field.key, value: null, title: field.title },
    );
}

/** Values of any field that begin like the word: `failed` is enough for `state:failed`. */
function valuesLike(typed: string, fields: readonly FilterField[]): readonly Suggestion[] {
  if (typed === "") return [];
  return fields
    .filter(({ choices, known }) => choices !== undefined || known !== undefined)
    .flatMap((field) => valuesOf(field, typed));
}

function valuesOf(field: FilterField, typed: string): readonly Suggestion[] {
  const isInstant = field.kind === "instant" || field.kind === "end";
  const values =
    field.choices?.map(({ value }) => value) ??
    field.known ??
    (isInstant ? INSTANTS : field.kind === "flag" ? ["true"] : []);
  const wanted = typed.toLowerCase();
  return values
    .filter((value) => value.toLowerCase().includes(wanted))
    .map((value) => ({
      text: `${field.key}:${value}`,
      key: field.key,
      value,
      title: field.title,
    }));
}
