import { createServer as createTlsServer } from "node:tls";
import { expect, onTestFinished, test } from "vitest";
import { devServerConfig } from "./config.ts";
import { makeCertificate } from "./host/certificates.suite.ts";
import {
  drip,
  flood,
  type Misdeed,
  openHostile,
  say,
  sayAndEnd,
} from "./host/hostile-server.suite.ts";
import { type RunningServer, startServer } from "./main.ts";

const OK = "HTTP/1.1 200 OK\r\n";

/** Of those that give no answer in time. */
const TIMEOUT_MS = 2_000;
/** Of the others, however much else the machine has to do. */
const DISTANT_MS = 3_600_000;
const LATE = `no complete response within ${TIMEOUT_MS} ms`;
const NO_WORKFLOW = expect.stringContaining("non-workflow destination");

/** How a destination misbehaves, and what the dead letter says about it. */
const MISDEEDS: Readonly<Record<string, readonly [misdeed: Misdeed, reason: unknown]>> = {
  "resets when connected": [
    { onConnect: (socket) => socket.resetAndDestroy() },
    expect.stringContaining("ECONNRESET"),
  ],
  "resets when asked": [
    { onRequest: (socket) => socket.resetAndDestroy() },
    expect.stringContaining("ECONNRESET"),
  ],
  "ends within the body": [
    sayAndEnd(`${OK}Content-Length: 10\r\n\r\nabc`),
    "the connection was closed before the answer was complete",
  ],
  "is silent when connected": [{ isDeaf: true }, LATE],
  "is silent when asked": [{}, LATE],
  "gives headers letter by letter": [drip(`${OK}X-Slow: `, "a"), LATE],
  "drips its body": [drip(`${OK}Content-Length: 100000\r\n\r\n`, "a"), LATE],
  "drips early hints": [drip("", "HTTP/1.1 103 Early Hints\r\n\r\n", 50), LATE],
  "floods with early hints": [
    flood("", "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100)),
    "more than 100 answers with a status below 200",
  ],
  "has headers without end": [
    flood(OK, "X-A: b\r\n".repeat(1_000)),
    "the headers of the answer are longer than 16 KiB",
  ],
  "fails with no end of body": [
    flood("HTTP/1.1 500 No\r\n\r\n", "a".repeat(65_536)),
    "500 Internal Server Error",
  ],
  "speaks no HTTP": [say("HELO there\r\n\r\n"), expect.stringContaining("HTTP/1.1 protocol")],
  "has a bad chunk": [
    say(`${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`),
    expect.stringContaining("Invalid character in chunk size"),
  ],
  "has status 099": [
    say("HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n"),
    "the answer is not valid HTTP/1.1",
  ],
  "upgrades unasked": [say("HTTP/1.1 101 Go\r\n\r\n"), "the answer is not valid HTTP/1.1"],
  "redirects elsewhere": [
    say("HTTP/1.1 302 Go\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n"),
    "302 Found",
  ],
  "answers 200 and is no workflow": [say(`${OK}Content-Length: 0\r\n\r\n`), NO_WORKFLOW],
};

async function start(): Promise<RunningServer> {
  const config = devServerConfig({ port: 0, dataDir: ":memory:", logLevel: "error" });
  const server = await startServer({ ...config, drainMs: 500 }, { writeLine: () => {} });
  onTestFinished(server.close);
  return server;
}

async function call(server: RunningServer, target: string, init: RequestInit = {}) {
  const headers = new Headers(init.headers);
  headers.set("authorization", `Bearer ${server.token}`);
  const response = await fetch(`${server.url}${target}`, { ...init, headers });
  return { status: response.status, json: JSON.parse(await response.text()) };
}

async function trigger(
  server: RunningServer,
  url: string,
  timeoutMs = DISTANT_MS,
): Promise<string> {
  const headers = {
    "Upstash-Retries": "0",
    "Upstash-Timeout": `${timeoutMs / 1_000}s`,
    "Upstash-Failure-Callback": url,
  };
  const { status, json } = await call(server, `/v2/trigger/${url}`, { method: "POST", headers });
  expect(status).toBe(200);
  return json.workflowRunId;
}

async function openSelfSigned(): Promise<string> {
  const server = createTlsServer(makeCertificate({ name: "localhost" }));
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  return `https://localhost:${typeof address === "object" && address !== null ? address.port : 0}/bad`;
}

test("every hostile destination ends its runs by the deadline, with a reason, and the server goes on", async () => {
  const server = await start();
  const healthy = await openHostile({});
  onTestFinished(healthy.close);
  const urls = new Map<string, string>([
    ["has signed its certificate itself", await openSelfSigned()],
  ]);
  for (const [name, [misdeed]] of Object.entries(MISDEEDS)) {
    const hostile = await openHostile(misdeed);
    onTestFinished(hostile.close);
    urls.set(name, `${hostile.url}/bad`);
  }
  const runs = new Map<string, string>();
  for (const [name, url] of urls) {
    const isLate = MISDEEDS[name]?.[1] === LATE;
    runs.set(await trigger(server, url, isLate ? TIMEOUT_MS : DISTANT_MS), name);
  }
  const silent = await openHostile({});
  onTestFinished(silent.close);
  runs.set(await trigger(server, `${silent.url}/bad`), "hangs behind the end of the test");
  const readReasons = async (): Promise<Readonly<Record<string, string>>> => {
    const { json } = await call(server, "/v2/workflows/dlq?count=100");
    const letters = json.messages.map(
      (one: { workflowRunId: string; reason: string; responseBody: string }) => [
        runs.get(one.workflowRunId) ?? "healthy",
        one.reason || one.responseBody,
      ],
    );
    return Object.fromEntries(letters);
  };
  // Healthy ones are not held up by those that hang: one of them does so until the end.
  runs.set(await trigger(server, `${healthy.url}/good`), "is healthy and no workflow");
  await expect.poll(() => healthy.paths).toContain("/good");
  const expected = Object.entries(MISDEEDS).map(([name, [, reason]]) => [name, reason]);
  await expect.poll(readReasons).toEqual({
    ...Object.fromEntries(expected),
    "has signed its certificate itself": "self-signed certificate",
    "is healthy and no workflow": NO_WORKFLOW,
  });
});
