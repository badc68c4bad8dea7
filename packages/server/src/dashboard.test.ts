import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync, brotliDecompressSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { devServerConfig, type ServerConfig } from "./config.ts";
import { type RunningServer, startServer } from "./main.ts";

const PAGE = `<!doctype html><meta name="n" content="__CSP_NONCE__"><style nonce="__CSP_NONCE__"></style>`;
const SCRIPT = "export const a = 1;\n".repeat(100);

let directory: string;
let server: RunningServer;

async function start(own: Partial<ServerConfig> = {}): Promise<void> {
  const config = { ...devServerConfig({ port: 0, dataDir: ":memory:" }), ...own };
  server = await startServer(config, {
    writeLine: () => {},
    dashboardDir: join(directory, "dist"),
  });
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** As sent: `fetch` would resolve dots and decode bodies. */
function send(
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = "GET",
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request({ port: server.port, host: "127.0.0.1", path, method, headers }, (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.on("end", () => {
        const { statusCode: status = 0, headers: received } = res;
        resolve({ status, headers: received, body: Buffer.concat(chunks) });
      });
    });
    sent.on("error", reject).end();
  });
}

function build(): void {
  const home = join(directory, "dist");
  mkdirSync(join(home, "assets"), { recursive: true });
  writeFileSync(join(directory, "secret.txt"), "secret");
  writeFileSync(join(home, "index.html"), PAGE);
  writeFileSync(join(home, "assets", "main-abc.js"), SCRIPT);
  writeFileSync(join(home, "assets", "main-abc.js.br"), brotliCompressSync(SCRIPT));
  symlinkSync(join(directory, "secret.txt"), join(home, "assets", "linked.txt"));
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reprise-dashboard-"));
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

describe("the page", () => {
  test("comes without a token, is never stored and has a nonce of its own", async () => {
    build();
    await start();
    const nonces = new Set<string>();
    for (let index = 0; index < 3; index += 1) {
      const { status, headers, body } = await send("/");
      expect([status, headers["cache-control"]]).toEqual([200, "no-store"]);
      const policy = String(headers["content-security-policy"]);
      const nonce = /style-src 'self' 'nonce-([^']{20,})'/.exec(policy)?.[1] ?? "";
      expect(body.toString()).toBe(PAGE.replaceAll("__CSP_NONCE__", nonce));
      nonces.add(nonce);
      expect(policy).toContain("default-src 'none'; script-src 'self';");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("require-trusted-types-for 'script'; trusted-types preview");
      expect(headers).toMatchObject({
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "content-type": "text/html; charset=utf-8",
        "permissions-policy": expect.stringContaining("camera=()"),
      });
    }
    expect(nonces.size).toBe(3);
  });

  test("says how it is built where it is not, and is there once it is", async () => {
    await start();
    const before = await send("/");
    expect([before.status, before.headers["content-type"]]).toEqual([
      404,
      "text/html; charset=utf-8",
    ]);
    expect(before.body.toString()).toContain("npm run build --workspace @reprise/dashboard");
    expect(before.body.toString()).not.toContain("__CSP_NONCE__");
    build();
    expect((await send("/")).status).toBe(200);
  });

  test("of a development server is for this machine alone", async () => {
    build();
    await start();
    for (const path of ["/", "/assets/main-abc.js"]) {
      expect((await send(path, { host: "evil.test" })).status).toBe(403);
      expect((await send(path, { host: "localhost:1" })).status).toBe(200);
    }
  });

  test("has no other methods", async () => {
    build();
    await start();
    for (const method of ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]) {
      for (const path of ["/", "/assets/main-abc.js"]) {
        const { status, headers } = await send(path, { origin: server.url }, method);
        expect([status, headers.allow], `${method} ${path}`).toEqual([405, "GET"]);
        expect(headers["access-control-allow-origin"]).toBeUndefined();
      }
    }
    const head = await send("/", {}, "HEAD");
    expect([head.status, head.body.byteLength]).toEqual([200, 0]);
  });
});

