import { expect, test } from "vitest";
import { addView, parseViews } from "./saved-views.ts";

test("reads what was stored, and leaves out what does not fit", () => {
  const stored = JSON.stringify([{ name: "a", text: "state:failed" }, { name: 1 }, null, "x"]);
  expect(parseViews(stored)).toEqual([{ name: "a", text: "state:failed" }]);
  expect(parseViews("{")).toEqual([]);
  expect(parseViews('{"name":"a"}')).toEqual([]);
  expect(parseViews(null)).toEqual([]);
});

test("a name that is there already gets the new filter", () => {
  const before = [{ name: "mine", text: "label:a" }];
  expect(addView(before, { name: "mine", text: "label:b" })).toEqual([
    { name: "mine", text: "label:b" },
  ]);
  expect(addView(before, { name: "early", text: "" }).map(({ name }) => name)).toEqual([
    "early",
    "mine",
  ]);
});
