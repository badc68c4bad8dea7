// Destinations that no message can be sent to, wherever one is given: refused by name, and nothing is stored.

import { expect, test } from "vitest";
import { sendRaw } from "./raw-http.ts";
import { type Case, expectRefusals } from "./refusals.ts";
import { countWritten } from "./snapshot.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const SCHEME = /must start|invalid scheme, add http:\/\/ or https:\/\//;

/** A destination, and what the refusal says of it. */
const BAD: readonly (readonly [destination: string, names: RegExp])[] = [
  ["ftp://a.test/x", SCHEME],
  ["file:///etc/passwd", SCHEME],
  ["gopher://a.test", SCHEME],
  ["javascript:alert(1)", SCHEME],
  ["ws://a.test", SCHEME],
  ["data:text/plain,x", SCHEME],
  ["mailto:a@a.test", SCHEME],
  ["//a.test/x", SCHEME],
  ["a.test/x", SCHEME],
  ["localhost:3000", SCHEME],
  ["httpx://a.test", SCHEME],
  ["http//a.test", SCHEME],
  ["http:a.test", /no host after the two slashes|host/],
  ["http:127.0.0.1", /host/],
  ["http:///127.0.0.1", /no host/],
  ["http://", /no host/],
  ["http://?x", /no host/],
  ["https:/", /no host|host/],
  ["http:/\\127.0.0.1", /backslash/],
  ["http://evil.test\\@127.0.0.1/", /backslash/],
  ["http://127.0.0.1:80\\@evil.test/", /backslash/],
  ["http://a.test/a b", /space/],
  ["http://a b.test/", /space/],
  ["ht\ntp://a.test", /scheme|control character/],
  ["http://ex\tample.test/", /control character/],
  ["http://a.test/\r\nHost: b.test", /control character/],
  ["http://a.test/\u0000", /control character/],
  ["http://a.test/\u007f", /control character/],
  ["http://a.test/\ud800", /character/],
  ["http://user:secret@a.test/", /user name or password.*Upstash-Forward-Authorization/],
  ["http://user@a.test/", /user name or password/],
  ["http://@a.test/", /user name or password/],
  ["https://a.test:0/", /port must be 1 to 65535/],
  ["https://a.test:65536/", /port must be 1 to 65535/],
  ["https://a.test:99999/", /port must be 1 to 65535/],
  ["https://a.test:/", /port must be 1 to 65535/],
  ["https://a.test:8a/", /port must be 1 to 65535/],
  ["https://a.test:-1/", /port must be 1 to 65535/],
  ["http://a..test/", /not a valid host/],
  ["http://.a.test/", /not a valid host/],
  ["http://-a.test/", /not a valid host/],
  [`http://${"a".repeat(64)}.test/`, /not a valid host/],
  [`http://${"a.".repeat(127)}test/`, /not a valid host/],
  ["http://[::1/", /not a valid host/],
  ["http://[::g]/", /not a valid host/],
  ["http://1.2.3.256/", /not a valid host/],
  ["http://0x1ffffffff/", /not a valid host/],
  ["http://a%00b.test/", /not a valid host/],
  ["http://a%2fb.test/", /not a valid host/],
  ["http://a<b>.test/", /not a valid host/],
  [`http://a.test/${"x".repeat(8_200)}`, /longer than 8192 bytes/],
];

const shown = (text: string): string => JSON.stringify(text.slice(0, 50));

test("in a batch", async () => {
  const cases: Record<string, Case> = {};
  for (const [destination, names] of BAD) {
    const item = { destination, headers: { "upstash-delay": "1h" } };
    cases[shown(destination)] = {
      path: "/v2/batch",
      options: { body: JSON.stringify([item]) },
      status: 400,
      names,
    };
  }
  const wrongTypes = [null, 1, true, [], {}, undefined];
  for (const destination of wrongTypes) {
    cases[`the value ${JSON.stringify(destination)}`] = {
      path: "/v2/batch",
      options: { body: JSON.stringify([{ destination }]) },
      status: 400,
      names: /item 0: .*destination/,
    };
  }
  cases.empty = {
    path: "/v2/batch",
    options: { body: JSON.stringify([{ destination: "" }]) },
    status: 400,
    names: /item 0: a non-empty destination must be provided/,
  };
  await expectRefusals(world, cases);
});

