// PgBouncer in transaction mode: the store keeps its whole contract behind it, and so do two servers. Run where there is a pgbouncer.

import { createServer, type Server } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { parseServerConfig } from "./config.ts";
import { type RunningServer, startServer } from "./main.ts";
import { hasPgbouncer, openPooler, type Pooler } from "./pgbouncer.suite.ts";
import { columnTypes } from "./store/columns.ts";
import { type EmbeddedPostgres, startPostgres } from "./store/embedded-postgres.suite.ts";
import { openPostgresStore } from "./store/postgres.ts";
import { storeSuite } from "./store/store.suite.ts";

describe.runIf(hasPgbouncer)("behind PgBouncer in transaction mode", () => {
  let postgres: EmbeddedPostgres;
  let pooler: Pooler;

  beforeAll(async () => {
    postgres = await startPostgres({ fsync: false });
    pooler = await openPooler(await postgres.createDatabase());
  });

  afterAll(async () => {
    await pooler?.close();
    await postgres?.remove();
  });

  /** Databases whose tests are over; emptied, they serve the next test, because making one takes long. */
  const used: string[] = [];
  const taken: string[] = [];

  beforeEach(() => {
    used.push(...taken.splice(0));
  });

  storeSuite("the store", async () => {
    const old = used.pop();
    if (old !== undefined) await postgres.query(EMPTY_ALL, old);
    const url = old ?? (await postgres.createDatabase());
    taken.push(url);
    return openPostgresStore({ url: pooler.through(url) });
  });

  test("two servers deliver a queue in order, and bind to what the other one was told", async () => {
    const bodies: string[] = [];
    const destination = await listen(
      createServer(async (request, response) => {
        bodies.push(await text(request));
        response.end();
      }),
    );
    const url = pooler.through(await postgres.createDatabase());
    const servers = [await start(url, destination.host), await start(url, destination.host)];
    try {
      const hook = `http://${destination.host}/hook`;
      const expected: string[] = [];
      for (let index = 0; index < 40; index++) {
        const path = `/v2/enqueue/orders/${hook}`;
        await call(servers[index % 2], path, { method: "POST", body: String(index) });
        expected.push(String(index));
      }
      await vi.waitUntil(() => bodies.length >= 40, WAITING);
      expect(bodies).toEqual(expected);

      await call(servers[0], "/v2/queues/orders/pause", { method: "POST" });
      const held = await call(servers[1], `/v2/enqueue/orders/${hook}`, { method: "POST" });
      const { messageId } = JSON.parse(held);
      expect(await call(servers[1], "/v2/queues/orders")).toContain('"lag":1');
      await call(servers[0], `/v2/messages/${messageId}`, { method: "DELETE" });
      await call(servers[1], "/v2/queues/orders/resume", { method: "POST" });
      await call(servers[0], `/v2/enqueue/orders/${hook}`, { method: "POST", body: "last" });
      await vi.waitUntil(() => bodies.at(-1) === "last", WAITING);
      expect(bodies).toEqual([...expected, "last"]);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
      await destination.close();
    }
  });
});

const WAITING = { timeout: 60_000, interval: 20 };

const EMPTY_ALL = Object.keys(columnTypes)
  .map((table) => `DELETE FROM "${table}"`)
  .join("; ");

const token = btoa(JSON.stringify({ UserID: "me", Password: "a long enough secret" }));

function start(databaseUrl: string, allowed: string): Promise<RunningServer> {
  const config = parseServerConfig({
    REPRISE_PORT: "0",
    REPRISE_TOKEN: token,
    REPRISE_DATABASE_URL: databaseUrl,
    REPRISE_EGRESS_ALLOW: allowed,
    REPRISE_PRE_STOP: "0",
    REPRISE_LOG_LEVEL: "error",
  });
  return startServer(config);
}

async function call(
  server: RunningServer | undefined,
  path: string,
  init: RequestInit = {},
): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(`${server?.url}${path}`, { ...init, headers });
  const body = await response.text();
  if (!response.ok) throw new Error(`${path} answered ${response.status}: ${body}`);
  return body;
}

async function listen(server: Server): Promise<{ host: string; close: () => Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { host: `127.0.0.1:${port}`, close };
}
