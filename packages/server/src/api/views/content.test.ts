import { hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Lens,
  labelFields,
  readJson,
  storedHeaders,
  viewBody,
  viewHeaders,
  viewText,
  withoutAbsent,
} from "./content.ts";

const open: Lens = { redaction: null, bodyBytesMax: null };
const hidden: Lens = { redaction: { isBodyRedacted: true, headers: "all" }, bodyBytesMax: null };
const bytes = (text: string) => new TextEncoder().encode(text);

describe("a body", () => {
  test("is text when it is UTF-8, byte order mark and all, and base64 when it is not", () => {
    expect(viewBody(bytes("grün"), open)).toEqual({ text: "grün", base64: null });
    expect(viewBody(bytes("\ufeffx"), open)).toEqual({ text: "\ufeffx", base64: null });
    expect(viewBody(new Uint8Array(), open)).toEqual({ text: "", base64: null });
    expect(viewBody(new Uint8Array([0xff]), open)).toEqual({ text: null, base64: "/w==" });
    expect(viewBody(null, open)).toEqual({ text: null, base64: null });
  });

  test("loses no byte", () =>
    fc.assert(
      fc.property(fc.uint8Array(), (content) => {
        const { text, base64 } = viewBody(content, open);
        const kept = text === null ? Buffer.from(base64 ?? "", "base64") : Buffer.from(text);
        expect([...kept]).toEqual([...content]);
      }),
    ));

  test("is hidden behind the hash of its bytes", () => {
    const expected = `REDACTED:${hash("sha256", "secret", "hex")}`;
    expect(viewBody(bytes("secret"), hidden).text).toBe(expected);
    expect(viewText(bytes("secret"), hidden)).toBe(expected);
    expect(viewText("secret", hidden)).toBe(expected);
  });

  test("is cut to whole characters of at most so many bytes", () =>
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), fc.nat({ max: 40 }), (text, bytesMax) => {
        const cut = viewText(text, { ...open, bodyBytesMax: bytesMax }) ?? "";
        expect(text.startsWith(cut)).toBe(true);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(bytesMax);
        // A character has at most four bytes, so no more than three may be lost.
        const lost = Math.min(bytesMax, Buffer.byteLength(text)) - Buffer.byteLength(cut);
        expect(lost).toBeLessThanOrEqual(3);
      }),
    ));

  test("is left out when nothing of it is asked for", () => {
    expect(viewText("x", { ...open, bodyBytesMax: -1 })).toBeUndefined();
    expect(viewText(null, open)).toBeUndefined();
  });
});

describe("headers", () => {
  test("have canonical names and lists", () => {
    expect(viewHeaders({ "x-a": ["1", "2"], "upstash-workflow-runid": "r" }, open)).toEqual({
      "X-A": ["1", "2"],
      "Upstash-Workflow-Runid": ["r"],
    });
  });

  test("are hidden one by one or all", () => {
    const named: Lens = {
      redaction: { isBodyRedacted: false, headers: ["x-a"] },
      bodyBytesMax: null,
    };
    const redacted = `REDACTED:${hash("sha256", "1", "hex")}`;
    expect(viewHeaders({ "x-a": "1", "x-b": "2" }, named)).toEqual({
      "X-A": [redacted],
      "X-B": ["2"],
    });
    expect(viewHeaders({ "x-a": "1" }, hidden)).toEqual({ "X-A": [redacted] });
  });

  test.each([null, "", "{", "[]", "5", "null", '"x"'])(
    "of an unreadable column (%s) are none",
    (json) => {
      expect(storedHeaders(json)).toEqual({});
    },
  );

  test("that are no text are left out", () => {
    expect(storedHeaders('{"a":"1","b":["2",3],"c":4,"d":null}')).toEqual({ a: "1", b: ["2"] });
  });
});

test("labels of a run appear as a list and as the first of them", () => {
  expect(labelFields(",a,b,")).toEqual({ label: "a", labels: ["a", "b"] });
  expect(labelFields(null)).toEqual({});
  expect(labelFields(",,")).toEqual({});
});

test("an unreadable JSON column is null", () => {
  expect(readJson("{broken")).toBeNull();
  expect(readJson('{"a":1}')).toEqual({ a: 1 });
});

test("absent fields are left out; false, 0 and empty texts are values", () => {
  interface Fields {
    readonly a?: number;
    readonly b?: string;
    readonly c: boolean;
  }
  expect(withoutAbsent<Fields>({ a: undefined, b: "", c: false })).toEqual({ b: "", c: false });
  expect(Object.keys(withoutAbsent<Fields>({ a: 0, b: undefined, c: true }))).toEqual(["a", "c"]);
});
