import { expect, test } from "vitest";

test("the house stands", () => {
  expect(import.meta.url).toContain("tidy");
});
