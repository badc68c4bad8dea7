import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createCodec } from "./encrypted-codec.ts";
import { type EncryptionKey, parseEncryptionKeys } from "./encrypted-keys.ts";

const place = { table: "steps", column: "body", key: 7 };
const first: EncryptionKey = { name: "a", bytes: new Uint8Array(32).fill(1) };
const second: EncryptionKey = { name: "b", bytes: new Uint8Array(32).fill(2) };

test("whatever is sealed is opened at its place, by whoever has its key", () => {
  const writer = createCodec([first], randomBytes);
  const reader = createCodec([second, first], randomBytes);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: "binary" }), (bytes, text) => {
      const opened = { type: "open", keyName: "a" };
      expect(reader.open(writer.seal(bytes, place), place)).toEqual({ ...opened, bytes });
      const found = reader.openText(writer.sealText(text, place), place);
      expect(found).toEqual({ ...opened, bytes: Uint8Array.from(Buffer.from(text)) });
    }),
  );
});

test("the same value is never written twice in the same way, and shows nowhere", () => {
  const codec = createCodec([first], randomBytes);
  const body = new TextEncoder().encode("canary canary canary");
  const sealed = Array.from({ length: 100 }, () => Buffer.from(codec.seal(body, place)));
  expect(new Set(sealed.map((each) => each.toString("latin1"))).size).toBe(100);
  for (const each of sealed) expect(each.includes("canary")).toBe(false);
});

test("a value at another place is not opened", () => {
  const codec = createCodec([first], randomBytes);
  const sealed = codec.seal(new Uint8Array([1]), place);
  const others = [
    { ...place, key: 8 },
    { ...place, column: "config" },
    { ...place, table: "envelopes" },
  ];
  for (const other of others) {
    expect(codec.open(sealed, other)).toEqual({ type: "damaged", keyName: "a" });
  }
});

test("every single bit counts", () => {
  const codec = createCodec([first], randomBytes);
  const sealed = codec.seal(new TextEncoder().encode("body"), place);
  for (let bit = 0; bit < sealed.byteLength * 8; bit += 1) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(codec.open(changed, place).type).not.toBe("open");
  }
  for (let length = 0; length < sealed.byteLength; length += 1) {
    expect(codec.open(sealed.subarray(0, length), place).type).not.toBe("open");
  }
});

test("another key of the same name and a missing key are two things", () => {
  const sealed = createCodec([first], randomBytes).seal(new Uint8Array(3), place);
  const wrong = createCodec([{ name: "a", bytes: second.bytes }], randomBytes);
  expect(wrong.open(sealed, place)).toEqual({ type: "damaged", keyName: "a" });
  const other = createCodec([second], randomBytes);
  expect(other.open(sealed, place)).toEqual({ type: "unknownKey", keyName: "a" });
});

test("the format is fixed: a value of an earlier release is opened", () => {
  const sealed = "n1LlAQFhBAQEBAQEBAQEBAQEBAQEBAUFBQUFBQUFBQUFBT2dZXJj1E/SKTtxsW7DUdIBQgoA";
  const fixed = (length: number) => new Uint8Array(length).fill(length === 16 ? 4 : 5);
  const made = Buffer.from(createCodec([first], fixed).seal(Buffer.from("body"), place));
  expect(made.toString("base64")).toBe(sealed);
});

test.each([
  ["a:AAAA", /REPRISE: key 1, a, must be the base64 of 32 bytes/],
  ["AAAA", /REPRISE: key 1 must be written name:base64/],
  [`a b:${"A".repeat(43)}=`, /must be written name:base64/],
  [`a:${"A".repeat(42)}!=`, /must be the base64/],
  [`a:${"A".repeat(43)}=,a:${"B".repeat(42)}A=`, /two keys with the name a/],
])("%s is refused, without its text", (text, message) => {
  const faults: string[] = [];
  parseEncryptionKeys(text, "REPRISE", faults);
  expect(faults.join()).toMatch(message);
  expect(faults.join()).not.toContain("AAA");
});

test("keys come in the order given, with commas or lines between", () => {
  const faults: string[] = [];
  const [a, b] = [first, second].map(({ bytes }) => Buffer.from(bytes).toString("base64"));
  expect(parseEncryptionKeys(` a:${a},\r\n b:${b}\n`, "REPRISE", faults)).toEqual([
    { name: "a", bytes: Buffer.from(first.bytes) },
    { name: "b", bytes: Buffer.from(second.bytes) },
  ]);
  expect(faults).toEqual([]);
});
