// The SDK has its own list of header names; what both lists name is spelt the same.

import * as protocol from "@reprise/protocol";
import { expect, test } from "vitest";
import * as sdk from "./headers.ts";

/** What only the SDK and Reprise say to each other: docs/fast-modes.md. */
const OWN = ["delivery", "answer", "hold"];

test("every name of the SDK is the server's", () => {
  const theirs: Readonly<Record<string, string>> = protocol.HEADER;
  const other = Object.entries(sdk.HEADER).filter(([name, text]) => theirs[name] !== text);
  expect(other.map(([name]) => name).filter((name) => !OWN.includes(name))).toEqual([]);
  expect(Object.keys(sdk.HEADER).length).toBeGreaterThan(40);
});

test("one header has one name", () => {
  const texts = Object.values(sdk.HEADER);
  expect(new Set(texts).size).toBe(texts.length);
  expect(texts.every((text) => text === text.toLowerCase())).toBe(true);
});

test("so are the prefixes", () => {
  expect([sdk.FORWARD_PREFIX, sdk.CALLBACK_PREFIX, sdk.FAILURE_CALLBACK_PREFIX]).toEqual([
    protocol.FORWARD_PREFIX,
    protocol.CALLBACK_PREFIX,
    protocol.FAILURE_CALLBACK_PREFIX,
  ]);
});
