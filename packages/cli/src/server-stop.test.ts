// How the real process stops: it says so first, lets deliveries end, hands back what takes too long, and tells what it did.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";

const TOKEN = btoa('{"UserID":"me","Password":"token-of-the-stop-tests-0123"}');
const main = fileURLToPath(new URL("./main.ts", import.meta.url));

interface Process {
  readonly child: ChildProcess;
  readonly url: string;
  readonly err: () => string;
  readonly exit: Promise<unknown>;
}

async function start(
  dataDir: string,
  settings: Readonly<Record<string, string>>,
): Promise<Process> {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:REPRISE_|VITEST)/.test(name));
  const env = {
    ...Object.fromEntries(own),
    REPRISE_PORT: "0",
    REPRISE_TOKEN: TOKEN,
    REPRISE_DATA_DIR: dataDir,
    REPRISE_EGRESS: "allow-private",
    REPRISE_PRE_STOP: "0",
    ...settings,
  };
  const args = ["--conditions=source", main, "start"];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  // Behind the end of the process there may still be something to read of what it has written.
  const exit = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await exit;
  });
  let [out, err] = ["", ""];
  child.stdout?.on("data", (part: Buffer) => {
    out += part.toString();
  });
  child.stderr?.on("data", (part: Buffer) => {
    err += part.toString();
  });
  const url = await until("the server", () => /running at (\S+)\n/.exec(out)?.[1] ?? null);
  return { child, url, err: () => err, exit };
}

function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "reprise-stop-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** An app that answers when the test says so. */
async function openApp() {
  const deliveries: { readonly request: IncomingMessage; readonly response: ServerResponse }[] = [];
  const http = createServer((request, response) => void deliveries.push({ request, response }));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  onTestFinished(() => {
    http.close();
    http.closeAllConnections();
  });
  const address = http.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const arrived = (count: number) =>
    until(`delivery ${count}`, () => deliveries[count - 1] ?? null);
  return { url: `http://127.0.0.1:${port}/app`, deliveries, arrived };
}

function publish({ url }: Process, destination: string): Promise<Response> {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return fetch(`${url}/v2/publish/${destination}`, { method: "POST", headers, body: "x" });
}

const summary = (ended: number, handedBack: number) =>
  new RegExp(
    `Stopped within \\d+\\.\\d s: ${ended} deliveries in flight have ended, ${handedBack} were handed back\\.\\n$`,
  );

test("a signal makes it unready at once, while it serves for REPRISE_PRE_STOP, and then it ends", async () => {
  const app = await openApp();
  // So long that all of this is over before it stops, on a machine with much other work too.
  const server = await start(makeDirectory(), { REPRISE_PRE_STOP: "12s" });
  expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  server.child.kill("SIGTERM");
  await until("the signal", () => (/SIGTERM/.test(server.err()) ? true : null));
  const ready = await fetch(`${server.url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { status: "unavailable", reasons: ["draining"] },
  ]);
  expect((await fetch(`${server.url}/livez`)).status).toBe(200);
  expect((await publish(server, app.url)).ok).toBe(true);
  (await app.arrived(1)).response.end();
  expect(await server.exit).toEqual([0, null]);
  expect(server.err()).toMatch(summary(0, 0));
});

test("a delivery in flight ends, and is not made again", async () => {
  const app = await openApp();
  const directory = makeDirectory();
  const first = await start(directory, { REPRISE_DRAIN_TIMEOUT: "1m" });
  await publish(first, app.url);
  const { response } = await app.arrived(1);
  first.child.kill("SIGTERM");
  await until("the signal", () => (/SIGTERM/.test(first.err()) ? true : null));
  response.end();
  expect(await first.exit).toEqual([0, null]);
  expect(first.err()).toMatch(summary(1, 0));
  const second = await start(directory, {});
  // What is published later arrives later: had the first message been due, it would have come before.
  await publish(second, `${app.url}/later`);
  expect((await app.arrived(2)).request.url).toBe("/app/later");
});

test("one that takes too long is handed back, and made again under the same number", async () => {
  const app = await openApp();
  const directory = makeDirectory();
  const first = await start(directory, { REPRISE_DRAIN_TIMEOUT: "1s" });
  await publish(first, app.url);
  await app.arrived(1);
  const signalledAt = performance.now();
  first.child.kill("SIGTERM");
  expect(await first.exit).toEqual([0, null]);
  // The second is one of the other process, whose clocks and timers need not agree with ours to the millisecond.
  expect(performance.now() - signalledAt).toBeGreaterThan(900);
  expect(first.err()).toMatch(summary(0, 1));
  await start(directory, {});
  const { request, response } = await app.arrived(2);
  expect(request.headers["upstash-retried"]).toBe("0");
  response.end();
});

test("a second signal ends it at once, with another code", async () => {
  const server = await start(makeDirectory(), { REPRISE_PRE_STOP: "1m" });
  server.child.kill("SIGTERM");
  await until("the first signal", () => (/SIGTERM/.test(server.err()) ? true : null));
  server.child.kill("SIGTERM");
  expect(await server.exit).toEqual([1, null]);
});
