import { expect, test } from "vitest";
import { EMPTY_DRAFT, faultOf, toCurl, toRequest } from "./draft.ts";

test("an empty draft starts a run with nothing but its body", () => {
  expect(toRequest({ ...EMPTY_DRAFT, url: " https://app.example/a?b=c " })).toEqual({
    path: "/v2/trigger/https%3A%2F%2Fapp.example%2Fa%3Fb%3Dc",
    headers: { "Content-Type": "application/json" },
    body: "{}",
  });
});

test("everything that is given becomes a header", () => {
  const { path, headers } = toRequest({
    kind: "queue",
    queue: "mail/../x",
    url: "https://app.example",
    body: "plain {",
    retries: "0",
    delay: "10s",
    labels: "a, b",
    flowKey: "shop",
    flowValue: "parallelism=2",
    headers: "X-Tenant: acme: eu\nno header\n: empty",
  });
  expect(path).toBe("/v2/enqueue/mail%2F..%2Fx/https%3A%2F%2Fapp.example");
  expect(headers).toEqual({
    "Content-Type": "text/plain",
    "Upstash-Retries": "0",
    "Upstash-Delay": "10s",
    "Upstash-Label": "a, b",
    "Upstash-Flow-Control-Key": "shop",
    "Upstash-Flow-Control-Value": "parallelism=2",
    "Upstash-Forward-X-Tenant": "acme: eu",
  });
});

test("the command cannot be broken out of", () => {
  const text = toCurl(
    { ...EMPTY_DRAFT, url: "https://a.example/'; rm -rf ~", body: "it's $HOME" },
    "http://localhost:8080/",
  );
  expect(text).toContain("'it'\\''s $HOME'");
  expect(text).toContain("%3B%20rm%20-rf%20~");
  expect(text.split("\n")[0]).toBe(
    "curl -X POST 'http://localhost:8080/v2/trigger/https%3A%2F%2Fa.example%2F'\\''%3B%20rm%20-rf%20~' \\",
  );
});

test("a line of the headers that is none is told", () => {
  const faultIn = (headers: string) => faultOf({ ...EMPTY_DRAFT, headers });
  expect(faultIn("")).toBeNull();
  expect(faultIn("X-Tenant: acme\n\nX-Empty:")).toBeNull();
  expect(faultIn("X-Tenant: acme\nno header")).toBe(
    'line 2 of the headers must be a name, a colon and a value, got "no header"',
  );
  expect(faultIn(": empty")).toContain("line 1");
});
