import { expect, test } from "vitest";
import { liveQuery, whyNot } from "./cancel.ts";

const filter = (...terms: readonly (readonly [string, string])[]) => ({
  terms: terms.map(([key, value]) => ({ key, value })),
  text: "",
});

test("only a filter that the cancel knows may be cancelled as a whole", () => {
  expect(whyNot(filter(["label", "a"], ["state", "running"], ["from", "2h"]))).toBeNull();
  expect(whyNot(filter(["state", "failed"]))).toContain("state:failed");
  expect(whyNot(filter(["id", "wfr_a"]))).toContain("id:wfr_a");
  expect(whyNot({ terms: [], text: "some words" })).not.toBeNull();
});

test("runs that begin later are not meant", () => {
  expect(liveQuery({ label: "a" }, 100)).toEqual({ label: "a", state: "RUN_STARTED", toDate: 100 });
  expect(liveQuery({ toDate: "50" }, 100).toDate).toBe(50);
  expect(liveQuery({ toDate: "500" }, 100).toDate).toBe(100);
});