test.each(["Upstash-Callback", "Upstash-Failure-Callback"])("as %s", async (name) => {
  const cases: Record<string, Case> = {};
  for (const [url, names] of [...BAD, ["group", SCHEME], ["", SCHEME]] as const) {
    const item = {
      destination: "https://a.test",
      headers: { "upstash-delay": "1h", [name.toLowerCase()]: url },
    };
    // What no header can hold is refused as a header.
    const isHeader = /^[\t\x20-\x7e\x80-\xff]*$/.test(url);
    cases[shown(url)] = {
      path: "/v2/batch",
      options: { body: JSON.stringify([item]) },
      status: 400,
      names: isHeader ? names : new RegExp(`header ${name.toLowerCase()}`),
    };
  }
  await expectRefusals(world, cases);
});

test.each(["/v2/publish/", "/v2/enqueue/q/"])("behind %s, as raw text", async (prefix) => {
  const rowsWritten = await countWritten(world.store);
  const { port } = world.server;
  for (const [destination] of BAD) {
    // What a request line cannot hold never arrives.
    if (/[^!-~]/.test(destination)) continue;
    const lines = [`POST ${prefix}${destination} HTTP/1.1`, `host: 127.0.0.1:${port}`];
    const rest = [`authorization: Bearer ${world.token}`, "content-length: 0", "", ""];
    const answer = await sendRaw(port, [...lines, ...rest].join("\r\n"));
    expect([destination, answer.status, answer.body]).toEqual([
      ...[destination, 400, expect.stringMatching(/^\{"error":"[^\n]+","code":"[a-z_]+"\}$/)],
    ]);
  }
  expect(await countWritten(world.store)).toBe(rowsWritten);
});

test("names that are none, groups that do not exist, and nothing at all", async () => {
  const post = (path: string, status: number, names: RegExp): Case => ({ path, status, names });
  await expectRefusals(world, {
    nothing: post("/v2/publish/", 400, /a non-empty destination must be provided/),
    "nothing but configuration": post("/v2/publish/?upstash-retries=1", 400, /non-empty/),
    "nothing behind a queue": post("/v2/enqueue/q/", 400, /non-empty/),
    "nothing behind a queue, without a slash": post("/v2/enqueue/q", 400, /non-empty/),
    "a group that does not exist": post("/v2/publish/nobody", 404, /topic nobody not found/),
    "one behind a queue": post("/v2/enqueue/q/nobody", 404, /topic nobody not found/),
    "a name with a blank": post("/v2/publish/no%20body", 400, SCHEME),
    "a name of 129 characters": post(`/v2/publish/${"n".repeat(129)}`, 400, SCHEME),
    "a name that looks like another one": post("/v2/publish/gr%D0%BEup", 400, SCHEME),
    "a name with a path": post("/v2/publish/group/pause", 400, SCHEME),
    "the retired LLM": post("/v2/publish/api/llm", 400, /api\/ are not offered.*URL/),
    "encoded, with a broken escape": post("/v2/publish/https%3A%2F%2Fa.test%zz", 400, /encoding/),
    "encoded twice": post("/v2/publish/https%253A%252F%252Fa.test", 400, SCHEME),
    "a queue without a name": post("/v2/enqueue//https://a.test", 400, /queue/),
    "a queue with a blank": post("/v2/enqueue/a%20b/https://a.test", 400, /queue/),
    "a queue of 129 characters": post(
      `/v2/enqueue/${"q".repeat(129)}/https://a.test`,
      400,
      /queue/,
    ),
    "a queue with a bad name": post("/v2/enqueue/q:1/https://a.test", 400, /queue/),
  });
});

test("configuration in the query is checked like headers", async () => {
  const cases: Record<string, Case> = {};
  const bad = (query: string, names: RegExp): void => {
    cases[query] = { path: `/v2/publish/https://a.test/?${query}`, status: 400, names };
  };
  bad("upstash-retries=x", /Upstash-Retries/);
  bad("upstash-retries", /Upstash-Retries/);
  bad("upstash-delay=soon", /Upstash-Delay/);
  bad("upstash-delay=1s&upstash-delay=2s", /"upstash-delay" must be given once/);
  bad("upstash-label=%zz", /"upstash-label" must be valid percent-encoding/);
  bad("upstash-forward-x=a%0d%0ab", /header upstash-forward-x has a control character/);
  bad("upstash-forward-x=%E6%BC%A2", /header upstash-forward-x .*U\+00FF/);
  bad("upstash-forward-a%20b=1", /header name/);
  bad("upstash-forward-=1", /header name/);
  bad("upstash-callback=nowhere", /Upstash-Callback/);
  bad("upstash-cron=soon", /cron/i);
  await expectRefusals(world, cases);
});
