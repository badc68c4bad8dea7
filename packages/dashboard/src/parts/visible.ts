/**
 * Characters that nobody sees, and those that turn the direction of a line around: with them a text reads otherwise than it is. Joiners stay
 * where scripts and pictures need them, between letters that are not ASCII.
 */
const HIDDEN =
  /[^\P{Cc}\t\n\r]|[\p{Bidi_Control}\u00ad\u180e\u200b\u2028\u2029\u2060-\u2064\u3164\ufeff\uffa0\u{e0000}-\u{e007f}]|(?<![^\p{ASCII}])[\u200c\u200d]|[\u200c\u200d](?![^\p{ASCII}])/gu;

/** A text as it is shown: `‹U+202E›` where it holds something that cannot be seen. What is copied is the text itself. */
export const visible = (text: string): string =>
  text.replace(
    HIDDEN,
    (char) => `‹U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}›`,
  );

/** A text as JSON and as code, with an escape for whatever cannot be seen. */
export const quotedText = (text: string): string =>
  JSON.stringify(text).replace(/[\p{Cf}\u2028\u2029\u007f-\u009f]/gu, (char) =>
    Array.from(
      { length: char.length },
      (_, index) => `\\u${char.charCodeAt(index).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
