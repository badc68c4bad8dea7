import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RepriseError } from "@reprise/protocol";
import { expect, onTestFinished, test } from "vitest";
import { isPassing } from "./await-storage.ts";
import { devServerConfig } from "./config.ts";
import { startServer } from "./main.ts";
import { embeddedPostgres } from "./store/embedded-postgres.suite.ts";

/** A server whose database is not there yet: it listens, says so, and goes on by itself. */

const withCode = (code: string) => Object.assign(new Error("failed"), { code });
const refusal = (cause: unknown) =>
  new RepriseError("storage_unavailable", { message: "the database could not be reached", cause });

test.each([
  [withCode("ECONNREFUSED"), true],
  [refusal(withCode("ENOTFOUND")), true],
  [refusal(new AggregateError([withCode("ECONNREFUSED")])), true],
  [refusal(new Error("Connection terminated unexpectedly")), true],
  [refusal(withCode("57P03")), true],
  [refusal(withCode("53300")), true],
  [new RepriseError("storage_unavailable", { message: "m", details: { isPassing: true } }), true],
  [refusal(withCode("28P01")), false],
  [refusal(withCode("3D000")), false],
  [refusal(withCode("42501")), false],
  [refusal(null), false],
  [new Error("anything"), false],
  ["no error", false],
])("whether waiting helps against %o: %s", (error, expected) => {
  expect(isPassing(error)).toBe(expected);
});

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => holder.once("listening", resolve));
  const address = holder.address();
  await new Promise((resolve) => holder.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts a server on a database at `databasePort`, without waiting for it. */
async function begin(databaseUrl: URL) {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-await-"));
  const port = await freePort();
  const stopping = new AbortController();
  const lines: string[] = [];
  const starting = startServer(
    { ...devServerConfig({ port, dataDir }), databaseUrl: databaseUrl.href, drainMs: 100 },
    { stopSignal: stopping.signal, writeLine: (line) => lines.push(line) },
  );
  // Whoever awaits it later hears of it.
  starting.catch(() => {});
  onTestFinished(async () => {
    stopping.abort();
    await starting.then((server) => server.close()).catch(() => {});
    rmSync(dataDir, { recursive: true });
  });
  const url = `http://127.0.0.1:${port}`;
  const ask = async (path: string) => {
    const response = await fetch(`${url}${path}`);
    const { headers, status } = response;
    return { status, body: await response.json(), retryAfter: headers.get("retry-after") };
  };
  await until(async () => (await ask("/livez").catch(() => null)) !== null);
  return { url, ask, starting, stopping, lines };
}

/** Looks again in the next turns, until it is so. */
async function until(fact: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await fact())) await new Promise((resolve) => setImmediate(resolve));
}

test("it lives, is not ready, refuses for now, and can be stopped", async () => {
  const port = await freePort();
  const { ask, starting, stopping, lines } = await begin(
    new URL(`postgres://me:canary-secret@127.0.0.1:${port}/reprise`),
  );
  await until(() => lines.some((line) => line.includes("storage_awaited")));
  expect(await ask("/livez")).toMatchObject({ status: 200, body: { status: "ok" } });
  expect(await ask("/startupz")).toMatchObject({ status: 503, body: { reasons: ["starting"] } });
  expect(await ask("/readyz")).toEqual({
    status: 503,
    body: { status: "unavailable", reasons: ["starting", "storage_unavailable"] },
    retryAfter: "1",
  });
  for (const path of ["/v2/keys", "/v2/publish/https://example.com", "/metrics", "/"]) {
    expect(await ask(path)).toMatchObject({
      status: 503,
      body: { code: "storage_unavailable" },
      retryAfter: "1",
    });
  }
  expect(lines.join()).not.toContain("canary-secret");
  stopping.abort();
  await expect(starting).rejects.toMatchObject({ code: "shutting_down" });
  await expect(ask("/livez")).rejects.toThrow();
});

/** Lets connections through to `target`, from now on. */
async function forward(port: number, target: URL): Promise<void> {
  const sockets = new Set<Socket>();
  const proxy: Server = createServer((socket) => {
    const onward = connect(Number(target.port), target.hostname);
    for (const one of [socket, onward]) {
      sockets.add(one);
      one.on("error", () => {});
    }
    socket.pipe(onward).pipe(socket);
  }).listen(port, "127.0.0.1");
  await new Promise((resolve) => proxy.once("listening", resolve));
  onTestFinished(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
}

test("it goes on by itself when the database is there", async () => {
  const postgres = await embeddedPostgres();
  const database = new URL(await postgres.createDatabase());
  onTestFinished(() => postgres.dropDatabase(database.href));
  const port = await freePort();
  const through = new URL(database);
  through.hostname = "127.0.0.1";
  through.port = String(port);
  const { ask, starting, lines } = await begin(through);
  await until(() => lines.some((line) => line.includes("storage_awaited")));
  expect(await ask("/readyz")).toMatchObject({ status: 503 });
  await forward(port, database);
  const server = await starting;
  expect(await ask("/startupz")).toMatchObject({ status: 200 });
  expect(await ask("/readyz")).toMatchObject({ status: 200, body: { status: "ok" } });
  const keys = await fetch(`${server.url}/v2/keys`, {
    headers: { authorization: `Bearer ${server.token}` },
  });
  expect(await keys.json()).toEqual(server.signingKeys);
  await server.close();
});

test("a wrong password is no reason to wait", async () => {
  const postgres = await embeddedPostgres();
  const database = new URL(await postgres.createDatabase());
  onTestFinished(() => postgres.dropDatabase(database.href));
  database.password = "canary-wrong";
  const config = {
    ...devServerConfig({ port: 0, dataDir: ":memory:" }),
    databaseUrl: database.href,
  };
  const start = startServer(config, { writeLine: () => {} });
  await expect(start).rejects.toThrow(/password authentication failed/);
  await expect(start).rejects.not.toThrow(/canary-wrong/);
});
