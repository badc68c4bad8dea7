import { describe, expect, test } from "vitest";
import type { FilterField } from "./fields.ts";
import { foreignTerms, formatFilter, parseFilter } from "./grammar.ts";

const FIELDS: readonly FilterField[] = [
  { key: "state", title: "state", parameter: "state", isSingle: true },
  { key: "workflow", title: "URL", parameter: "workflowUrl", pattern: /^https?:\/\// },
  { key: "label", title: "label", parameter: "label" },
  { key: "id", title: "id", parameter: "workflowRunId", pattern: /^wfr_/ },
];
const parse = (text: string) => parseFilter(text, FIELDS);

describe("the language of filters", () => {
  test("reads terms, quoted values and the text between them", () => {
    expect(parse('state:failed workflow:"https://a.test/x y" reason label:winter text')).toEqual({
      terms: [
        { key: "state", value: "failed" },
        { key: "workflow", value: "https://a.test/x y" },
        { key: "label", value: "winter" },
      ],
      text: "reason text",
    });
  });

  test("finds the field of a word that looks like its values", () => {
    expect(parse("wfr_abc https://app.test/order").terms).toEqual([
      { key: "id", value: "wfr_abc" },
      { key: "workflow", value: "https://app.test/order" },
    ]);
  });

  test("keeps alternatives, once each, and the last of a single value", () => {
    expect(parse("label:a label:b label:a state:failed state:running").terms).toEqual([
      { key: "label", value: "b" },
      { key: "label", value: "a" },
      { key: "state", value: "running" },
    ]);
  });

  test("takes an unknown key for text, and leaves a key without a value out", () => {
    expect(parse("TypeError: x label: STATE:failed")).toEqual({
      terms: [{ key: "state", value: "failed" }],
      text: "TypeError: x",
    });
  });

  test("knows words that are meant as terms of fields that there are none of", () => {
    const text = 'stat:failed -state:failed TypeError: "quoted:text" 12:30 http://x.test label:a:b';
    expect(foreignTerms(text, FIELDS)).toEqual([
      { key: "stat", value: "failed" },
      { key: "-state", value: "failed" },
    ]);
  });

  test("reads a quote that nobody closes to the end", () => {
    expect(parse('label:"open end').terms).toEqual([{ key: "label", value: "open end" }]);
  });

  test.each([
    'quote " and backslash \\ in it',
    "colon:in:it",
    "tab\tand newline\n",
    'label:"x"',
    "<img src=x onerror=alert(1)>",
    "emoji 🙂",
  ])("writes the value %j so that it reads the same", (value) => {
    const filter = { terms: [{ key: "label", value }], text: "" };
    expect(parse(formatFilter(filter))).toEqual(filter);
  });

  test.each(["label:x", 'say "hi"', "back\\slash", "wfr 404 Not Found"])(
    "writes the text %j so that it reads the same",
    (text) => {
      const filter = { terms: [], text };
      expect(parse(formatFilter(filter))).toEqual(filter);
    },
  );
});
