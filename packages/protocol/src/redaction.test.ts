import { expect, test } from "vitest";
import { isHeaderRedacted, parseRedaction, redactedText } from "./redaction.ts";

test("both spellings of the header item are understood", () => {
  expect(parseRedaction("body")).toEqual({ isBodyRedacted: true, headers: [] });
  expect(parseRedaction("header")).toEqual({ isBodyRedacted: false, headers: "all" });
  expect(parseRedaction("headers, header[X-A]")).toEqual({ isBodyRedacted: false, headers: "all" });
  expect(parseRedaction("headers[X-A] , header[x-b],header[x-a]")).toEqual({
    isBodyRedacted: false,
    headers: ["x-a", "x-b"],
  });
});

test("at most 64 items are taken", () => {
  expect(parseRedaction(Array(64).fill("body").join())).toMatchObject({ isBodyRedacted: true });
  expect(() => parseRedaction(Array(65).fill("body").join())).toThrow("at most 64 items, got 65");
});

test("a header is hidden when it is named, or all are", () => {
  expect(isHeaderRedacted(null, "A")).toBe(false);
  expect(isHeaderRedacted(parseRedaction("body"), "A")).toBe(false);
  expect(isHeaderRedacted(parseRedaction("header"), "A")).toBe(true);
  expect(isHeaderRedacted(parseRedaction("header[authorization]"), "Authorization")).toBe(true);
  expect(isHeaderRedacted(parseRedaction("header[authorization]"), "X")).toBe(false);
});

test("a hidden value shows its hash", () => {
  expect(redactedText("abc")).toBe("REDACTED:abc");
});
