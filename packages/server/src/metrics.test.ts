import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { devServerConfig, type ServerConfig } from "./config.ts";
import { openHttpApp } from "./http-app.suite.ts";
import { type RunningServer, type Surroundings, startServer } from "./main.ts";
import { type ParsedFamily, parseOpenMetrics } from "./open-metrics.suite.ts";
import { embeddedPostgres } from "./store/embedded-postgres.suite.ts";

/** The metrics of a real server, read as strictly as the format is. */

const READER = btoa('{"UserID":"reader","Password":"reader-of-metrics-0123456789"}');
const SENDER = btoa('{"UserID":"sender","Password":"sender-of-messages-012345678"}');

async function start(
  own: Partial<ServerConfig> = {},
  surroundings: Surroundings = {},
): Promise<RunningServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-metrics-"));
  const config = {
    ...devServerConfig({ port: 0, dataDir }),
    readOnlyToken: READER,
    publishToken: SENDER,
    drainMs: 200,
    ...own,
  };
  const server = await startServer(config, { writeLine: () => {}, ...surroundings });
  onTestFinished(async () => {
    await server.close();
    rmSync(dataDir, { recursive: true });
  });
  return server;
}

const ask = (server: RunningServer, path: string, token = server.token, init: RequestInit = {}) =>
  fetch(`${server.url}${path}`, {
    ...init,
    headers: { ...(token === "" ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
  });

async function scrape(server: RunningServer): Promise<ReadonlyMap<string, ParsedFamily>> {
  const response = await ask(server, "/metrics", READER);
  expect(response.headers.get("content-type")).toMatch(/^application\/openmetrics-text; version=1/);
  return parseOpenMetrics(await response.text());
}

/** The sum of the samples that have these labels. */
function sumOf(
  families: ReadonlyMap<string, ParsedFamily>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const samples = families
    .get(name)
    ?.samples.filter((sample) =>
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
    );
  if (samples === undefined || samples.length === 0) return undefined;
  return samples.reduce((sum, { value }) => sum + value, 0);
}

/** Scrapes until the counts are what they should be. */
async function scrapeUntil(
  server: RunningServer,
  fact: (families: ReadonlyMap<string, ParsedFamily>) => boolean,
): Promise<ReadonlyMap<string, ParsedFamily>> {
  for (let families = await scrape(server); ; families = await scrape(server)) {
    if (fact(families)) return families;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
}

/** A storage that takes long on a busy machine is left out of a scrape. */
const hasStorage = (families: ReadonlyMap<string, ParsedFamily>) =>
  sumOf(families, "reprise_storage_up") === 1;

const publish = (
  server: RunningServer,
  url: string,
  headers: Readonly<Record<string, string>> = {},
) => ask(server, `/v2/publish/${url}`, server.token, { method: "POST", body: "x", headers });

test("a scrape is OpenMetrics, and needs a token that may look", async () => {
  const server = await start();
  expect((await ask(server, "/metrics", "")).status).toBe(401);
  expect((await ask(server, "/metrics", SENDER)).status).toBe(403);
  expect((await ask(server, "/metrics", server.token)).status).toBe(200);
  const families = await scrapeUntil(server, hasStorage);
  expect(sumOf(families, "reprise_auth_failures")).toBe(1);
  expect(sumOf(families, "reprise_info", { store: "sqlite", mode: "development" })).toBe(1);
  expect(sumOf(families, "reprise_storage_up")).toBe(1);
  expect(sumOf(families, "reprise_nodes")).toBe(1);
  expect(sumOf(families, "reprise_oldest_due_age_seconds")).toBe(0);
  expect(sumOf(families, "reprise_storage_bytes", { part: "database" })).toBeGreaterThan(0);
  expect(sumOf(families, "reprise_disk_free_bytes")).toBeGreaterThan(0);
  expect(sumOf(families, "reprise_heap_bytes")).toBeGreaterThan(1e6);
});

test("the age of the signing keys is that of the pair, also before the first rotation and over restarts", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "reprise-keys-"));
  onTestFinished(() => rmSync(dataDir, { recursive: true }));
  const ageOf = async (server: RunningServer) =>
    sumOf(await scrape(server), "reprise_signing_key_age_seconds") ?? Number.NaN;
  const first = await start({ dataDir });
  const madeAt = Date.now();
  expect(await ageOf(first)).toBeLessThan(60);
  await first.close();
  const second = await start({ dataDir });
  // Read before the scrape, whose answer may come long after its instant.
  const agedAt = Date.now();
  expect(await ageOf(second)).toBeGreaterThanOrEqual((agedAt - madeAt) / 1_000 - 0.1);
  const rotatedAt = Date.now();
  await ask(second, "/v2/keys/rotate?force=true", second.token, { method: "POST" });
  await scrapeUntil(second, (now) => {
    const age = sumOf(now, "reprise_signing_key_age_seconds") ?? Number.NaN;
    return age <= (Date.now() - rotatedAt) / 1_000;
  });
});

