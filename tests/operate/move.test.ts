import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageKey } from "@reprise/protocol";
import { auditDatabase, moveDatabase, planMove, tryMove } from "@reprise/server";
import { type EmbeddedPostgres, embeddedPostgres } from "@reprise/server/embedded-postgres.suite";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { fill, finish, wantedPaths } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";
import { runCli } from "./cli.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let directory: string;
let dataDir: string;
let databaseUrl: string;
let postgres: EmbeddedPostgres;
let world: BusyWorld;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-move-"));
  dataDir = join(directory, "data");
  postgres = await embeddedPostgres();
  databaseUrl = await postgres.createDatabase();
  world = new BusyWorld(2);
  await world.start({ dataDir });
});

afterEach(async () => {
  await world.close();
  await postgres.dropDatabase(databaseUrl);
  rmSync(directory, { recursive: true, force: true });
});

function change(sql: string): void {
  const database = new DatabaseSync(join(dataDir, "reprise.db"), { timeout: 5_000 });
  database.exec(sql);
  database.close();
}

test("everything that is under way in a stopped server goes on in PostgreSQL", async () => {
  await fill(world);
  await world.stop();
  // A tick that came while no server ran is made up for by the next one.
  change("UPDATE schedules SET dueAt = 1700000000000 WHERE id = 'often'");
  const before = readFileSync(join(dataDir, "reprise.db"));
  const report = await moveDatabase({ dataDir, databaseUrl });
  expect(report).toMatchObject({ isResumed: false, source: join(dataDir, "reprise.db") });
  const moved = Object.fromEntries(report.tables.map(({ table, rows }) => [table, rows]));
  expect(Object.keys(moved).filter((table) => moved[table] === 0)).toEqual([]);
  expect(readFileSync(join(dataDir, "reprise.db")).equals(before)).toBe(true);
  expect((await auditDatabase({ databaseUrl }, { isDeep: true })).findings).toEqual([]);
  const delivered = world.delivered.length;
  await world.start({ dataDir: join(directory, "unused"), databaseUrl });
  await finish(world);
  const all = new Set(world.delivered.map(({ path }) => path));
  expect(wantedPaths.filter((path) => !all.has(path))).toEqual([]);
  const since = world.delivered.slice(delivered).map(({ path }) => path);
  expect(since).toContain("/hook/tick-often");
  // A message that had arrived is not delivered again.
  expect(since).not.toContain("/hook/done");
  expect(world.delivered.filter(({ path }) => path === "/hook/delayed")).toHaveLength(1);
  for (const [name, state] of [
    ["sleeping", "RUN_SUCCESS"],
    ["calling", "RUN_SUCCESS"],
    ["parent", "RUN_SUCCESS"],
    ["kept", "RUN_SUCCESS"],
    ["canceled", "RUN_CANCELED"],
    ["quick", "RUN_SUCCESS"],
  ] as const) {
    expect([name, await world.stateOf(name)]).toEqual([name, state]);
  }
  const report2 = await auditDatabase({ databaseUrl }, { isDeep: true, pause: async () => {} });
  expect(report2.findings).toEqual([]);
  expect(report2.isInUse).toBe(true);
});

