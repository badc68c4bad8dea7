import { describe, expect, test } from "vitest";
import { formatOffer, parseAnswerField } from "./fast-modes.ts";
import { HEADER, isForwardable } from "./headers.ts";

describe("the offer", () => {
  test("names the lease and the retries, and the part when it is one", () => {
    expect(formatOffer({ hold: 3, retries: 5 })).toBe("v=1; hold=3; retries=5");
    const part = { from: 12, warm: "k9Yd" };
    expect(formatOffer({ hold: 3, retries: 5, part })).toBe(
      "v=1; hold=3; retries=5; from=12; warm=k9Yd",
    );
  });

  test("is never forwarded from a request", () => {
    for (const name of [HEADER.repriseDelivery, HEADER.repriseAnswer, HEADER.repriseHold]) {
      expect([name, isForwardable(name)]).toEqual([name, false]);
    }
  });
});

describe("the field of an answer", () => {
  const nothing = { retries: null, kept: null, needsHistory: false };

  test.each([
    ["v=1", nothing],
    ["v=1;", nothing],
    [" v=1 ; retries=0", { ...nothing, retries: 0 }],
    ["v=1; retries=5", { ...nothing, retries: 5 }],
    ["v=1; retries=100000", { ...nothing, retries: 100 }],
    ["v=1; retries=-1", nothing],
    ["v=1; retries=many", nothing],
    ["v=1; need=history", { ...nothing, needsHistory: true }],
    ["v=1; need=more", nothing],
    ["v=1; warm=k9Yd; known=13", { ...nothing, kept: { warm: "k9Yd", known: 13 } }],
    ["v=1; warm=k9Yd", nothing],
    ["v=1; warm=k9Yd; known=0", nothing],
    ["v=1; warm=a,b; known=3", nothing],
    [`v=1; warm=${"a".repeat(65)}; known=3`, nothing],
    ["v=1; later=yes", nothing],
  ])("%s", (text, field) => {
    expect(parseAnswerField(text)).toEqual(field);
  });

  test.each([null, "", "v=2", "v=10", "retries=3", "1", `v=1; x=${"a".repeat(600)}`])(
    "%s is as good as none",
    (text) => {
      expect(parseAnswerField(text)).toBe(null);
    },
  );
});
