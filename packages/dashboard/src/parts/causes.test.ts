import { FAILURE_CAUSES } from "@reprise/protocol";
import { expect, test } from "vitest";
import { CAUSES, causeText } from "./causes.ts";

test("every cause of the API has a text of its own", () => {
  expect(Object.keys(CAUSES).toSorted()).toEqual([...FAILURE_CAUSES].toSorted());
  const texts = Object.values(CAUSES);
  for (const name of ["title", "meaning", "advice"] as const) {
    expect(new Set(texts.map((text) => text[name])).size).toBe(texts.length);
  }
});

test.each([...FAILURE_CAUSES])(
  "%s says what it means and what to do, in whole sentences",
  (cause) => {
    const { title, meaning, advice } = CAUSES[cause];
    expect(title.length).toBeLessThanOrEqual(20);
    for (const text of [meaning, advice]) expect(text).toMatch(/^[A-Z].{20,}[.]$/);
  },
);

test("a cause of a later version is unknown, whatever its name", () => {
  for (const cause of ["new_cause", "constructor", "__proto__", undefined])
    expect(causeText(cause)).toBe(CAUSES.unknown);
});