describe("an asset", () => {
  test("is kept for ever, and known by its tag", async () => {
    build();
    await start();
    const { status, headers, body } = await send("/assets/main-abc.js");
    expect([status, body.toString()]).toEqual([200, SCRIPT]);
    expect(headers).toMatchObject({
      "cache-control": "public, max-age=31536000, immutable",
      "content-type": "text/javascript; charset=utf-8",
      "content-length": String(SCRIPT.length),
      "x-content-type-options": "nosniff",
      vary: "accept-encoding",
    });
    const known = { "if-none-match": `"other", ${String(headers.etag)}` };
    const again = await send("/assets/main-abc.js", known);
    expect([again.status, again.body.byteLength]).toEqual([304, 0]);
    const head = await send("/assets/main-abc.js", {}, "HEAD");
    expect([head.status, head.body.byteLength, head.headers["content-length"]]).toEqual([
      200,
      0,
      String(SCRIPT.length),
    ]);
  });

  test("comes compressed to those who take that", async () => {
    build();
    await start();
    const small = await send("/assets/main-abc.js", { "accept-encoding": "gzip, br;q=0.5" });
    expect(small.headers["content-encoding"]).toBe("br");
    expect(brotliDecompressSync(small.body).toString()).toBe(SCRIPT);
    const plain = await send("/assets/main-abc.js", { "accept-encoding": "gzip, br;q=0" });
    expect(plain.headers["content-encoding"]).toBeUndefined();
    expect(plain.headers.etag).not.toBe(small.headers.etag);
  });

  test.each([
    "/assets/../../secret.txt",
    "/assets/..%2f..%2fsecret.txt",
    "/assets/%2e%2e/index.html",
    "/assets/linked.txt",
    "/assets/",
    "/assets/none.js",
    "/secret.txt",
    "/../secret.txt",
    "/assets/__proto__",
    "/assets/main-abc.js%00",
    "/assets/%252e%252e%252fsecret.txt",
    "/assets/..%5c..%5csecret.txt",
    "/assets/..\\..\\secret.txt",
    "/assets/%c0%ae%c0%ae%2fsecret.txt",
    "/assets/....//....//secret.txt",
    "/assets/.%00./secret.txt",
    "/assets//index.html",
    "/assets/main-abc.js/",
    "/assets/MAIN-ABC.JS",
    "/index.html",
    "/%2e%2e/secret.txt",
    "//secret.txt",
    "/assets/constructor",
  ])("%s is none", async (path) => {
    build();
    await start();
    const { status, body } = await send(path);
    expect(status).toBeGreaterThanOrEqual(400);
    expect(body.toString()).not.toMatch(/secret$|doctype/);
  });
});

test("a person logs in, sees what changes, and hears of the end of the server", async () => {
  build();
  await start({ preStopMs: 0, drainMs: 0 });
  const headers = { "sec-fetch-site": "same-origin", "reprise-dashboard": "1" };
  const page = (path: string, init: RequestInit = {}) =>
    fetch(server.url + path, { ...init, headers: { ...headers, ...init.headers } });
  const login = await page("/v2/session", { method: "POST", headers: { origin: server.url } });
  expect(await login.json()).toMatchObject({ scope: "full", isDevelopment: true });
  const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
  expect((await page("/v2/changes")).status).toBe(401);
  const stream = await page("/v2/changes", { headers: { cookie } });
  const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const readOn = async (
    until: (chunk: { value?: string | undefined; done: boolean }) => boolean,
  ) => {
    for (;;) {
      const chunk = (await reader?.read()) ?? { done: true, value: undefined };
      text += chunk.value ?? "";
      if (until(chunk)) return;
    }
  };
  await readOn(() => text.includes(": open"));
  const body = JSON.stringify({ queueName: "orders", parallelism: 2 });
  const made = await page("/v2/queues", { method: "POST", headers: { cookie }, body });
  expect(made.status).toBe(200);
  await readOn(() => text.includes('"queues"'));
  const closed = server.close();
  await readOn(({ done }) => done);
  await closed;
});

test("another page that the browser has open gets no stream, no socket and no file of this one", async () => {
  build();
  await start();
  const own = { "sec-fetch-site": "same-origin", "reprise-dashboard": "1", origin: server.url };
  const login = await fetch(`${server.url}/v2/session`, { method: "POST", headers: own });
  const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
  for (const headers of [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "http://127.0.0.1:1" },
    { origin: "https://evil.test" },
    { origin: "null" },
    { host: "evil.test" },
    { host: `127.0.0.1.evil.test:${server.port}` },
  ]) {
    const { status, body } = await send("/v2/changes", { cookie, ...headers });
    expect([status, JSON.parse(body.toString()).code], JSON.stringify(headers)).toEqual([
      403,
      expect.stringMatching(/^(?:cross_site_request|forbidden)$/),
    ]);
    const upgrade = { connection: "Upgrade", upgrade: "websocket", "sec-websocket-version": "13" };
    const handshake = { ...upgrade, "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" };
    const isFromPage = "origin" in headers || "host" in headers;
    if (isFromPage)
      expect((await send("/v2/connect", { cookie, ...handshake, ...headers })).status).toBe(403);
  }
  const { headers } = await send("/assets/main-abc.js");
  expect(headers).toMatchObject({ "cross-origin-resource-policy": "same-origin" });
});

test("shows the settings that hold, and no secret", async () => {
  await start({ logLevel: "error", databaseUrl: null });
  const headers = { authorization: `Bearer ${server.token}` };
  const response = await fetch(`${server.url}/v2/settings`, { headers });
  expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
  const text = await response.text();
  expect(JSON.parse(text).settings).toEqual(
    expect.arrayContaining([
      { name: "REPRISE_DATA_DIR", value: ":memory:", source: "default" },
      { name: "REPRISE_LOG_LEVEL", value: "error", source: "default" },
      { name: "REPRISE_EGRESS", value: "allow-private", source: "default" },
      { name: "REPRISE_TOKEN", value: "hidden", source: "default" },
      { name: "REPRISE_LOG_RETENTION", value: "14d", source: "default" },
    ]),
  );
  const { token, signingKeys } = server;
  for (const secret of [token, signingKeys.current, signingKeys.next]) {
    expect(text).not.toContain(secret);
  }
  expect((await fetch(`${server.url}/v2/settings`)).status).toBe(401);
});
