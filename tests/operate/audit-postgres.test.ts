import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditDatabase, moveDatabase } from "@reprise/server";
import { type EmbeddedPostgres, startPostgres } from "@reprise/server/embedded-postgres.suite";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { quietSdk } from "../conformance/quiet-sdk.ts";
import { fill, finish } from "./busy-work.ts";
import { BusyWorld } from "./busy-world.ts";
import { type Plant, plants } from "./plants.ts";

quietSdk();
// Whole worlds on machines that may be slow: several waits, each of which has a deadline of its own.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let directory: string;
let postgres: EmbeddedPostgres;
let base: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "reprise-audit-postgres-"));
  // Nothing here depends on the disk.
  postgres = await startPostgres({ fsync: false });
  base = await postgres.createDatabase();
  const world = new BusyWorld(600);
  await world.start({ dataDir: directory });
  await fill(world);
  await world.stop();
  await world.close();
  await moveDatabase({ dataDir: directory, databaseUrl: base });
  // Plays a server that is alone with the database: a lease that lasts, and its name at what is in flight.
  await postgres.query(
    `INSERT INTO nodes (key, id, "startedAt", "leaseUntil") VALUES (90000, 'nod_test', 1, 9999999999999);
     UPDATE messages SET "nodeKey" = 90000 WHERE state IN ('active', 'canceling');
     ${SEQUENCE}`,
    base,
  );
  await keepTables();
});

afterAll(async () => {
  await postgres.remove();
  rmSync(directory, { recursive: true, force: true });
});

/** Keeps all tables as they are now, to bring them back behind each fault: a database for each would take a second. */
async function keepTables(): Promise<void> {
  const found = await postgres.query(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
    base,
  );
  const names = found.map(({ name }) => `"${String(name)}"`);
  const copies = names.map((name) => `CREATE TABLE kept.${name} AS TABLE public.${name}`);
  await postgres.query(`CREATE SCHEMA kept; ${copies.join("; ")}`, base);
  const inserts = names.map((name) => `INSERT INTO public.${name} SELECT * FROM kept.${name}`);
  const deletes = names.map((name) => `DELETE FROM public.${name}`);
  bringBack = [...deletes, ...inserts, SEQUENCE].join("; ");
}

const SEQUENCE = `SELECT setval('"keyBlocks"', 90000)`;
let bringBack = "";

/** As PostgreSQL wants names with a capital letter inside. */
function quoted(sql: string): string {
  const words = /'[^']*'|\b[a-z]+(?:[A-Z][a-zA-Z]*)+\b/g;
  return sql.replace(words, (word) => (word.startsWith("'") ? word : `"${word}"`));
}

const sequencePlant: Plant = {
  check: "key-sequence",
  sql: [`SELECT setval('"keyBlocks"', 3)`],
};

describe("a planted fault is found", () => {
  test.each([...plants, sequencePlant])("$check", async ({ check, sql, also = [] }) => {
    for (const statement of sql) await postgres.query(quoted(statement), base);
    const { findings, isInUse } = await auditDatabase({ databaseUrl: base }, { isDeep: true });
    await postgres.query(bringBack, base);
    expect(isInUse).toBe(true);
    expect(findings.map((finding) => finding.name).toSorted()).toEqual([check, ...also].toSorted());
  });
});

test("a busy healthy database is clean while servers work with it", async () => {
  const url = await postgres.createDatabase();
  const world = new BusyWorld(2);
  await world.start({ databaseUrl: url });
  await fill(world);
  const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 300));
  let isOver = false;
  const load = (async () => {
    while (!isOver) {
      await Promise.all([
        world.publish("/hook/load"),
        world.enqueue("loaded", "/hook/loaded"),
        world.trigger("/quick", "load"),
      ]);
    }
  })();
  for (let round = 0; round < 4; round += 1) {
    const report = await auditDatabase({ databaseUrl: url }, { pause, isDeep: round === 3 });
    expect(report).toMatchObject({ findings: [], isInUse: true });
  }
  isOver = true;
  await load;
  await finish(world);
  await world.close();
  const { findings } = await auditDatabase({ databaseUrl: url }, { isDeep: true });
  expect(findings).toEqual([]);
  await postgres.dropDatabase(url);
});

test("the audit writes nothing: a user who may only read is enough", async () => {
  await postgres.query(
    `DROP ROLE IF EXISTS looker; CREATE ROLE looker LOGIN PASSWORD 'look'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker;
     GRANT SELECT ON SEQUENCE "keyBlocks" TO looker`,
    base,
  );
  const url = new URL(base);
  url.username = "looker";
  url.password = "look";
  expect(await auditDatabase({ databaseUrl: url.href }, { isDeep: true })).toMatchObject({
    findings: [],
  });
  await postgres.query("DROP OWNED BY looker; DROP ROLE looker", base);
});
