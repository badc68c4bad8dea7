import { expect, test } from "vitest";
import { KEYS } from "./keys.ts";
import { ALL_PLACES } from "./places.ts";

/** docs/dashboard.md says what the help of the page says. */

/** The page's own types know nothing of Node, so this name is told apart from the import. */
const FILES: string = "node:fs";
// As far as it is used here.
const { readFileSync } = (await import(FILES)) as {
  readonly readFileSync: (file: URL, encoding: "utf8") => string;
};

const page = readFileSync(new URL("../../../../docs/dashboard.md", import.meta.url), "utf8");

/** The rows of the table that begins with this head: keys in backticks, then what they do. */
function rowsBelow(head: string): readonly (readonly string[])[] {
  const [, below = ""] = page.split(`${head}\n|---|---|\n`);
  const [table = ""] = below.split("\n\n");
  return table.split("\n").map((line) => {
    const [, keys = "", meaning = ""] = line.split("|").map((cell) => cell.trim());
    return [keys.replaceAll("`", ""), meaning];
  });
}

test("the page has the keys of the help, in its order", () => {
  const shown = KEYS.map(([, keys, meaning]) => [keys.replaceAll(/ +/g, " "), meaning]);
  expect(rowsBelow("| Key | On a page |")).toEqual(shown);
});

test("the page has the keys that lead to pages", () => {
  const shown = ALL_PLACES.map(({ key, title }) => [`g ${key}`, title]);
  expect(rowsBelow("| Key | Goes to |")).toEqual(shown);
});
