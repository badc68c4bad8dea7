// The primary dies, a standby takes its place under the same address, and nobody tells the nodes. Not on this page: what decides when to
// promote, which is the business of whoever runs the database.

import { auditDatabase, parseServerConfig, type RunningServer, startServer } from "@reprise/server";
import { type EmbeddedPostgres, startPostgres } from "@reprise/server/embedded-postgres.suite";
import { expect, onTestFinished, test, vi } from "vitest";
import { Sink } from "../cluster/reached-node.ts";
import { TcpProxy } from "../cluster/tcp-proxy.ts";

// Longer than what is waited for one after the other, on a machine with other work.
vi.setConfig({ testTimeout: 300_000 });

const TOKEN = Buffer.from(
  JSON.stringify({ UserID: "failover", Password: "0123456789abcdef0123456789abcdef" }),
).toString("base64");

/** Clients, and what each of them must hear to be accepted before the failover and behind it. */
const CLIENTS = 4;
const EACH = 15;
const LOOK_MS = 20;

interface World {
  readonly primary: EmbeddedPostgres;
  readonly standby: EmbeddedPostgres;
  readonly databaseUrl: string;
  readonly proxy: TcpProxy;
  readonly nodes: readonly RunningServer[];
  readonly sink: Sink;
}

async function openWorld(prepare: (world: Pick<World, "primary" | "standby">) => Promise<void>) {
  const primary = await startPostgres({ fsync: false });
  onTestFinished(() => primary.remove());
  const databaseUrl = await primary.createDatabase();
  const standby = await primary.follow();
  onTestFinished(() => standby.remove());
  await prepare({ primary, standby });
  const proxy = new TcpProxy(primary.port);
  await proxy.start();
  onTestFinished(() => proxy.stop());
  const sink = await Sink.open();
  onTestFinished(() => sink.close());
  const nodes: RunningServer[] = [];
  const way = new URL(databaseUrl);
  way.port = String(proxy.port);
  for (let number = 0; number < 2; number += 1) {
    const node = await startServer(configOf(way.href), { writeLine: () => {} });
    nodes.push(node);
    onTestFinished(() => node.close());
  }
  return { primary, standby, databaseUrl, proxy, nodes, sink };
}

function configOf(databaseUrl: string) {
  return parseServerConfig({
    REPRISE_HOST: "127.0.0.1",
    REPRISE_PORT: "0",
    REPRISE_DATABASE_URL: databaseUrl,
    REPRISE_TOKEN: TOKEN,
    REPRISE_CURRENT_SIGNING_KEY: "sig_failover_current_0123456789abcdef",
    REPRISE_NEXT_SIGNING_KEY: "sig_failover_next_0123456789abcdef00",
    REPRISE_EGRESS: "allow-private",
    REPRISE_LOG_LEVEL: "error",
    REPRISE_PRE_STOP: "0",
  });
}

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

/** What the client hears; null when nobody answers. */
async function send(node: RunningServer | undefined, path: string, id: string) {
  const headers = { authorization: `Bearer ${TOKEN}`, "upstash-deduplication-id": id };
  const more = { "upstash-retry-delay": "100" };
  const init = { method: "POST", headers: { ...headers, ...more }, body: "{}" };
  const answer = await fetch(`${node?.url}${path}`, init).catch(() => null);
  const text = await answer?.text().catch(() => null);
  return answer === null || typeof text !== "string" ? null : { status: answer.status, text };
}

