/** Writes a text as one word of a POSIX shell; control characters in the form that bash and zsh read. */
export function shellWord(text: string): string {
  if (/^[\w./:@%+,=-]+$/.test(text) && !text.startsWith("-") && !text.startsWith("=")) return text;
  // Escaped, so that a pasted line cannot end early or move the cursor.
  if (/[\p{Cc}\u2028\u2029\p{Bidi_Control}]/u.test(text)) return `$'${escapeAnsi(text)}'`;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function escapeAnsi(text: string): string {
  return text.replace(/[\\'!\p{Cc}\u2028\u2029\p{Bidi_Control}]/gu, (char) => {
    if (char === "\\" || char === "'") return `\\${char}`;
    const bytes = [...new TextEncoder().encode(char)];
    return bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  });
}
