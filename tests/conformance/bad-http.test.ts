// Requests that no client would send, byte for byte, and requests without the right token.

import { expect, test } from "vitest";
import { type RawAnswer, sendRaw } from "./raw-http.ts";
import { useQuietWorld } from "./refusals.ts";
import { readRows } from "./snapshot.ts";

const world = useQuietWorld();

interface RawCase {
  readonly line: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly status: number;
  readonly names: RegExp;
}

/** Sends the requests one by one; each must be refused with an error that says why, and change no row. */
async function expectRefusals(cases: Readonly<Record<string, RawCase>>): Promise<void> {
  const before = await readRows(world.store);
  for (const [name, { line, headers = [], body = "", status, names }] of Object.entries(cases)) {
    const head = [`${line} HTTP/1.1`, ...headers, "", body].join("\r\n");
    const answer = await sendRaw(world.server.port, head);
    expect([name, answer.status, answer.body]).toEqual([name, status, answer.body]);
    expect([name, JSON.parse(answer.body)]).toEqual([
      name,
      { error: expect.stringMatching(names), code: expect.any(String) },
    ]);
    expect(answer.headers.get("content-type")).toBe("application/json");
  }
  expect(await readRows(world.store)).toEqual(before);
}

const host = () => `Host: 127.0.0.1:${world.server.port}`;
const token = () => `Authorization: Bearer ${world.server.token}`;

test("tokens that are missing, wrong, doubled or at odds with each other are refused with 401", async () => {
  const { token: text } = world.server;
  const line = "GET /v2/keys";
  const refused = { status: 401, names: /unable to authenticate/ };
  const withHeader = (value: string) => ({
    line,
    headers: [host(), `Authorization: ${value}`],
    ...refused,
  });
  const withQuery = (query: string, ...headers: readonly string[]) => ({
    ...{ line: `${line}?${query}`, headers: [host(), ...headers] },
    ...refused,
  });
  await expectRefusals({
    none: { line, headers: [host()], ...refused },
    empty: withHeader(""),
    "no token": withHeader("Bearer"),
    "another scheme": withHeader(`Basic ${text}`),
    "no scheme": withHeader(text),
    wrong: withHeader("Bearer wrong"),
    "one character more": withHeader(`Bearer ${text}x`),
    "the same length": withHeader(`Bearer ${"x".repeat(text.length)}`),
    "two tokens": withHeader(`Bearer ${text} ${text}`),
    "two kilobytes": withHeader(`Bearer ${"x".repeat(2_048)}`),
    "the header twice": { line, headers: [host(), token(), token()], ...refused },
    "the header twice, once wrong": {
      line,
      headers: [host(), token(), "authorization: Bearer wrong"],
      ...refused,
    },
    "wrong in the query": withQuery("qstash_token=wrong"),
    "empty in the query": withQuery("qstash_token="),
    "right in the header, wrong in the query": withQuery("qstash_token=wrong", token()),
    "twice in the query, once wrong": withQuery(`qstash_token=${text}&qstash_token=wrong`),
  });
});

test("without the token nobody learns which paths exist", async () => {
  const refused = { headers: [host()], status: 401, names: /unable to authenticate/ };
  await expectRefusals({
    unknown: { line: "GET /v2/secrets", ...refused },
    known: { line: "GET /v2/workflows/dlq", ...refused },
    method: { line: "PUT /v2/batch", ...refused },
  });
});

test("an answer never repeats a token that it was sent", async () => {
  const secret = "eyJzZWNyZXQiOiJzZWNyZXQifQ==";
  for (const line of [
    "GET /v2/keys",
    `GET /v2/keys?qstash_token=${secret}`,
    `POST /v2/trigger/ftp://a.test/?qstash_token=${secret}`,
  ]) {
    const headers = [host(), `Authorization: Bearer ${secret}`, "Content-Length: 0"];
    const answer = await sendRaw(
      world.server.port,
      [`${line} HTTP/1.1`, ...headers, "", ""].join("\r\n"),
    );
    expect(answer.status).toBe(401);
    expect(answer.body).not.toContain(secret);
  }
});

test("a scheme in lower case and more blanks are accepted", async () => {
  for (const value of [`bearer ${world.server.token}`, `BEARER   ${world.server.token}  `]) {
    const head = ["GET /v2/keys HTTP/1.1", host(), `Authorization: ${value}`, "", ""].join("\r\n");
    expect((await sendRaw(world.server.port, head)).status).toBe(200);
  }
});

