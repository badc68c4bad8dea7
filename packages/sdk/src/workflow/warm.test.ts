import { expect, test } from "vitest";
import { WarmRuns } from "./warm.ts";

test("whoever takes a function has it alone", () => {
  const runs = new WarmRuns<number>();
  runs.put("a", 1);
  expect([runs.take("a"), runs.take("a")]).toEqual([1, null]);
});

test("of more than 1,000 functions those that have waited longest are let go of", () => {
  const runs = new WarmRuns<number>();
  for (let n = 0; n < 1_000; n++) runs.put(String(n), n);
  runs.put("0", 0); // It waits anew.
  runs.put("more", -1);
  expect([runs.take("0"), runs.take("1"), runs.take("2"), runs.take("more")]).toEqual([
    0,
    null,
    2,
    -1,
  ]);
});

test("a process has one name, and another one has another", () => {
  const [one, other] = [new WarmRuns(), new WarmRuns()];
  expect(one.process).toBe(one.process);
  expect(one.process).not.toBe(other.process);
});
