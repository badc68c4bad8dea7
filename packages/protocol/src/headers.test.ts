import fc from "fast-check";
import { expect, test } from "vitest";
import {
  CALLBACK_PREFIX,
  callbackHeaders,
  canonicalHeaderName,
  checkHeaders,
  FAILURE_CALLBACK_PREFIX,
  FORWARD_PREFIX,
  flatHeaders,
  flatHeadersFromRaw,
  flatHeadersFromRecord,
  HEADER,
  isForwardable,
  isHeaderName,
  isHeaderValue,
  isPersistable,
  mergeHeaders,
  prefixedHeaders,
  quoted,
  toHeaderMap,
} from "./headers.ts";

test("header names are canonical in answers and lower case inside", () => {
  expect(canonicalHeaderName("upstash-workflow-runId")).toBe("Upstash-Workflow-Runid");
  expect(canonicalHeaderName("GET-HEADER")).toBe("Get-Header");
  expect(canonicalHeaderName("x--y")).toBe("X--Y");
  for (const name of Object.values(HEADER)) expect(name).toBe(name.toLowerCase());
});

test("making a name canonical twice changes nothing, and its lower case is the name's", () => {
  fc.assert(
    fc.property(fc.string(), (name) => {
      const once = canonicalHeaderName(name);
      expect(canonicalHeaderName(once)).toBe(once);
      expect(once.toLowerCase()).toBe(name.toLowerCase());
    }),
  );
});

test("repeated headers of a request are joined, in any spelling", () => {
  expect(
    flatHeaders([
      ["A", "1"],
      ["a", "2"],
      ["B", ""],
    ]),
  ).toEqual({ a: "1, 2", b: "" });
  expect(flatHeadersFromRaw(["A", "1", "a", "2", "B", ""])).toEqual({ a: "1, 2", b: "" });
});

test("a name given twice in a JSON map with one value keeps that value", () => {
  const headers = flatHeadersFromRecord({
    "Upstash-Workflow-RunId": ["wfr_1"],
    "Upstash-Workflow-Runid": ["wfr_1"],
    "content-type": "text/plain",
    absent: null,
    empty: [],
  });
  expect(headers).toEqual({ "upstash-workflow-runid": "wfr_1", "content-type": "text/plain" });
});

test("different values of one name in a JSON map are joined", () => {
  expect(flatHeadersFromRecord({ A: "1", a: ["2", "3"] })).toEqual({ a: "1, 2, 3" });
});

test("a JSON header that is no text is refused by name", () => {
  for (const value of [1, true, {}, [1], [["a"]]]) {
    expect(() => flatHeadersFromRecord({ "X-Bad": value })).toThrow(/"X-Bad" must be a text/);
  }
});

test("a header named __proto__ is a header like any other", () => {
  // The text is a JSON object.
  const raw = JSON.parse('{"__proto__":"a","constructor":"b"}') as Record<string, unknown>;
  const headers = flatHeadersFromRecord(raw);
  expect(Object.keys(headers)).toEqual(["__proto__", "constructor"]);
  expect(Object.keys(toHeaderMap(headers))).toEqual(["__proto__", "Constructor"]);
  expect(flatHeaders([]).constructor).toBeUndefined();
});

test("a header map has canonical names and lists, merged over spellings", () => {
  expect(
    toHeaderMap({ "get-header": "1", "X-A": ["1", "2"], "x-a": "2", "x-none": undefined }),
  ).toEqual({
    "Get-Header": ["1"],
    "X-A": ["1", "2"],
  });
  expect(
    toHeaderMap([
      ["set-cookie", "a"],
      ["Set-Cookie", "b"],
    ]),
  ).toEqual({ "Set-Cookie": ["a", "b"] });
});

test("exactly one prefix is stripped", () => {
  const headers = flatHeaders([
    ["upstash-forward-upstash-forward-x", "1"],
    ["upstash-forward-authorization", "2"],
    ["upstash-callback-forward-y", "3"],
    ["upstash-forwarded", "4"],
  ]);
  expect(prefixedHeaders(headers, FORWARD_PREFIX)).toEqual({
    "upstash-forward-x": "1",
    authorization: "2",
  });
});

test("the header set of a callback is that of a message, and the rule applies twice", () => {
  const headers = flatHeaders([
    ["upstash-retries", "1"],
    ["upstash-callback", "https://c"],
    ["upstash-callback-workflow-runid", "wfr_1"],
    ["upstash-callback-forward-x", "v"],
    ["upstash-callback-failure-callback-retries", "2"],
    ["upstash-failure-callback-retries", "3"],
  ]);
  const callback = callbackHeaders(headers, CALLBACK_PREFIX);
  expect(callback).toEqual({
    "upstash-workflow-runid": "wfr_1",
    "upstash-forward-x": "v",
    "upstash-failure-callback-retries": "2",
  });
  expect(callbackHeaders(callback, FAILURE_CALLBACK_PREFIX)).toEqual({ "upstash-retries": "2" });
  expect(callbackHeaders(headers, FAILURE_CALLBACK_PREFIX)).toEqual({ "upstash-retries": "3" });
});

test("a later header set wins name by name", () => {
  expect(mergeHeaders({ a: "1", b: "1" }, { b: "2" })).toEqual({ a: "1", b: "2" });
});

test("connection headers, forged server headers and telemetry are not forwarded", () => {
  const dropped = [
    "host",
    "content-length",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "proxy-authorization",
    "proxy-x",
    "accept-encoding",
    "upstash-signature",
    "upstash-message-id",
    "upstash-retried",
    "upstash-caller-ip",
    "upstash-schedule-id",
    "upstash-topic-name",
    "upstash-region",
    "upstash-telemetry-sdk",
  ];
  expect(dropped.filter(isForwardable)).toEqual([]);
});

test("user headers and the workflow headers of one message are forwarded, but only the former persist", () => {
  const user = [
    "authorization",
    "x-forwarded-for",
    "user-agent",
    "upstash-label",
    "hosted",
    "teapot",
  ];
  const workflow = ["upstash-workflow-sdk-version", "upstash-workflow-unknown-sdk"];
  expect([...user, ...workflow].filter((name) => !isForwardable(name))).toEqual([]);
  expect([...user, ...workflow].filter(isPersistable)).toEqual(user);
  expect(isPersistable("host")).toBe(false);
});

test("values with control characters or above U+00FF are refused, all others pass", () => {
  for (const value of ["a\r\nb", "a\nb", "\0", "\x7f", "\u0100", "😀", "\x1b"]) {
    expect(isHeaderValue(value)).toBe(false);
    expect(() => checkHeaders({ "x-a": value })).toThrow(/header x-a has a control character/);
  }
  for (const value of ["", "a\tb", "ü", "~", " x "]) expect(isHeaderValue(value)).toBe(true);
});

test("names are tokens", () => {
  for (const name of ["", "a b", "a:b", "ü", "a\n", "a\r\nb", "(x)"]) {
    expect(isHeaderName(name)).toBe(false);
    expect(() => checkHeaders({ [name]: "v" })).toThrow(/header name .* is not allowed/);
  }
  expect(isHeaderName("X-a_1.b")).toBe(true);
});

test("whatever passes the header check can be put into a Headers object", () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: "binary" }), (name, value) => {
      if (isHeaderName(name) && isHeaderValue(value)) new Headers([[name, value]]);
    }),
  );
});

test("text of the caller is shortened and escaped in messages", () => {
  expect(quoted("a\nb")).toBe('"a\\nb"');
  expect(quoted("x".repeat(1000)).length).toBeLessThan(90);
});
