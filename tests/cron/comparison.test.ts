import { expect, test } from "vitest";
import { compareZone } from "./comparison.ts";
import { DENSE_EXPRESSIONS, SPARSE_EXPRESSIONS } from "./expressions.ts";

/** A sample of `npm run cron`: the zones and months in which clocks did what is rare. */
const samples = [
  ["Europe/Berlin", "2023-12-15", "2024-12-01"],
  ["America/New_York", "2024-10-01", "2024-12-01"],
  ["Australia/Lord_Howe", "2024-03-15", "2024-04-15"],
  ["Australia/Lord_Howe", "2024-09-15", "2024-10-15"],
  ["America/Sao_Paulo", "2018-10-15", "2019-03-01"],
  ["Pacific/Apia", "2011-12-01", "2012-02-01"],
  ["Africa/Casablanca", "2024-02-15", "2024-05-01"],
  ["Asia/Kolkata", "2023-12-15", "2024-02-01"],
] as const;

test.each(samples)("in %s from %s to %s the server, the walk and croner agree", (...sample) => {
  const [zoneName, from, to] = sample;
  const { failures, failed, walkChecks, secondChecks } = compareZone({
    zoneName,
    expressions: [...DENSE_EXPRESSIONS, ...SPARSE_EXPRESSIONS],
    wholeExpressions: new Set(SPARSE_EXPRESSIONS),
    from: Date.parse(from),
    to: Date.parse(to),
  });
  expect(failures).toEqual([]);
  expect(failed).toBe(0);
  expect(walkChecks).toBeGreaterThan(5000);
  expect(secondChecks).toBeGreaterThan(100);
});
