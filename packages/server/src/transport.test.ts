import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { devServerConfig } from "./config.ts";
import { sendRaw } from "./http-app.suite.ts";
import { type RunningServer, startServer } from "./main.ts";

/** What comes over a socket and is no request of a client: it is answered in the one form of errors, and changes nothing. */

let server: RunningServer;
let lines: string[];

beforeAll(async () => {
  lines = [];
  const config = { ...devServerConfig({ port: 0, dataDir: ":memory:" }), bodyBytesMax: 2_000 };
  server = await startServer(config, { writeLine: (line) => lines.push(line) });
});

afterAll(() => server.close());

interface Answer {
  readonly status: number;
  readonly code: string | null;
  readonly error: string;
}

async function send(head: readonly string[], body = ""): Promise<Answer> {
  const received = await sendRaw(server.port, `${head.join("\r\n")}\r\n\r\n${body}`);
  const [top = "", text = ""] = received.split("\r\n\r\n");
  const json = /\{.*\}/s.exec(text)?.[0];
  const { code = null, error = "" } = json === undefined ? {} : JSON.parse(json);
  return { status: Number(top.split(" ")[1]), code, error };
}

const authorization = () => `Authorization: Bearer ${server.token}`;
const host = () => `Host: 127.0.0.1:${server.port}`;
/** The last request of its connection. */
const last = "Connection: close";

const get = (target: string, ...headers: readonly string[]) =>
  send([`GET ${target} HTTP/1.1`, host(), last, ...headers]);

const post = (target: string, headers: readonly string[], body = "") =>
  send([`POST ${target} HTTP/1.1`, host(), last, authorization(), ...headers], body);

describe("the token", () => {
  test("opens the door once", async () => {
    expect(await get("/v2/keys", authorization())).toMatchObject({ status: 200 });
    expect(await get(`/v2/keys?qstash_token=${server.token}`)).toMatchObject({ status: 200 });
  });

  test("in two headers does not, although each is right", async () => {
    expect(await get("/v2/keys", authorization(), authorization())).toMatchObject({
      status: 401,
      code: "unauthorized",
    });
    expect(await get("/v2/keys", "Authorization: Bearer x", authorization())).toMatchObject({
      status: 401,
    });
  });

  test("missing, wrong, or different in its two places does not", async () => {
    expect(await get("/v2/keys")).toMatchObject({ status: 401 });
    expect(await get("/v2/keys", "Authorization: Bearer x")).toMatchObject({ status: 401 });
    expect(await get("/v2/keys?qstash_token=x", authorization())).toMatchObject({ status: 401 });
  });
});

describe("the target", () => {
  test("in absolute form reaches no route", async () => {
    const target = `http://127.0.0.1:${server.port}/v2/keys`;
    expect(await get(target, authorization())).toMatchObject({
      status: 400,
      code: "invalid_request",
    });
    expect(await get(target)).toMatchObject({ status: 400 });
  });

  test("that is too long is answered with 414", async () => {
    expect(await get(`/v2/keys?${"x".repeat(20_000)}`, authorization())).toMatchObject({
      status: 414,
      code: "uri_too_long",
    });
  });

  test("with another method is answered with 405", async () => {
    expect(await post("/v2/keys", ["Content-Length: 0"])).toMatchObject({
      status: 405,
      code: "method_not_allowed",
    });
  });
});

describe("headers", () => {
  test("as many as would be dropped are answered with 431", async () => {
    const many = Array.from({ length: 1_100 }, (_, index) => `x-${index}: 1`);
    expect(await get("/v2/keys", authorization(), ...many)).toMatchObject({
      status: 431,
      code: "headers_too_large",
    });
  });

  test("larger than the limit are answered with 431", async () => {
    expect(await get("/v2/keys", authorization(), `x-large: ${"x".repeat(70_000)}`)).toMatchObject({
      status: 431,
      code: "headers_too_large",
    });
  });

  test("without a host, or with two, are answered with 400", async () => {
    expect((await send(["GET /v2/keys HTTP/1.1", last, authorization()])).status).toBe(400);
    expect(await get("/v2/keys", authorization(), "Host: other.test")).toMatchObject({
      status: 400,
    });
  });

  test("of another machine's page are answered with 403", async () => {
    const head = ["GET /v2/keys HTTP/1.1", "Host: attacker.test", last, authorization()];
    expect(await send(head)).toMatchObject({ status: 403, code: "forbidden" });
  });
});

