import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { devServerConfig } from "./config.ts";
import type { Command } from "./core/commands.ts";
import { DiskWatch, diskReader, type ReadDisk } from "./disk-watch.ts";
import { ScriptedHost } from "./engine/scripted-host.suite.ts";
import { startServer } from "./main.ts";

/** A disk of 1,000 bytes. */
const disk = (bytesFree: number) => ({ bytesTotal: 1_000, bytesFree });

async function watch(read: ReadDisk) {
  const host = new ScriptedHost();
  const watcher = new DiskWatch({ host, read, percentMax: 95 });
  await watcher.start();
  onTestFinished(() => watcher.stop());
  return { host, watcher };
}

/** Only the type of a command, and who triggers, says whether it begins something. */
const command = (fields: { readonly type: Command["type"]; readonly isTriggeredBySdk?: boolean }) =>
  // As above: the rest is not looked at.
  fields as Command;
const cancel = command({ type: "cancelMessage" });
const publish = command({ type: "publish" });
const trigger = command({ type: "startRun", isTriggeredBySdk: false });
const triggerAgain = command({ type: "startRun", isTriggeredBySdk: true });
const step = command({ type: "submitStep" });

test("below the mark everything is taken, from it on nothing new", async () => {
  let free = 51;
  const { host, watcher } = await watch(async () => disk(free));
  watcher.admit([publish, trigger]);
  free = 50;
  await host.advance(5_000);
  for (const refused of [publish, trigger]) {
    expect(() => watcher.admit([cancel, refused])).toThrow(/95 % full.*REPRISE_DISK_PERCENT_MAX/);
  }
  watcher.admit([cancel, step, triggerAgain]);
  free = 900;
  await host.advance(5_000);
  watcher.admit([publish]);
  const events = host.logs.map(({ level, event }) => `${level} ${event}`);
  expect(events).toEqual(["error disk_nearly_full", "info disk_has_space"]);
});

test("a disk that cannot be read refuses nothing, and is reported once", async () => {
  let isBroken = false;
  const { host, watcher } = await watch(async () => {
    if (isBroken) throw new Error("no such device");
    return disk(0);
  });
  expect(() => watcher.admit([publish])).toThrow(/100 % full/);
  isBroken = true;
  await host.advance(15_000);
  watcher.admit([publish]);
  const reports = host.logs.filter(({ event }) => event === "disk_unreadable");
  expect(reports).toMatchObject([{ level: "warn", fields: { cause: "Error: no such device" } }]);
});

test("a stopped watcher looks no more", async () => {
  let looks = 0;
  const { host, watcher } = await watch(async () => {
    looks += 1;
    return disk(500);
  });
  await host.advance(10_000);
  expect(looks).toBe(3);
  watcher.stop();
  await host.advance(60_000);
  expect(looks).toBe(3);
});

test("the real disk is read", async () => {
  const { bytesTotal, bytesFree } = await diskReader(tmpdir())();
  expect(bytesTotal).toBeGreaterThan(0);
  expect(bytesFree).toBeGreaterThan(0);
  expect(bytesFree).toBeLessThanOrEqual(bytesTotal);
});

test("a server on a full disk answers 503 to new work and goes on with the rest", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "reprise-disk-"));
  onTestFinished(() => rm(dataDir, { recursive: true }));
  const config = devServerConfig({ port: 0, dataDir, logLevel: "error" });
  let bytesFree = 500;
  const start = () =>
    startServer(config, { readDisk: async () => disk(bytesFree), writeLine: () => {} });
  const send = async (url: string, method: string) => {
    const headers = { authorization: `Bearer ${config.token}`, "upstash-delay": "1h" };
    const response = await fetch(url, {
      method,
      headers: method === "POST" ? headers : { authorization: headers.authorization },
    });
    return { status: response.status, retryAfter: response.headers.get("retry-after") };
  };
  let server = await start();
  const publishTo = () => send(`${server.url}/v2/publish/https://app.test/`, "POST");
  expect((await publishTo()).status).toBe(200);
  await server.close();
  bytesFree = 10;
  server = await start();
  onTestFinished(() => server.close());
  expect(await publishTo()).toEqual({ status: 503, retryAfter: "1" });
  expect((await send(`${server.url}/v2/messages?count=1`, "DELETE")).status).toBeLessThan(300);
  expect((await send(`${server.url}/v2/events`, "GET")).status).toBe(200);
});
