// The SDK has its own list of header names; what both lists name is spelt the same.

import { readFileSync } from "node:fs";
import * as protocol from "@reprise/protocol";
import { expect, test } from "vitest";

const source = readFileSync(
  new URL("../../../packages/sdk/src/wire/headers.ts", import.meta.url),
  "utf8",
);

/** The list as it is written: it is no part of what the SDK exports. */
const list = /export const HEADER = \{([^}]*)\}/.exec(source)?.[1] ?? "";
const names = [...list.matchAll(/^ {2}(\w+): "([^"]*)",$/gm)].map(([, name = "", text = ""]) => ({
  name,
  text,
}));

/** What only the SDK and Reprise say to each other: docs/fast-modes.md. */
const OWN = ["delivery", "answer", "hold"];

test("every name of the SDK is the server's", () => {
  expect(names.length).toBeGreaterThan(40);
  expect(names.length).toBe(list.split("\n").filter((line) => /^ {2}\w/.test(line)).length);
  const theirs: Readonly<Record<string, string>> = protocol.HEADER;
  const other = names.filter(({ name, text }) => theirs[name] !== text);
  expect(other.map(({ name }) => name).filter((name) => !OWN.includes(name))).toEqual([]);
});

test("one header has one name", () => {
  const texts = names.map(({ text }) => text);
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts.every((text) => text === text.toLowerCase())).toBe(true);
});

const { FORWARD_PREFIX, CALLBACK_PREFIX, FAILURE_CALLBACK_PREFIX } = protocol;

test.each(Object.entries({ FORWARD_PREFIX, CALLBACK_PREFIX, FAILURE_CALLBACK_PREFIX }))(
  "%s is %s",
  (name, text) => {
    expect(source).toContain(`export const ${name} = "${text}";`);
  },
);
