import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { devServerConfig, type ServerConfig } from "./config.ts";
import { type HttpApp, openHttpApp } from "./http-app.suite.ts";
import { type RunningServer, startServer } from "./main.ts";
import { payloads, secrets } from "./store/encrypted.suite.ts";
import type { EncryptionSettings } from "./store/encrypted-keys.ts";

/** A whole server over real HTTP, and what stands in the files of its database. See docs/encryption.md. */

const CANARY = "canary-51fd2";

/** What was accepted for later becomes due: the database can be changed meanwhile, however long that takes. */
const DUE_NOW = "UPDATE messages SET dueAt = 1";

let dataDir: string;
let app: HttpApp;
let server: RunningServer | null;
let lines: string[];

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "reprise-encryption-"));
  app = await openHttpApp();
  server = null;
  lines = [];
});

afterEach(async () => {
  await server?.close();
  await app.close();
  rmSync(dataDir, { recursive: true });
});

async function start(encryption: EncryptionSettings | null, own: Partial<ServerConfig> = {}) {
  const config = { ...devServerConfig({ port: 0, dataDir }), drainMs: 200, encryption, ...own };
  server = await startServer(config, { writeLine: (line) => lines.push(line) });
  return server;
}

async function stop(): Promise<void> {
  await server?.close();
  server = null;
}

type Headers = Readonly<Record<string, string>>;

