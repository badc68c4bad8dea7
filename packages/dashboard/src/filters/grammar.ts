import { type Filter, type FilterField, type FilterTerm, fieldOf } from "./fields.ts";

/**
 * The language of filters: `state:failed label:"two words" workflow:https://app.test reason text`. Terms with the same key are
 * alternatives, different keys must all hold. A quoted value may hold everything; `\` takes the meaning from the next character.
 */

interface Word {
  readonly text: string;
  /** Where the unquoted colon behind the key is; -1 when there is none. */
  readonly colon: number;
}

function splitWords(text: string): readonly Word[] {
  const words: Word[] = [];
  let word = "";
  let colon = -1;
  let isOpen = false;
  let isQuoted = false;
  const end = () => {
    if (isOpen) words.push({ text: word, colon });
    word = "";
    colon = -1;
    isOpen = false;
  };
  for (let index = 0; index < text.length; index += 1) {
    const char = text.charAt(index);
    if (char === "\\" && isQuoted && index + 1 < text.length) {
      index += 1;
      word += text.charAt(index);
    } else if (char === '"') {
      isQuoted = !isQuoted;
      isOpen = true;
    } else if (/\s/.test(char) && !isQuoted) {
      end();
    } else {
      if (char === ":" && !isQuoted && colon === -1) colon = word.length;
      word += char;
      isOpen = true;
    }
  }
  end();
  return words;
}

/** Everything can be read: a key that no field has is text. */
export function parseFilter(text: string, fields: readonly FilterField[]): Filter {
  const terms: FilterTerm[] = [];
  const rest: string[] = [];
  for (const word of splitWords(text)) {
    const term = toTerm(word, fields);
    if (term === null) rest.push(word.text);
    else if (term.value !== "") terms.push(term);
  }
  return { terms: joinTerms(terms, fields), text: rest.join(" ") };
}

const KEY_LIKE = /^-?[a-z][a-z_-]*$/i;

/** Words that look like terms of fields that there are none of: `stat:failed`, `-state:failed`. */
export function foreignTerms(text: string, fields: readonly FilterField[]): readonly FilterTerm[] {
  return splitWords(text).flatMap((word) => {
    const key = word.text.slice(0, Math.max(0, word.colon));
    const value = word.text.slice(word.colon + 1);
    const isAddress = value.startsWith("//");
    if (!KEY_LIKE.test(key) || value === "" || isAddress) return [];
    return toTerm(word, fields) === null ? [{ key, value }] : [];
  });
}

function toTerm({ text, colon }: Word, fields: readonly FilterField[]): FilterTerm | null {
  const key = colon > 0 ? text.slice(0, colon).toLowerCase() : "";
  if (fieldOf(fields, key) !== undefined) return { key, value: text.slice(colon + 1) };
  const field = fields.find(({ pattern }) => pattern?.test(text) === true);
  return field === undefined ? null : { key: field.key, value: text };
}

/** Each term once; of a field that takes one value the last one. */
export function joinTerms(
  terms: readonly FilterTerm[],
  fields: readonly FilterField[],
): readonly FilterTerm[] {
  return terms.filter(({ key, value }, index) => {
    const later = terms.slice(index + 1);
    if (fieldOf(fields, key)?.isSingle === true) return !later.some((term) => term.key === key);
    return !later.some((term) => term.key === key && term.value === value);
  });
}

const quote = (value: string): string =>
  /^[^\s"\\]+$/.test(value) ? value : `"${value.replace(/["\\]/g, "\\$&")}"`;

export function formatTerm({ key, value }: FilterTerm): string {
  return `${key}:${quote(value)}`;
}

/** The text that `parseFilter` reads as this filter. */
export function formatFilter({ terms, text }: Filter): string {
  const words = text.split(/\s+/).filter((word) => word !== "");
  // A word that would be read as a term, or ends one, is quoted.
  const rest = words.map((word) => (/["\\:]/.test(word) ? quoteWord(word) : word));
  return [...terms.map(formatTerm), ...rest].join(" ");
}

const quoteWord = (word: string): string => `"${word.replace(/["\\]/g, "\\$&")}"`;
