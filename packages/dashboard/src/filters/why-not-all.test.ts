import { expect, test } from "vitest";
import { DEAD_RUN_FIELDS } from "./dead-fields.ts";
import { parseFilter } from "./grammar.ts";
import { toQuery } from "./query.ts";
import { whyNotAll } from "./why-not-all.ts";

test.each([
  ["", true],
  ["status:503 label:winter", true],
  ["status:abc", false],
  ["label:winter declined", false],
])("%j stands for all that it shows: %s", (text, isWhole) => {
  const filter = parseFilter(text, DEAD_RUN_FIELDS);
  const { faults } = toQuery(filter, DEAD_RUN_FIELDS, { now: 0, isUtc: true });
  expect(whyNotAll({ filter, faults }) === null).toBe(isWhole);
});
