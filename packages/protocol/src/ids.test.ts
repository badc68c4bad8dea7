import fc from "fast-check";
import { expect, test } from "vitest";
import {
  deadLetterId,
  deadLetterKey,
  isRunId,
  messageId,
  messageKey,
  newJwtId,
  newRunId,
  newSigningKey,
  parseRunId,
} from "./ids.ts";

const anyKey = fc.nat({ max: Number.MAX_SAFE_INTEGER });

test("a message id gives its key back", () => {
  fc.assert(
    fc.property(anyKey, (key) => {
      expect(messageKey(messageId(key))).toBe(key);
    }),
  );
  expect(messageKey(messageId(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER);
});

test("a text is a message id only if it is written as one", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^msg_[0-9a-zA-Z-]{0,14}$/)), (text) => {
      const key = messageKey(text);
      if (key !== null) expect(messageId(key)).toBe(text);
    }),
  );
  for (const text of [
    "",
    "msg_",
    "msg_01",
    "msg_A",
    "msg_ 1",
    "msg_1 ",
    "1",
    "xmsg_1",
    "msg_2gosa7pa2gw",
    "msg_zzzzzzzzzzz",
    "msg_1\n",
  ]) {
    expect(messageKey(text)).toBeNull();
  }
});

test("a key that is no safe integer makes no id", () => {
  for (const key of [-1, 1.5, 2 ** 53, Number.NaN])
    expect(() => messageId(key)).toThrow(/safe integer/);
});

test("a dead letter id gives instant and key back, and nothing else is one", () => {
  fc.assert(
    fc.property(anyKey, anyKey, (failedAt, key) => {
      expect(deadLetterKey(deadLetterId({ failedAt, key }))).toEqual({ failedAt, key });
    }),
  );
  for (const text of [
    "",
    "-",
    "1-",
    "-1",
    "01-1",
    "1-01",
    "1-1-1",
    "1-1\n",
    " 1-1",
    "a-1",
    "9999999999999999-1",
    "1725323658779",
  ]) {
    expect(deadLetterKey(text)).toBeNull();
  }
});

test("new ids have the documented shape and use every random byte", () => {
  const counting = (length: number) => Uint8Array.from({ length }, (_, index) => index * 11);
  const other = (length: number) => Uint8Array.from({ length }, (_, index) => index * 11 + 1);
  expect(newRunId(counting)).toMatch(/^wfr_[A-Za-z0-9_-]{21}$/);
  expect(newSigningKey(counting)).toMatch(/^sig_[A-Za-z0-9_-]{32}$/);
  expect(newJwtId(counting)).toMatch(/^jwt_[A-Za-z0-9_-]{21}$/);
  const [one, two] = [newRunId(counting).slice(4), newRunId(other).slice(4)];
  for (let index = 0; index < 21; index += 1) expect(one[index]).not.toBe(two[index]);
});

test("new run ids are run ids, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 21, maxLength: 21 }), (bytes) => {
      expect(isRunId(newRunId(() => bytes))).toBe(true);
    }),
  );
});

test("run ids have 1 to 128 letters, digits, dots, underscores and dashes", () => {
  for (const id of ["wfr_1", "a", "A.b-c_9", "x".repeat(128)]) expect(parseRunId(id)).toBe(id);
  for (const id of [
    "",
    "x".repeat(129),
    "a b",
    "a/b",
    "../x",
    ".",
    "..",
    "%2e",
    "ü",
    "a\n",
    "a,b",
    "\0",
  ]) {
    expect(isRunId(id)).toBe(false);
    expect(() => parseRunId(id)).toThrow(/^workflow run id must be 1 to 128 of/);
  }
});