/** Asks one node after the other, as often as it takes: by the same deduplication id it is one message. */
async function accepted({ nodes }: World, path: string, id: string): Promise<void> {
  for (let turn = 0; ; turn += 1) {
    const answer = await send(nodes[turn % nodes.length], path, id);
    if (answer !== null && answer.status < 300) return;
    if (answer !== null) expect([answer.status, answer.text]).toEqual([503, expect.anything()]);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function promote({ primary, standby, proxy }: World): Promise<void> {
  await primary.kill();
  await standby.query("SELECT pg_promote()");
  proxy.lead(standby.port);
}

async function checkReady({ nodes }: World): Promise<void> {
  for (const { url } of nodes)
    await until(async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200);
}

async function checkRows({ nodes, standby, databaseUrl }: World): Promise<void> {
  for (const node of nodes) await node.close();
  const { findings } = await auditDatabase(
    { databaseUrl: standby.at(databaseUrl) },
    { isDeep: true },
  );
  expect(findings).toEqual([]);
}

test("a synchronous standby takes over: the nodes find it by themselves, and nothing that was acknowledged is lost", async () => {
  const world = await openWorld(async ({ primary }) => {
    await primary.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await primary.query("SELECT pg_reload_conf()");
    await until(async () => {
      const rows = await primary.query("SELECT sync_state FROM pg_stat_replication");
      return rows.some(({ sync_state: state }) => state === "sync");
    });
  });
  const { sink } = world;
  const names: string[] = [];
  let isOver = false;
  let acceptedCount = 0;
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    for (let number = 0; !isOver; number += 1) {
      const name = `c${client}-${number}`;
      const isQueued = client === 0;
      const verb = isQueued ? "enqueue/line" : "publish";
      await accepted(world, `/v2/${verb}/${sink.url}/${name}`, name);
      names.push(name);
      acceptedCount += 1;
    }
  });
  await until(() => acceptedCount >= CLIENTS * EACH);
  await promote(world);
  const before = acceptedCount;
  await until(() => acceptedCount >= before + CLIENTS * EACH);
  isOver = true;
  await Promise.all(clients);
  await until(() => names.every((name) => sink.counts.has(name)));
  await checkReady(world);

  const line = names.filter((name) => name.startsWith("c0-"));
  // A map keeps the order of first arrivals.
  expect([...sink.counts.keys()].filter((name) => name.startsWith("c0-"))).toEqual(line);
  // What was in flight when the primary died may have been repeated, once.
  expect(Math.max(...sink.counts.values())).toBeLessThanOrEqual(2);
  await checkRows(world);
});

test("an asynchronous standby lacks what had not reached it; a client that asks again gets it, and all else goes on", async () => {
  const world = await openWorld(async () => {});
  const { primary, standby, sink, databaseUrl } = world;
  const path = (name: string) => `/v2/publish/${sink.url}/${name}`;
  await accepted(world, path("reached"), "reached");
  // The end of its delivery is to reach the standby too: without it the message would be delivered once more.
  await until(async () => {
    const query = "SELECT count(*)::int AS count FROM logs WHERE moment = 'delivered'";
    return (await primary.query(query, databaseUrl))[0]?.count === 1;
  });
  const [position] = await primary.query("SELECT pg_current_wal_flush_lsn() AS lsn");
  await until(async () => {
    const replayed = `SELECT pg_last_wal_replay_lsn() >= '${position?.lsn}'::pg_lsn AS yes`;
    return (await standby.query(replayed))[0]?.yes === true;
  });
  await standby.query("ALTER SYSTEM SET primary_conninfo = ''");
  await standby.query("SELECT pg_reload_conf()");
  await until(async () => (await standby.query("SELECT 1 FROM pg_stat_wal_receiver")).length === 0);
  await accepted(world, path("lost"), "lost");
  await until(() => sink.counts.has("lost"));
  await promote(world);
  await checkReady(world);

  const known = await standby.query("SELECT id FROM dedups", standby.at(databaseUrl));
  expect(known.map(({ id }) => id)).toEqual([expect.stringContaining("reached")]);
  await accepted(world, path("lost"), "lost");
  await accepted(world, path("reached"), "reached");
  await accepted(world, path("new"), "new");
  await until(() => sink.counts.has("new") && sink.counts.get("lost") === 2);
  expect(sink.counts.get("reached")).toBe(1);
  await checkRows(world);
});
