// Text for people. What comes from apps is shown without control characters: a response body must not move the
// cursor or colour the terminal of whoever reads it.

const INDENT = "  ";

/** `text` on one line, at most `charsMax` characters. */
export function oneLine(text: string, charsMax = 200): string {
  const line = plain(text).replace(/\s+/g, " ").trim();
  return line.length > charsMax
    ? `${line.slice(0, charsMax)} ... (${line.length} characters)`
    : line;
}

/** Control characters but tabs and line breaks, and those that turn the direction of the text around them. */
const HOSTILE = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/gu;

/** `text` without what could move the cursor, colour the terminal or reorder a line. */
export function plain(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(HOSTILE, "\uFFFD");
}

/** JSON that means the same; it escapes some control characters itself, but not all. */
export function escapeJson(json: string): string {
  return json.replace(
    HOSTILE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Every line of `text` moved to the right. */
export function indent(text: string, depth = 1): string {
  return text.replace(/^(?=.)/gm, INDENT.repeat(depth));
}

/** Names and values below each other; rows without a value are left out. */
export function formatFields(rows: readonly (readonly [string, string | undefined])[]): string {
  const given = rows.filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(0, ...given.map(([name]) => name.length));
  return given.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n");
}

/** The text of a value that may be missing, for `formatFields`. */
export function ifGiven<T>(value: T | undefined, format: (value: T) => string): string | undefined {
  return value === undefined ? undefined : format(value);
}

/** Columns under a heading. */
export function formatTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  // A line break in a cell would begin a row that nobody wrote.
  const all = [heading, ...rows.map((row) => row.map((cell) => plain(cell).replace(/\n/g, " ")))];
  const widths = heading.map((_, column) =>
    Math.max(...all.map((row) => row[column]?.length ?? 0)),
  );
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return all.map(format).join("\n");
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
