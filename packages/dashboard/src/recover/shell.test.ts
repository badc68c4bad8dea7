import { describe, expect, test } from "vitest";
import { SHELLS, wordsOf } from "./shell.suite.ts";
import { shellWord } from "./shell.ts";

test("there is a shell to ask", () => {
  expect(SHELLS).toContain("sh");
});

describe.each(SHELLS)("a word of %s", (shell) => {
  test.each([
    "plain",
    "",
    "two words",
    "it's",
    '$(touch x) `id` $HOME \\ " ! * ? [a] {b} ~ # ; & | < > ( )',
    "'; rm -rf / #",
    "line\nbreak\tand \u001b[31mred\u0007",
    "\n",
    "ends with breaks\r\n\n",
    // In a shell without $'...' this text has left the quotes of that form.
    "\u0001'; echo out; echo '",
    '\u0001$(echo out)`echo out`"',
    "back\\slash 'and' \u0001!",
    "-n\u0001",
    "%s %d %%\u0001 \\101",
    "\u0007123",
    "ünïcode 🙂",
    "\u202egnp.exe",
    "a\u200bb\ufeff",
    "-dash",
    "=name",
    "~/x",
    "$'x'",
  ])("%j is read back as it was", (text) => {
    expect(wordsOf(shellWord(text), shell)).toEqual([text]);
  });
});

test("has nothing in it that a terminal obeys or that nobody sees", () => {
  expect(shellWord("a\u001b\n\u0000\u200b\u202eb")).toMatch(/^[\x20-\x7e]*$/);
});
