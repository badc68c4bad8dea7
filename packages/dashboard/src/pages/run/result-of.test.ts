import { expect, test } from "vitest";
import { resultOf } from "./result-of.ts";

test("the data of an event is shown as the text that it is, or as bytes", () => {
  expect(resultOf({ stepType: "Wait", out: "eyJhIjoxfQ==" })).toEqual({ text: '{"a":1}' });
  expect(resultOf({ stepType: "Wait", out: "/+8=" })).toEqual({ base64: "/+8=" });
  expect(resultOf({ stepType: "Wait", out: "no base64" })).toEqual({ text: "no base64" });
  expect(resultOf({ stepType: "Run", out: "eyJhIjoxfQ==" })).toEqual({ text: "eyJhIjoxfQ==" });
});
