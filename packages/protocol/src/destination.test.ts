import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDestination, parseHttpUrl } from "./destination.ts";
import { isRepriseError } from "./errors.ts";

function urlOf(raw: string): string {
  const destination = parseDestination(raw);
  if (destination.kind !== "url") throw new Error(`${raw} is a ${destination.kind}`);
  return destination.url;
}

test.each([
  "https://example.com",
  "https://example.com/",
  "https://example.com/a//b",
  "https://example.com/a%20b/%C3%BC?x=1&y=a%20b",
  "https://example.com/p?next=https%3A%2F%2Fx.y%2F",
  "https://example.com/?a&&b=&=c",
  "https://example.com?",
  "http://[::1]:3000/x",
  "http://localhost:3000/api/wf",
  "http://my_app:3000/x",
  "HTTP://Example.COM/X",
  "http://example.com./x",
  "http://x:1/",
  "http://x:65535/",
  `http://${"a".repeat(63)}.com/`,
  `http://${"abcdefg.".repeat(31)}abcde/`,
  "https://bücher.example/ü",
])("the destination %s keeps its text", (url) => {
  expect(urlOf(url)).toBe(url);
});

test("a slash lost to a proxy is put back, and a fragment is dropped", () => {
  expect(urlOf("https:/example.com/p")).toBe("https://example.com/p");
  expect(urlOf("https://example.com/p?a=1#frag")).toBe("https://example.com/p?a=1");
});

test("a URL that is encoded as a whole is decoded once", () => {
  expect(urlOf("https%3A%2F%2Fexample.com%2Fp%3Fa%3D%2520b")).toBe("https://example.com/p?a=%20b");
  const both = parseDestination("https%3A%2F%2Fexample.com%2Fp%3Fa%3D1?upstash-retries=2&b=3");
  expect(both).toMatchObject({
    url: "https://example.com/p?a=1&b=3",
    config: { headers: { "upstash-retries": "2" } },
  });
  expect(() => parseDestination("https%3A%2F%2Fexample.com%2F%zz")).toThrow(/percent-encoding/);
});

test("configuration leaves the query, and the rest keeps bytes and order", () => {
  const raw =
    "https://example.com/p?b=%2F&upstash-delay=10s&a=1&qstash_token=t%2Bx%3D&upstash-forward-x=a+b&c";
  expect(parseDestination(raw)).toEqual({
    kind: "url",
    url: "https://example.com/p?b=%2F&a=1&c",
    config: { token: "t+x=", headers: { "upstash-delay": "10s", "upstash-forward-x": "a b" } },
  });
});

test("a query of configuration alone leaves no question mark", () => {
  expect(urlOf("https://example.com/p?qstash_token=t")).toBe("https://example.com/p");
});

test("the token does not reach the destination under an encoded name", () => {
  expect(parseDestination("https://example.com/?qstash%5Ftoken=t&a=1")).toMatchObject({
    url: "https://example.com/?a=1",
    config: { token: "t" },
  });
});

test("configuration given twice or badly encoded is refused", () => {
  expect(() => parseDestination("https://e.com?qstash_token=a&qstash_token=b")).toThrow(
    /"qstash_token" must be given once/,
  );
  expect(() => parseDestination("https://e.com?upstash-delay=%zz")).toThrow(
    /"upstash-delay" must be valid percent-encoding/,
  );
  expect(() => parseDestination("https://e.com?upstash-forward-x=a%0d%0ab")).toThrow(
    /control character/,
  );
});

test("a name is a URL group", () => {
  expect(parseDestination("my-group_1.x?upstash-delay=1s")).toEqual({
    kind: "urlGroup",
    name: "my-group_1.x",
    config: { token: null, headers: { "upstash-delay": "1s" } },
  });
});

test("the query of a URL group is nobody's", () => {
  expect(parseDestination("my-group?x=1&upstash-delay=1s&y")).toMatchObject({
    kind: "urlGroup",
    name: "my-group",
    config: { headers: { "upstash-delay": "1s" } },
  });
});

test.each([
  ["", /non-empty destination/],
  ["?upstash-delay=1s", /non-empty destination/],
  ["ftp://example.com", /invalid scheme, add http:\/\/ or https:\/\//],
  ["file:///etc/passwd", /invalid scheme/],
  ["javascript:alert(1)", /invalid scheme/],
  ["example.com/path", /invalid scheme/],
  ["a b", /invalid scheme/],
  ["..", /invalid scheme/],
  ["x".repeat(129), /invalid scheme/],
  ["api/llm", /api\/ are not offered/],
  ["http:", /no host/],
  ["http:127.0.0.1", /no host/],
  ["http:///127.0.0.1", /no host/],
  ["http://", /no host/],
  ["http://?x", /no host/],
  ["http:/\\127.0.0.1", /backslash/],
  ["http://evil.com\\@127.0.0.1/", /backslash/],
  ["http://ex\tample.com", /control character/],
  ["ht\ntp://x", /invalid scheme/],
  ["http://x/\r\nHost: y", /control character/],
  ["http://x/a b", /space/],
  ["http://x/\ud800", /percent-encode/],
  ["http://user:pw@host/", /user name or password/],
  ["http://user@host/", /user name or password/],
  ["http://x:0/", /port must be 1 to 65535, got "0"/],
  ["http://x:99999/", /port/],
  ["http://x:/", /port/],
  ["http://x:8o80/", /port/],
  ["http://a..b/", /valid host/],
  ["http://-a.com/", /valid host/],
  [`http://${"a".repeat(64)}.com/`, /valid host/],
  [`http://${"abcdefg.".repeat(31)}abcdef/`, /valid host/],
  ["http://x:65536/", /port/],
  ["http://[::1/", /valid host|port/],
  ["http://a%00b/", /valid host/],
  [`http://x/${"a".repeat(8192)}`, /longer than 8192 bytes/],
])("the destination %j is refused with its fault named", (raw, fault) => {
  expect(() => parseDestination(raw)).toThrow(fault);
});

test("credentials in a URL are not repeated in the refusal", () => {
  expect.assertions(1);
  try {
    parseDestination("http://user:secret@host/");
  } catch (error) {
    expect(String(error)).not.toContain("secret");
  }
});

test("a callback URL is checked under its own name and keeps its query", () => {
  expect(parseHttpUrl("https://x/cb?upstash-delay=1", "Upstash-Callback")).toBe(
    "https://x/cb?upstash-delay=1",
  );
  expect(() => parseHttpUrl("my-group", "Upstash-Callback")).toThrow(
    /^invalid Upstash-Callback url: /,
  );
});

const anyRaw = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.stringMatching(/^https?:\/{0,3}[a-z0-9.:@[\]%\\?&=#-]{0,30}$/),
  fc.webUrl({ withQueryParameters: true, withFragments: true }),
);

test("any text is a destination or refused, and a URL that passes can be requested", () => {
  fc.assert(
    fc.property(anyRaw, (raw) => {
      try {
        const destination = parseDestination(raw);
        if (destination.kind === "urlGroup") return;
        const { protocol, hostname, username, hash } = new URL(destination.url);
        expect(["http:", "https:"]).toContain(protocol);
        expect([hostname === "", username, hash]).toEqual([false, "", ""]);
        // What was stored is accepted again, unchanged.
        expect(urlOf(destination.url)).toBe(destination.url);
      } catch (error) {
        expect(isRepriseError(error) && error.status).toBe(400);
      }
    }),
    { numRuns: 500 },
  );
});