async function call(method: string, path: string, body?: string, headers: Headers = {}) {
  if (server === null) throw new Error("the server is started first");
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${server.token}`, ...headers },
    ...(body === undefined ? {} : { body }),
  });
  return { status: response.status, text: await response.text() };
}

const publish = (body: string, headers: Headers = {}) =>
  call("POST", `/v2/publish/${app.url}`, body, {
    "upstash-forward-x-secret": CANARY,
    "upstash-retries": "0",
    ...headers,
  });

function filesWith(text: string): readonly string[] {
  const names = readdirSync(dataDir);
  expect(names).toContain("reprise.db");
  return names.filter((name) => readFileSync(join(dataDir, name)).includes(text));
}

/** Waits for what the API tells. */
async function until(path: string, found: (text: string) => boolean): Promise<string> {
  for (let tries = 0; tries < 10_000; tries += 1) {
    const { text } = await call("GET", path);
    if (found(text)) return text;
    await new Promise((resolve) => setTimeout(resolve, 4));
  }
  throw new Error(`${path} never told it`);
}

describe("with encrypted payloads", () => {
  test("neither file holds what was sent, answered and kept", async () => {
    await start(payloads);
    await publish(`${CANARY} body`);
    const [delivered] = await app.arrived(1);
    expect([delivered?.body, delivered?.headers["x-secret"]]).toEqual([`${CANARY} body`, CANARY]);
    delivered?.answer(500, `${CANARY} answer`, { "x-answer": CANARY });
    const told = await until("/v2/dlq", (text) => text.includes("answer"));
    expect(told).toContain(`${CANARY} body`);
    await call("POST", "/v2/schedules/https://example.com/", CANARY, {
      "upstash-cron": "0 0 1 1 *",
    });
    await publish(`${CANARY} later`, { "upstash-delay": "1d" });
    await call(
      "POST",
      "/v2/topics/group/endpoints",
      JSON.stringify({ endpoints: [{ url: `https://example.com/?${CANARY}` }] }),
    );
    expect(filesWith(CANARY)).toEqual([]);
    expect(readdirSync(dataDir)).toContain("reprise.db-wal");
    const keys = JSON.parse((await call("GET", "/v2/keys")).text);
    expect(filesWith(keys.current)).toEqual([]);
    await stop();
    expect(filesWith(CANARY)).toEqual([]);
  });

  test("a body that was changed in the database is not delivered, and its message fails", async () => {
    await start(payloads);
    const { text } = await publish(CANARY, { "upstash-delay": "1h" });
    const { messageId } = JSON.parse(text);
    await stop();
    const database = new DatabaseSync(join(dataDir, "reprise.db"));
    const [row] = database.prepare("SELECT key, body FROM envelopes").all();
    const body = Uint8Array.from(row?.body as Uint8Array); // The column holds bytes.
    body[body.byteLength - 20] = (body[body.byteLength - 20] ?? 0) ^ 1;
    database.prepare("UPDATE envelopes SET body = ? WHERE key = ?").run(body, Number(row?.key));
    database.exec(DUE_NOW);
    database.close();
    await start(payloads);
    const told = await until("/v2/dlq", (answer) => answer.includes(messageId));
    expect(told).toContain("the stored body is damaged and was not sent");
    expect(app.deliveries).toEqual([]);
  });

  test("bodies of two rows that changed places are delivered to nobody", async () => {
    await start(payloads);
    await publish("one", { "upstash-delay": "1h" });
    await publish("two", { "upstash-delay": "1h" });
    await stop();
    const database = new DatabaseSync(join(dataDir, "reprise.db"));
    const [one, two] = database.prepare("SELECT key, body, bodyHash FROM envelopes").all();
    const put = database.prepare("UPDATE envelopes SET body = ?, bodyHash = ? WHERE key = ?");
    put.run(one?.body ?? null, one?.bodyHash ?? null, two?.key ?? null);
    put.run(two?.body ?? null, two?.bodyHash ?? null, one?.key ?? null);
    database.exec(DUE_NOW);
    database.close();
    await start(payloads);
    await until("/v2/dlq", (answer) => JSON.parse(answer).messages.length === 2);
    expect(app.deliveries).toEqual([]);
  });

  const ofRun = (table: string, column: string) =>
    `UPDATE ${table} SET ${column} = (SELECT ${column} FROM ${table} ORDER BY key DESC LIMIT 1) WHERE key = (SELECT min(key) FROM ${table})`;

  test.each([
    ["its payload", ofRun("steps", "body"), true],
    [
      "its payload's encryption",
      "UPDATE steps SET body = x'00' WHERE key = (SELECT min(key) FROM steps)",
      true,
    ],
    ["the settings of its first step", ofRun("steps", "config"), false],
    ["its settings", ofRun("runConfigs", "config"), false],
  ])("a run of which %s was changed stops, and no other", async (_name, sql, isGivenUp) => {
    await start(payloads);
    await trigger("wfr_bad");
    await trigger("wfr_good");
    await stop();
    const database = new DatabaseSync(join(dataDir, "reprise.db"));
    database.exec(sql);
    database.exec(DUE_NOW);
    database.close();
    await start(payloads);
    const [delivered] = await app.arrived(1);
    expect(delivered?.headers["upstash-workflow-runid"]).toBe("wfr_good");
    if (isGivenUp) {
      const told = await until("/v2/workflows/dlq", (answer) => answer.includes("wfr_bad"));
      expect(told).toContain("the stored body is damaged and was not sent");
    }
    await trigger("wfr_new", {});
    await app.arrived(2);
    expect(app.deliveries.map(({ headers }) => headers["upstash-workflow-runid"])).toEqual([
      "wfr_good",
      "wfr_new",
    ]);
    for (const { answer } of app.deliveries) answer();
  });
});

function trigger(runId: string, later: Headers = { "upstash-delay": "1h" }) {
  const headers = {
    "upstash-workflow-init": "true",
    "upstash-workflow-runid": runId,
    "upstash-workflow-url": app.url,
    "upstash-feature-set": "WF_TriggerOnConfig",
    "upstash-forward-upstash-workflow-sdk-version": "1",
    ...later,
  };
  const item = { destination: app.url, body: runId, headers };
  return call("POST", "/v2/batch", JSON.stringify([item]));
}

test("with encrypted secrets alone the payloads are there, and the signing keys are not", async () => {
  await start(secrets);
  await publish(CANARY, { "upstash-delay": "1d" });
  expect(filesWith(CANARY)).not.toEqual([]);
  const keys = JSON.parse((await call("GET", "/v2/keys")).text);
  expect([...filesWith(keys.current), ...filesWith(keys.next)]).toEqual([]);
});

test("a server without the keys does not start, and says which one is missing", async () => {
  await start(payloads);
  await stop();
  await expect(start(null)).rejects.toMatchObject({
    code: "invalid_request",
    message: expect.stringMatching(/the key "a" is missing/),
  });
  await start(payloads);
});
