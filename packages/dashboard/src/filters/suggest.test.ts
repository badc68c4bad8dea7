import { expect, test } from "vitest";
import type { FilterField } from "./fields.ts";
import { suggest } from "./suggest.ts";

const FIELDS: readonly FilterField[] = [
  {
    key: "state",
    title: "state of the run",
    parameter: "state",
    choices: [{ value: "failed" }, { value: "running" }],
  },
  { key: "label", title: "label", parameter: "label", known: ["winter", "spring"] },
  { key: "from", title: "created from then on", parameter: "fromDate", kind: "instant" },
  { key: "stuck", title: "nothing can wake it", parameter: "stuck", kind: "flag" },
];
const texts = (draft: string) => suggest(draft, FIELDS).map(({ text }) => text);

test("an empty draft is offered every key", () => {
  expect(texts("")).toEqual(["state:", "label:", "from:", "stuck:true"]);
});

test("the begin of a key, a word of its title, or a value finds it", () => {
  expect(texts("sta")).toEqual(["state:"]);
  expect(texts("wake")).toEqual(["stuck:true"]);
  expect(texts("fail")).toEqual(["state:failed"]);
  expect(texts("wint")).toEqual(["label:winter"]);
});

test("behind a key its values are offered", () => {
  expect(texts("state:")).toEqual(["state:failed", "state:running"]);
  expect(texts("from:2")).toEqual(["from:24h"]);
  expect(texts("label:PRI")).toEqual(["label:spring"]);
});
