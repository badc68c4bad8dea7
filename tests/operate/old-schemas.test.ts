import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { auditDatabase } from "@reprise/server";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { until } from "../conformance/until.ts";
import { deadLettersOf, fill, finish, wantedPaths } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let directory: string;
let world: BusyWorld;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-old-"));
});

afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** Fills a server of now, and stops it with everything under way. */
async function makeBusy(name: string): Promise<string> {
  const dataDir = join(directory, name);
  // Nobody wakes up while the world is filled, however slow the machine is.
  world = new BusyWorld(2, { napSeconds: 600 });
  await world.start({ dataDir });
  await fill(world);
  await world.stop();
  const path = join(dataDir, "reprise.db");
  const busy = new DatabaseSync(path);
  const woken = busy
    .prepare("UPDATE messages SET dueAt = ? WHERE kind = 'step' AND state = 'scheduled'")
    .run(Date.now());
  busy.close();
  expect(woken.changes).toBe(1);
  return path;
}

/** Runs of servers that knew no steps from outside. */
const WITHOUT_WAITS = `(SELECT key FROM now.runs WHERE key NOT IN (
  SELECT runKey FROM now.waits UNION SELECT runKey FROM now.events))`;

/** Which rows a server of this version could have had. */
const ROWS: Readonly<Record<number, Readonly<Record<string, string>>>> = {
  1: {
    runs: `key IN ${WITHOUT_WAITS}`,
    runConfigs: `key IN ${WITHOUT_WAITS}`,
    steps: `runKey IN ${WITHOUT_WAITS}`,
    messages: `runKey IN ${WITHOUT_WAITS}`,
    attempts: `messageKey IN (SELECT key FROM now.steps WHERE runKey IN ${WITHOUT_WAITS})`,
    deadLetters: `runKey IN ${WITHOUT_WAITS}`,
  },
  2: {
    runs: `key IN ${WITHOUT_WAITS}`,
    runConfigs: `key IN ${WITHOUT_WAITS}`,
    steps: `runKey IN ${WITHOUT_WAITS}`,
    messages: `runKey IS NULL OR runKey IN ${WITHOUT_WAITS}`,
    deadLetters: `runKey IN ${WITHOUT_WAITS}`,
  },
  3: {},
};

/** A database as a server of this version would have left it: the tables and columns of then, with the rows of `busy`. */
function makeOld(version: number, busy: string): string {
  const dataDir = join(directory, `version-${version}`);
  mkdirSync(dataDir);
  const old = new DatabaseSync(join(dataDir, "reprise.db"));
  old.exec("PRAGMA journal_mode = WAL");
  old.exec(readFileSync(new URL(`schemas/version-${version}.sql`, import.meta.url), "utf8"));
  old.prepare("ATTACH ? AS now").run(busy);
  const tables = old.prepare("SELECT name FROM main.sqlite_schema WHERE type = 'table'").all();
  for (const { name: table } of tables) {
    const columns = old.prepare("SELECT name FROM pragma_table_info(?, 'main')").all(String(table));
    const names = columns.map(({ name }) => String(name)).join(", ");
    const where = ROWS[version]?.[String(table)] ?? "TRUE";
    old.exec(
      table === "sequence"
        ? "UPDATE main.sequence SET nextKey = (SELECT nextKey FROM now.sequence)"
        : `INSERT INTO main.${table} (${names}) SELECT ${names} FROM now.${table} WHERE ${where}`,
    );
  }
  old.exec("DETACH now");
  const states = old.prepare("SELECT DISTINCT state FROM messages").all();
  expect(states.map(({ state }) => state)).toEqual(
    expect.arrayContaining(
      version === 1 ? ["failed"] : ["active", "failed", "scheduled", "waiting"],
    ),
  );
  // A run of the first version in the middle of an attempt.
  if (version === 1) {
    old.exec("UPDATE messages SET state = 'active', leaseToken = 1 WHERE state = 'scheduled'");
  }
  old.close();
  return dataDir;
}

test.each([1, 2, 3])(
  "a database of version %i is upgraded, and everything in it goes on",
  async (version) => {
    const dataDir = makeOld(version, await makeBusy(`busy-${version}`));
    const before = world.delivered.length;
    await world.start({ dataDir });
    const open = (await auditDatabase({ dataDir }, { isDeep: true })).findings;
    expect(open).toEqual([]);
    if (version === 1) await finishRuns();
    else await finish(world);
    const seen = new Set(world.delivered.map(({ path }) => path));
    const wanted = version === 1 ? ["/sleeping", "/failing"] : wantedPaths;
    expect(wanted.filter((path) => !seen.has(path))).toEqual([]);
    const since = world.delivered.slice(before).map(({ path }) => path);
    expect(since).toContain("/sleeping");
    expect(await world.stateOf("sleeping")).toBe("RUN_SUCCESS");
    expect(await world.stateOf("quick")).toBe("RUN_SUCCESS");
    expect((await auditDatabase({ dataDir }, { isDeep: true })).findings).toEqual([]);
    await world.close();
  },
);

async function finishRuns(): Promise<void> {
  world.release();
  await until(
    "the end of all runs",
    async () => {
      for (const id of await deadLettersOf(world, "/v2/workflows/dlq")) {
        await world.ask(`/v2/workflows/dlq/resume/${id}`, { method: "POST" });
      }
      const answer = await world.ask("/v2/workflows/logs?state=RUN_STARTED&trimBody=-1");
      // The answer of this server has this shape.
      return (answer as { readonly runs: readonly object[] }).runs.length === 0;
    },
    120_000,
    50,
  );
}
