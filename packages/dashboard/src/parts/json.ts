/** Stands before numbers that this language cannot hold exactly. Made anew with each page, so that no body can have it in its texts. */
const LONG = `${crypto.getRandomValues(new Uint32Array(4)).join("-")}:`;

/** A number as it was written, when it is too long for one of this language; null for every other value. */
export const longNumberIn = (value: unknown): string | null =>
  typeof value === "string" && value.startsWith(LONG) ? value.slice(LONG.length) : null;

/** A text may hold numbers that are other ones once they are read: long ones, and such as `1e400`. */
const INEXACT = /\d[\d.]{14}\d|\d[eE][+-]?\d/;

/** Reads objects and lists; undefined for every other text. Numbers that would become others, such as ids of twenty digits, stay as they were written. */
export function readTree(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    const value: unknown = JSON.parse(INEXACT.test(text) ? keepWritten(text) : text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const QUOTE = 34;

/** Puts inexact numbers into texts. It goes over the text once: a reviver would hold up the page for a second. */
function keepWritten(text: string): string {
  const parts: string[] = [];
  let done = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfText(text, at);
    } else if (isOfNumber(code)) {
      let end = at + 1;
      while (isOfNumber(text.charCodeAt(end))) end += 1;
      if (isInexact(text, at, end)) {
        parts.push(text.slice(done, at), `"${LONG}${text.slice(at, end)}"`);
        done = end;
      }
      at = end - 1;
    }
  }
  return parts.join("") + text.slice(done);
}

/** Digits, `+`, `-`, `.`, `e` and `E`. */
function isOfNumber(code: number): boolean {
  return (
    (code >= 48 && code <= 57) ||
    (code >= 43 && code <= 46 && code !== 44) ||
    code === 69 ||
    code === 101
  );
}

/** The place of the quote that ends a text; behind it all when there is none. */
function endOfText(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes += 1;
    if (slashes % 2 === 0) return at;
  }
  return text.length;
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** A number of JSON that would be shown as another one. */
function isInexact(text: string, from: number, to: number): boolean {
  const written = text.slice(from, to);
  if (String(Number(written)) === written || !NUMBER.test(written)) return false;
  return /[\s,:[]/.test(text[from - 1] ?? " ") && /[\s,\]}]/.test(text[to] ?? " ");
}