test("a path with another method is 405 and says which are allowed, another path is 404", async () => {
  const headers = [host(), token(), "Content-Length: 0"];
  const lines = [
    ["GET /v2/batch", "POST"],
    ["DELETE /v2/trigger/http://a.test/", "POST"],
    ["POST /v2/keys", "GET"],
    ["GET /v2/keys/rotate", "POST"],
    ["PUT /v2/workflows/runs/wfr_live", "GET, DELETE"],
    ["POST /v2/workflows/runs", "DELETE"],
    ["PATCH /v2/workflows/dlq/1-2", "GET, DELETE"],
    ["GET /v2/workflows/dlq/callback/1-2", "POST, DELETE"],
    ["TRACE /v2/keys", "GET"],
  ] as const;
  for (const [line, allowed] of lines) {
    await expectRefusals({
      [line]: { line, headers, status: 405, names: new RegExp(`allowed: ${allowed}$`) },
    });
    const head = [`${line} HTTP/1.1`, ...headers, "", ""].join("\r\n");
    expect((await sendRaw(world.server.port, head)).headers.get("allow")).toBe(allowed);
  }
  const refused = { headers, status: 404, names: /nothing at/ };
  await expectRefusals({
    unknown: { line: "GET /v2/unknown", ...refused },
    dots: { line: "GET /v2/../v2/keys", ...refused },
    "two slashes": { line: "GET //v2/keys", ...refused },
    "another version": { line: "GET /v1/keys", ...refused },
  });
});

test("targets that are no path, or too long, are refused", async () => {
  const headers = [host(), token()];
  await expectRefusals({
    "absolute form": { line: "GET http://evil.test/v2/keys", headers, status: 400, names: /path/ },
    "17,000 characters": {
      line: `GET /v2/keys?${"a".repeat(17_000)}`,
      headers,
      status: 414,
      names: /16384/,
    },
    "bad percent-encoding": {
      line: "GET /v2/workflows/runs/%zz",
      headers,
      status: 400,
      names: /path must be percent-encoded/,
    },
    "an overlong encoding": {
      line: "GET /v2/workflows/runs/%c0%af",
      headers,
      status: 400,
      names: /path must be percent-encoded/,
    },
    "an encoded NUL": {
      line: "GET /v2/workflows/runs/a%00b",
      headers,
      status: 400,
      names: /control characters/,
    },
    "an encoded line break": {
      line: "GET /v2/unknown/a%0d%0ab",
      headers,
      status: 400,
      names: /control characters/,
    },
    "a byte that is no ASCII": {
      line: "GET /v2/workflows/runs/\xff",
      headers,
      status: 400,
      names: /not valid HTTP/,
    },
    "an encoded slash": {
      line: "GET /v2/workflows/runs/a%2Fb",
      headers,
      status: 400,
      names: /run id/,
    },
  });
});

test("headers that are doubled, too many or too large are refused", async () => {
  const trigger = "POST /v2/trigger/http://a.test/";
  const headers = [host(), token(), "Content-Length: 0"];
  await expectRefusals({
    "two hosts": {
      line: "GET /v2/keys",
      headers: [host(), ...headers],
      status: 400,
      names: /Host/,
    },
    "a foreign host": {
      line: "GET /v2/keys",
      headers: ["Host: evil.test", token()],
      status: 403,
      names: /Host/,
    },
    "a foreign origin": {
      line: "GET /v2/keys",
      headers: [...headers, "Origin: http://evil.test"],
      status: 403,
      names: /Origin/,
    },
    "two delays": {
      line: trigger,
      headers: [...headers, "Upstash-Delay: 1s", "Upstash-Delay: 2s"],
      status: 400,
      names: /Upstash-Delay/,
    },
    "two run ids": {
      ...{
        line: trigger,
        headers: [...headers, "Upstash-Workflow-RunId: a", "Upstash-Workflow-RunId: b"],
      },
      ...{ status: 400, names: /Runid must be given once/ },
    },
    "two equal ids of a duplicate": {
      line: "POST /v2/publish/http://a.test/",
      headers: [...headers, "Upstash-Deduplication-Id: a", "upstash-deduplication-id: a"],
      ...{ status: 400, names: /Deduplication-Id must be given once/ },
    },
    "1,500 headers": {
      line: "GET /v2/keys",
      headers: [...headers, ...Array.from({ length: 1_500 }, () => "a: b")],
      status: 431,
      names: /headers/,
    },
    "70 KB of headers": {
      line: "GET /v2/keys",
      headers: [...headers, `X: ${"x".repeat(70_000)}`],
      status: 431,
      names: /headers/,
    },
  });
});