test("messages are counted from their acceptance to their end, with what went wrong", async () => {
  const server = await start();
  const app = await openHttpApp();
  onTestFinished(() => app.close());
  for (const id of ["one", "one", "two"]) {
    const headers = { "upstash-deduplication-id": id, "upstash-retries": "0" };
    expect((await publish(server, app.url, headers)).ok).toBe(true);
  }
  const [first, second] = await app.arrived(2);
  const during = await scrapeUntil(server, hasStorage);
  expect(sumOf(during, "reprise_attempts_in_flight")).toBe(2);
  expect(sumOf(during, "reprise_messages", { state: "active" })).toBe(2);
  first?.answer();
  second?.answer(500);
  await publish(server, "http://127.0.0.1:1", { "upstash-retries": "0" });
  // The answers come over connections of their own, in whatever order.
  const families = await scrapeUntil(server, (now) => {
    const delivered = sumOf(now, "reprise_messages_ended", { outcome: "delivered" });
    return delivered === 1 && sumOf(now, "reprise_dead_letters_added", { kind: "message" }) === 2;
  });
  expect(sumOf(families, "reprise_messages_accepted", { kind: "plain" })).toBe(3);
  expect(sumOf(families, "reprise_deduplicated", { kind: "message" })).toBe(1);
  expect(sumOf(families, "reprise_attempts", { kind: "plain", outcome: "success" })).toBe(1);
  expect(sumOf(families, "reprise_attempts", { kind: "plain", outcome: "5xx" })).toBe(1);
  expect(sumOf(families, "reprise_attempts", { kind: "plain", outcome: "refused" })).toBe(1);
  expect(sumOf(families, "reprise_messages_ended", { outcome: "delivered" })).toBe(1);
  expect(sumOf(families, "reprise_messages_ended", { outcome: "failed" })).toBe(2);
  expect(families.get("reprise_attempt_seconds")?.samples.at(-1)?.value).toBe(3);
  expect(families.get("reprise_start_lateness_seconds")?.samples.at(-1)?.value).toBe(3);
  const requests = { method: "POST", status: "2xx" };
  expect(sumOf(families, "reprise_http_requests", requests)).toBe(4);
});

test("labels are the program's own words, however many URLs, names and paths there are", async () => {
  const server = await start();
  const known = async () => {
    const families = await scrapeUntil(server, hasStorage);
    return [...families.values()].flatMap(({ samples }) =>
      samples.map(({ name, labels }) => JSON.stringify([name, labels])),
    );
  };
  const go = async (mark: string) => {
    const headers = {
      "upstash-delay": "1d",
      "upstash-label": mark,
      "upstash-flow-control-key": mark,
      "upstash-flow-control-value": "parallelism=1",
      "upstash-deduplication-id": mark,
    };
    expect((await publish(server, `http://127.0.0.1:1/${mark}`, headers)).status).toBe(200);
    await ask(server, `/v2/enqueue/${mark}/http://127.0.0.1:1/${mark}`, server.token, {
      method: "POST",
      headers: { "upstash-delay": "1d" },
    });
    for (const path of [
      `/v2/messages/${mark}`,
      `/v2/queues/${mark}`,
      `/v2/${mark}`,
      `/${mark}`,
      `/v2/dlq?label=${mark}`,
    ])
      await ask(server, path);
    await ask(server, `/v2/keys`, mark);
    await ask(server, `/v2/keys`, server.token, { method: "OPTIONS" });
  };
  await scrapeUntil(server, hasStorage);
  await go("canaryfirst");
  const before = await known();
  for (let count = 0; count < 30; count++) await go(`canary${count}`);
  expect(await known()).toEqual(before);
  expect(before.length).toBeLessThan(400);
  expect(before.join("\n")).not.toContain("canary");
});

test("a storage that hangs costs its own gauges, and no scrape waits for long", async () => {
  let isHanging = false;
  const never = new Promise<never>(() => {});
  const server = await start(
    {},
    {
      wrapStore: (store) => {
        const nextDueAt: typeof store.nextDueAt = (holder) =>
          isHanging ? never : store.nextDueAt(holder);
        return new Proxy(store, {
          get: (target, name) => {
            if (name === "nextDueAt") return nextDueAt;
            const value = Reflect.get(target, name, target);
            return typeof value === "function" ? value.bind(target) : value;
          },
        });
      },
    },
  );
  isHanging = true;
  const families = await scrape(server);
  expect(sumOf(families, "reprise_storage_up")).toBe(0);
  expect(families.has("reprise_oldest_due_age_seconds")).toBe(false);
  expect(sumOf(families, "reprise_heap_bytes")).toBeGreaterThan(1e6);
  isHanging = false;
  await scrapeUntil(server, hasStorage);
});

test("nodes on one PostgreSQL see each other, their clock, and the same rows", async () => {
  const postgres = await embeddedPostgres();
  const databaseUrl = await postgres.createDatabase();
  onTestFinished(() => postgres.dropDatabase(databaseUrl));
  const first = await start({ databaseUrl });
  const second = await start({ databaseUrl });
  await publish(first, "http://127.0.0.1:1/later", { "upstash-delay": "1d" });
  for (const server of [first, second]) {
    const families = await scrapeUntil(server, (now) => {
      const isAccepted = sumOf(now, "reprise_messages", { state: "scheduled" }) === 1;
      // A lease that is renewed late is over for a while.
      return isAccepted && sumOf(now, "reprise_nodes") === 2;
    });
    expect(sumOf(families, "reprise_info", { store: "postgres" })).toBe(1);
    expect(Math.abs(sumOf(families, "reprise_clock_offset_seconds") ?? 99)).toBeLessThan(5);
    expect(sumOf(families, "reprise_oldest_due_age_seconds")).toBe(0);
    // An empty database of PostgreSQL takes some megabytes.
    expect(sumOf(families, "reprise_storage_bytes", { part: "database" })).toBeGreaterThan(5e6);
  }
  const ready = await ask(second, "/readyz", READER);
  expect(await ready.json()).toMatchObject({
    status: "ok",
    details: { storage: { fault: null, clockOffsetMs: expect.any(Number) } },
  });
  await first.close();
  await scrapeUntil(second, (now) => sumOf(now, "reprise_nodes") === 1);
});