test("ids, tokens and keys go on: nothing that clients hold loses its meaning", async () => {
  const id = await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  const answer = await world.ask("/v2/tokens", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "app", scope: "full" }),
  });
  const keys = await world.ask("/v2/keys");
  await world.stop();
  await moveDatabase({ dataDir, databaseUrl });
  await world.start({ databaseUrl });
  expect(await world.ask(`/v2/messages/${id}`)).toMatchObject({ messageId: id });
  expect(await world.ask("/v2/keys")).toEqual(keys);
  // The answer of this server has this shape.
  const { token } = answer as { readonly token: string };
  const asked = await fetch(`${world.server.url}/v2/messages/${id}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  expect(asked.status).toBe(200);
  const next = await world.publish("/hook/next", { "Upstash-Delay": "1d" });
  expect(messageKey(next) ?? 0).toBeGreaterThan(messageKey(id) ?? 0);
});

test("values that databases treat differently arrive as they were", async () => {
  await world.stop();
  change(`INSERT INTO queues (key, name, createdAt, updatedAt, parallelism, isPaused, openCount, waitingCount)
    VALUES (90001, 'nul' || char(0) || 'one' || char(1) || 'é𝄞', 1, 9007199254740991, 1, 0, 0, 0);
    INSERT INTO steps VALUES (90002, 5, 0, 0, 0, 0, 0, 'step', '{}', x'00ff00');
    INSERT INTO steps VALUES (90003, 5, 1, 1, 0, 0, 0, 'step', '', x'');
    UPDATE sequence SET nextKey = 90010`);
  const report = await moveDatabase({ dataDir, databaseUrl });
  expect(report.tables.find(({ table }) => table === "steps")?.rows).toBe(2);
  const found = await postgres.query(
    `SELECT encode(body, 'hex') AS body FROM steps ORDER BY key`,
    databaseUrl,
  );
  expect(found).toEqual([{ body: "00ff00" }, { body: "" }]);
  const [sequence] = await postgres.query(`SELECT last_value FROM "keyBlocks"`, databaseUrl);
  expect(Number(sequence?.last_value) * 8).toBeGreaterThanOrEqual(90_010);
});

test("a move that is interrupted anywhere goes on, and no server starts before it is done", async () => {
  await fill(world);
  await world.stop();
  const total = (await planMove(dataDir)).tables.length;
  let stops = 0;
  for (let done = false; !done && stops <= total; ) {
    let table = "";
    let seen = 0;
    const onProgress = (progress: { readonly step: string; readonly table: string }) => {
      if (progress.table !== table) seen += 1;
      table = progress.table;
      if (progress.step === "copy" && seen > 1) throw new Error("stopped on purpose");
    };
    try {
      await moveDatabase({ dataDir, databaseUrl, onProgress });
      done = true;
    } catch (error) {
      expect(String(error)).toContain("stopped on purpose");
      stops += 1;
      await expect(world.start({ databaseUrl })).rejects.toThrow(/was not finished/);
    }
  }
  expect(stops).toBeGreaterThan(5);
  expect((await auditDatabase({ databaseUrl }, { isDeep: true })).findings).toEqual([]);
  await world.start({ databaseUrl });
});

test("a source that went on meanwhile, or another one, is not mixed with what is there", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await world.stop();
  const onProgress = () => {
    throw new Error("stopped on purpose");
  };
  await expect(moveDatabase({ dataDir, databaseUrl, onProgress })).rejects.toThrow("on purpose");
  await world.start({ dataDir });
  await world.publish("/hook/later", { "Upstash-Delay": "1d" });
  await world.stop();
  await expect(moveDatabase({ dataDir, databaseUrl })).rejects.toThrow(
    /another state of this one, .* was not finished; drop that database/,
  );
  await expect(tryMove(dataDir, databaseUrl)).resolves.toMatchObject({ state: "halfMoved" });
});

test("the source needs to be stopped and the target to be empty; each refusal says what to do", async () => {
  await expect(moveDatabase({ dataDir, databaseUrl })).rejects.toThrow(/in use by another Reprise/);
  await world.stop();
  await world.start({ databaseUrl });
  await expect(moveDatabase({ dataDir, databaseUrl })).rejects.toThrow(
    /is not empty: there are rows in/,
  );
  await expect(tryMove(dataDir, databaseUrl)).rejects.toThrow(/is not empty/);
  await world.stop();
  const foreign = await postgres.createDatabase();
  await postgres.query("CREATE TABLE customers (id int)", foreign);
  await expect(tryMove(dataDir, foreign)).rejects.toThrow(/tables of another program/);
  await expect(moveDatabase({ dataDir, databaseUrl: foreign })).rejects.toThrow(/another program/);
  await postgres.dropDatabase(foreign);
  const nowhere = moveDatabase({ dataDir: join(directory, "nowhere"), databaseUrl });
  await expect(nowhere).rejects.toThrow(/there is no database/);
});

test("a source behind a move does not start again by accident, and can be moved once", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await world.stop();
  await moveDatabase({ dataDir, databaseUrl });
  await expect(world.start({ dataDir })).rejects.toThrow(
    /was moved to postgres:.*REPRISE_DATABASE_URL.*delete/,
  );
  const other = await postgres.createDatabase();
  await expect(moveDatabase({ dataDir, databaseUrl: other })).rejects.toThrow(
    /was moved to .* already/,
  );
  await postgres.dropDatabase(other);
  rmSync(join(dataDir, "reprise.moved"));
  await world.start({ dataDir });
});

test("a copy that differs is no move", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await world.stop();
  // A trigger stands for a database that keeps something else than it was given.
  const half = moveDatabase({
    dataDir,
    databaseUrl,
    onProgress: () => {
      throw new Error("stopped on purpose");
    },
  });
  await expect(half).rejects.toThrow("on purpose");
  await postgres.query(
    `CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.url := NEW.url || '?'; RETURN NEW; END $$;
     CREATE TRIGGER change BEFORE INSERT ON envelopes FOR EACH ROW EXECUTE FUNCTION change()`,
    databaseUrl,
  );
  await expect(moveDatabase({ dataDir, databaseUrl })).rejects.toThrow(
    /the copy of envelopes is not what is in the source/,
  );
  expect(existsSync(join(dataDir, "reprise.moved"))).toBe(false);
  await expect(world.start({ databaseUrl })).rejects.toThrow(/was not finished/);
  await world.start({ dataDir });
});

test("a database of an older version is moved as the newest, and stays as it is itself", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await world.stop();
  change(`DROP INDEX deadLettersByGroup; DROP INDEX deadLettersCounted; DROP INDEX deadMessagesByGroup; DROP INDEX deadMessagesCounted;
    ALTER TABLE deadLetters DROP COLUMN failureCause;
    ALTER TABLE deadLetters DROP COLUMN groupId;
    ALTER TABLE deadLetters DROP COLUMN failureText;
    ALTER TABLE deadLetters DROP COLUMN stepName;
    ALTER TABLE deadMessages DROP COLUMN failureCause;
    ALTER TABLE deadMessages DROP COLUMN groupId;
    ALTER TABLE deadMessages DROP COLUMN failureText;
    DROP INDEX attemptsByRun; ALTER TABLE attempts DROP COLUMN runKey;
    ALTER TABLE deadLetters DROP COLUMN isHeld; ALTER TABLE deadMessages DROP COLUMN isHeld;
    DROP TABLE audits; PRAGMA user_version = 4`);
  const before = readFileSync(join(dataDir, "reprise.db"));
  const report = await moveDatabase({ dataDir, databaseUrl });
  expect(report.tables.find(({ table }) => table === "messages")?.rows).toBe(1);
  expect(readFileSync(join(dataDir, "reprise.db")).equals(before)).toBe(true);
  expect(existsSync(join(dataDir, "reprise.db.moving"))).toBe(false);
  await world.start({ databaseUrl });
});

test("the command plans, tries and moves, and says what to do next", async () => {
  await world.publish("/hook/late", { "Upstash-Delay": "1d" });
  await world.stop();
  const plan = await runCli(["migrate", "--from", dataDir, "--plan"]);
  expect([plan.exitCode, plan.out]).toEqual([0, expect.stringMatching(/^messages +1$/m)]);
  const tried = await runCli(["migrate", "--from", dataDir, "--to", databaseUrl, "--dry-run"]);
  expect([tried.exitCode, tried.err]).toEqual([
    0,
    expect.stringMatching(/would be moved; postgres:.* is ready for it; nothing was changed/),
  ]);
  const password = new URL(databaseUrl).password;
  const moved = await runCli(["migrate", "--from", dataDir, "--to", databaseUrl]);
  expect(moved.exitCode).toBe(0);
  expect(moved.out).toMatch(/^messages +1 +[0-9a-f]{16}$/m);
  expect(moved.err).toMatch(/moved and compared: \d+ rows, the same in postgres:/);
  expect(moved.out + moved.err + tried.err).not.toContain(password);
  for (const args of [
    ["migrate", "--to", databaseUrl],
    ["migrate", "--from", dataDir],
  ]) {
    expect((await runCli(args)).exitCode).toBe(2);
  }
});