describe("a body", () => {
  const target = "/v2/publish/https://app.test/x";

  test("larger than it may be is refused by what it announces, before it has come", async () => {
    expect(await post(target, ["Content-Length: 2001"], "x".repeat(10))).toMatchObject({
      status: 413,
      code: "body_too_large",
      error: "quota maxMessageSize exceeded, current limit: 2000 bytes",
    });
  });

  test("that does not say how large it is is refused as soon as it is too large", async () => {
    const chunk = `400\r\n${"x".repeat(0x400)}\r\n`;
    expect(await post(target, ["Transfer-Encoding: chunked"], chunk.repeat(3))).toMatchObject({
      status: 413,
      code: "body_too_large",
    });
  });

  test("of a running workflow is refused with 412 instead: 413 would be tried again and again", async () => {
    const headers = ["Upstash-Workflow-Init: false", "Content-Length: 2001"];
    expect(await post(target, headers, "x".repeat(10))).toMatchObject({ status: 412 });
  });

  test("with two lengths, or a length and chunks, is answered with 400", async () => {
    const two = ["Content-Length: 2", "Content-Length: 3"];
    expect((await post(target, two, "{}")).status).toBe(400);
    const both = ["Content-Length: 2", "Transfer-Encoding: chunked"];
    expect((await post(target, both, "2\r\n{}\r\n0\r\n\r\n")).status).toBe(400);
  });
});

describe("Expect: 100-continue", () => {
  const target = "/v2/publish/https://app.test/x";
  const expecting = (authorized: string, length: number) =>
    `POST ${target} HTTP/1.1\r\n${host()}\r\n${authorized}\r\n${last}\r\nExpect: 100-continue\r\nContent-Length: ${length}\r\n\r\n`;

  test("asks for a body that will be taken", async () => {
    const received = await sendRaw(server.port, `${expecting(authorization(), 2)}{}`);
    expect(received).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 2\d\d /);
  });

  test("does not ask for one that will not", async () => {
    const wrong = await sendRaw(server.port, expecting("Authorization: Bearer x", 2));
    expect(wrong).toMatch(/^HTTP\/1\.1 401 /);
    const large = await sendRaw(server.port, expecting(authorization(), 2_001));
    expect(large).toMatch(/^HTTP\/1\.1 413 /);
    for (const received of [wrong, large]) expect(received).not.toContain("100 Continue");
  });

  test("is the only expectation that there may be", async () => {
    expect(await get("/v2/keys", authorization(), "Expect: miracles")).toMatchObject({
      status: 417,
      code: "expectation_failed",
    });
  });
});

test("a tunnel is refused with what is allowed instead", async () => {
  const received = await sendRaw(
    server.port,
    `CONNECT evil.test:443 HTTP/1.1\r\n${host()}\r\n\r\n`,
  );
  expect(received).toMatch(/^HTTP\/1\.1 405 Method Not Allowed\r\n/);
  expect(received).toMatch(/^allow: GET, POST, PUT, PATCH, DELETE\r$/m);
  expect(received).toContain('"code":"method_not_allowed"');
});

test("a body that is too large ends the connection, on which more of it would come", async () => {
  const head = `POST /v2/batch HTTP/1.1\r\n${host()}\r\n${authorization()}\r\n`;
  // Resolves when the server has closed the connection: the request does not ask for that.
  const received = await sendRaw(server.port, `${head}Content-Length: 999999999\r\n\r\n[`);
  expect(received).toMatch(/^HTTP\/1\.1 413 /);
  expect(received.toLowerCase()).toContain("connection: close");
});

test("a setting that has one value must be given once, a list may be repeated", async () => {
  const target = "/v2/publish/https://app.test/x";
  for (const name of [
    "Upstash-Delay",
    "upstash-retries",
    "Upstash-Callback",
    "Upstash-Callback-Retries",
    "Upstash-Deduplication-Id",
    "Upstash-Flow-Control-Key",
    "Upstash-Workflow-RunId",
  ]) {
    const twice = [`${name}: 1`, `${name.toUpperCase()}: 1`, "Content-Length: 0"];
    expect([name, await post(target, twice)]).toEqual([
      name,
      expect.objectContaining({ status: 400, error: expect.stringMatching(/must be given once/) }),
    ]);
  }
  const lists = ["Label: a", "Label: b", "Forward-X: 1", "Forward-X: 2", "Callback-Forward-Y: 1"];
  const headers = [...lists, "Callback-Forward-Y: 2", "Telemetry-Sdk: a", "Telemetry-Sdk: b"];
  const all = [...headers.map((line) => `Upstash-${line}`), "Content-Length: 0"];
  expect((await post(target, all)).status).toBeLessThan(300);
  const submission = ["Upstash-Workflow-Init: false", "Upstash-Delay: 1", "Upstash-Delay: 1"];
  expect((await post(target, [...submission, "Content-Length: 0"])).status).toBe(412);
});

test("a JSON body with an encoding is refused, that of a message is not", async () => {
  const gzip = ["Content-Encoding: gzip", "Content-Length: 2"];
  expect(await post("/v2/batch", gzip, "[]")).toMatchObject({
    status: 415,
    code: "unsupported_media_type",
  });
  expect((await post("/v2/publish/https://app.test/x", gzip, "{}")).status).toBeLessThan(300);
});

test("what is no HTTP at all is answered with 400", async () => {
  expect(await send(["NONSENSE"])).toMatchObject({ status: 400, code: "invalid_request" });
});

test("none of this is a fault of the server", async () => {
  expect(await get("/v2/keys", authorization())).toMatchObject({ status: 200 });
  expect(lines).toEqual([]);
});