test("bodies above the limit are refused before they are read, whatever announces them", async () => {
  const headers = [host(), token()];
  const trigger = "POST /v2/trigger/http://a.test/";
  const chunk = `${(1024 * 1024).toString(16)}\r\n${"x".repeat(1024 * 1024)}\r\n`;
  await expectRefusals({
    "a batch": {
      line: "POST /v2/batch",
      headers: [...headers, "Content-Length: 999999999"],
      body: "[]",
      status: 413,
      names: /104857600 bytes/,
    },
    "a payload": {
      line: trigger,
      headers: [...headers, "Content-Length: 10485761"],
      body: "x",
      status: 413,
      names: /10485760 bytes/,
    },
    "a result": {
      ...{
        line: "DELETE /v2/workflows/runs/wfr_live?cancel=false",
        headers: [...headers, "Content-Length: 10485761"],
      },
      ...{ body: "x", status: 413, names: /10485760 bytes/ },
    },
    "in chunks": {
      ...{
        line: trigger,
        headers: [...headers, "Transfer-Encoding: chunked"],
        body: chunk.repeat(11),
      },
      ...{ status: 413, names: /10485760 bytes/ },
    },
  });
});

test("what is no HTTP is refused by the parser, with an error like any other, and the connection closed", async () => {
  const lines: Readonly<Record<string, readonly string[]>> = {
    "two lengths": ["Content-Length: 2", "Content-Length: 3"],
    "one length twice": ["Content-Length: 2", "Content-Length: 2"],
    "a list of lengths": ["Content-Length: 2, 2"],
    "a length and chunks": ["Content-Length: 2", "Transfer-Encoding: chunked"],
    "chunks and a length": ["Transfer-Encoding: chunked", "Content-Length: 2"],
    "a signed length": ["Content-Length: +2"],
    "a negative length": ["Content-Length: -1"],
    "a length that is no number": ["Content-Length: 2x"],
    "an unknown coding": ["Transfer-Encoding: xchunked"],
    "chunks that are not the last coding": ["Transfer-Encoding: chunked, identity"],
    "NUL in a header": ["X: a\u0000b"],
    "a bare CR in a header": ["X: a\rb"],
    "a blank before the colon": ["X : b"],
    "a header without a name": [": b"],
    "a header without a colon": ["X"],
    "a folded header": ["X: a", " b"],
  };
  const bodies: Readonly<Record<string, string>> = {
    "a chunk whose size is no number": "zz\r\n[]\r\n0\r\n\r\n",
    "a chunk with a bare LF": "2\n[]\r\n0\r\n\r\n",
    "a chunk longer than it says": "1\r\n[]\r\n0\r\n\r\n",
    "a chunk of a size without bounds": `${"f".repeat(32)}\r\n[]`,
  };
  const before = await readRows(world.store);
  for (const [name, headers] of Object.entries(lines)) {
    const head = ["POST /v2/batch HTTP/1.1", host(), token(), ...headers, "", "[]"].join("\r\n");
    expectParserRefusal(name, await sendRaw(world.server.port, head));
  }
  for (const [name, body] of Object.entries(bodies)) {
    const head = ["POST /v2/batch HTTP/1.1", host(), token(), "Transfer-Encoding: chunked"];
    expectParserRefusal(name, await sendRaw(world.server.port, [...head, "", body].join("\r\n")));
  }
  expectParserRefusal(
    "another protocol",
    await sendRaw(world.server.port, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  );
  expectParserRefusal(
    "an unknown method",
    await sendRaw(world.server.port, `FOO / HTTP/1.1\r\n${host()}\r\n\r\n`),
  );
  expect(await readRows(world.store)).toEqual(before);
});

function expectParserRefusal(name: string, answer: RawAnswer): void {
  expect([name, answer.status]).toEqual([name, 400]);
  expect(JSON.parse(answer.body)).toEqual({
    error: "the request is not valid HTTP/1.1",
    code: "invalid_request",
  });
  expect(answer.headers.get("connection")).toBe("close");
}
