/** Characters that end a line, move the cursor, or let a line read otherwise than it runs. */
const HIDDEN = /[\p{Cc}\p{Cf}\u2028\u2029]/u;

/**
 * Writes a text as one word of any POSIX shell. What cannot be seen goes through `printf`: pasted raw, a control character could end the
 * line early, and `$'...'` is read by some shells alone, which makes it a way out of the quotes in the others. No shell has words with NUL.
 */
export function shellWord(text: string): string {
  if (/^[\w./:@%+,=-]+$/.test(text) && !text.startsWith("-") && !text.startsWith("=")) return text;
  if (!HIDDEN.test(text)) return `'${text.replaceAll("'", `'\\''`)}'`;
  // A shell takes the line breaks away that a command ends with.
  const end = /\n*$/.exec(text)?.[0] ?? "";
  const printed = `"$(printf '${escapeFormat(text.slice(0, text.length - end.length))}')"`;
  return end === "" ? printed : `${printed}'${end}'`;
}

/** Octal bytes, as every `printf` reads them: of what cannot be seen, and of what means something to it or to a shell around it. */
function escapeFormat(text: string): string {
  const format = text.replace(/[%\\'!\p{Cc}\p{Cf}\u2028\u2029]/gu, octal);
  return format.startsWith("-") ? `${octal("-")}${format.slice(1)}` : format;
}

function octal(char: string): string {
  const bytes = [...new TextEncoder().encode(char)];
  return bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
