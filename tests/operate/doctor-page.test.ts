import { readFileSync } from "node:fs";
import { auditChecks } from "@reprise/server";
import { expect, test } from "vitest";

const page = readFileSync(new URL("../../docs/doctor.md", import.meta.url), "utf8");

test("the page explains every check in the words of the command", () => {
  for (const { name, rule, meaning, advice } of auditChecks) {
    expect(page).toContain(`\n### ${name}\n`);
    for (const text of [rule, meaning, advice]) {
      expect(page.toLowerCase().replace(/\s+/g, " ")).toContain(text.toLowerCase());
    }
  }
});

test("the page has no check that the command does not have", () => {
  const others = ["damaged-file", "damaged-body", "damaged-text"];
  const names = [...auditChecks.map(({ name }) => name), ...others];
  const headings = Array.from(page.matchAll(/^### (.+)$/gm), ([, name]) => name);
  expect(headings.toSorted()).toEqual([...new Set(names)].toSorted());
});
