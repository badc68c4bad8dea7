import { describe, expect, test } from "vitest";
import { quotedText, visible } from "./visible.ts";

describe("what is shown", () => {
  test.each([
    ["wfr_\u202e123", "wfr_‹U+202E›123"],
    ["a\u2066b\u2069c\u200fd\u061ce", "a‹U+2066›b‹U+2069›c‹U+200F›d‹U+061C›e"],
    ["adm\u200bin\ufeff", "adm‹U+200B›in‹U+FEFF›"],
    ["a\u00adb\u2060c\u3164d", "a‹U+00AD›b‹U+2060›c‹U+3164›d"],
    ["a\u001b[31m\u0000\u0085", "a‹U+001B›[31m‹U+0000›‹U+0085›"],
    ["pay\u200dpal\u200c", "pay‹U+200D›pal‹U+200C›"],
    ["a\u{e0041}b", "a‹U+E0041›b"],
  ])("of %j is %j", (text, shown) => {
    expect(visible(text)).toBe(shown);
  });

  test.each([
    "plain",
    "two\nlines\tand a tab\r\n",
    "ünïcode",
    "\ud83d\udc69\u200d\ud83d\udcbb",
    "می\u200cخواهم",
    "שלום",
    "\ud83d",
  ])("of %j is what it is", (text) => {
    expect(visible(text)).toBe(text);
  });
});

test.each(["a\u202e\u200b\u2028'\"\\\n\u007f", "\u{e0041}", "\ud83d\ude42", "\ud83d", "\u0000"])(
  "the code of %j is read back as it was, and hides nothing",
  (text) => {
    const code = quotedText(text);
    expect(JSON.parse(code)).toBe(text);
    expect(code).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u);
  },
);
