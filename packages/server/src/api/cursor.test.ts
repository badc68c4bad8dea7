import { isRepriseError } from "@reprise/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeCursor, encodeCursor } from "./cursor.ts";

const issuer = { endpoint: "dlq.resume", secret: new Uint8Array(32).fill(1) };
const anyNumbers = fc.array(fc.nat({ max: Number.MAX_SAFE_INTEGER }), {
  minLength: 1,
  maxLength: 4,
});

function codeOf(read: () => unknown): string | null {
  try {
    read();
    return null;
  } catch (error) {
    return isRepriseError(error) ? error.code : "no RepriseError";
  }
}

test("a cursor gives back what was put into it, and fits into a URL as it is", () =>
  fc.assert(
    fc.property(anyNumbers, (numbers) => {
      const cursor = encodeCursor(numbers, issuer);
      expect(decodeCursor(cursor, numbers.length, issuer)).toEqual(numbers);
      expect(encodeURIComponent(cursor)).toBe(cursor);
    }),
  ));

test("a cursor with any character changed is refused", () => {
  const cursor = encodeCursor([123_456, 7], issuer);
  for (let index = 0; index < cursor.length; index += 1) {
    for (const other of ["a", "Z", "0", "-", "."]) {
      if (cursor[index] === other) continue;
      const tampered = cursor.slice(0, index) + other + cursor.slice(index + 1);
      expect(
        codeOf(() => decodeCursor(tampered, 2, issuer)),
        tampered,
      ).toBe("invalid_cursor");
    }
  }
});

test("a cursor of another endpoint or another server is refused", () => {
  const cursor = encodeCursor([5], issuer);
  const elsewhere = { ...issuer, endpoint: "dlq.restart" };
  const foreign = { ...issuer, secret: new Uint8Array(32).fill(2) };
  expect(codeOf(() => decodeCursor(cursor, 1, issuer))).toBeNull();
  expect(codeOf(() => decodeCursor(cursor, 1, elsewhere))).toBe("invalid_cursor");
  expect(codeOf(() => decodeCursor(cursor, 1, foreign))).toBe("invalid_cursor");
  expect(codeOf(() => decodeCursor(cursor, 2, issuer))).toBe("invalid_cursor");
});

test("no text that was not issued is a cursor", () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.constantFrom(
          "",
          ".",
          "1",
          "'; drop table runs; --",
          "e30=",
          `5.${"A".repeat(22)}`,
          "9".repeat(10_000),
        ),
      ),
      (text) => {
        expect(codeOf(() => decodeCursor(text, 1, issuer))).toBe("invalid_cursor");
      },
    ),
  ));
