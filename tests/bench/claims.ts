import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { openSqliteStore, type Store } from "@reprise/server";
import { openPostgresStore } from "@reprise/server/embedded-postgres.suite";
import { Client } from "pg";
import { databaseOf } from "./database.ts";
import { percentilesOf } from "./percentiles.ts";
import type { Fact } from "./report.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

const CLAIMS = 300;
const CLAIMED_AT_ONCE = 100;

/** Columns that may not be empty, with values for the row `n`; those that matter here are given each time. */
const COLUMNS = `"key", "kind", "createdAt", "retried", "retries", "leaseToken", "url", "hasCallback"`;
const CELLS = "n, 'plain', 1, 0, 3, 0, 'http://localhost', 0";

/** What it takes to find out what is due beside `pending` messages of the future, of a line, and of another node. */
export async function measureClaims(pending: number): Promise<readonly Fact[]> {
  return withTemporaryDirectory(async (directory) => {
    const url = await databaseOf(directory);
    const path = join(directory, "reprise.db");
    const open = () => (url === null ? openSqliteStore({ path }) : openPostgresStore({ url }));
    await (await open()).close();
    await fill(pending, { url, path });
    const store = await open();
    try {
      return await measure(store, pending);
    } finally {
      await store.close();
    }
  });
}

async function fill(
  pending: number,
  { url, path }: { readonly url: string | null; readonly path: string },
): Promise<void> {
  const future = Date.now() + 864_000_000;
  const rows = (numbers: string) => `
    INSERT INTO "messages" (${COLUMNS}, "state", "dueAt", "gate", "waitOrder")
    SELECT ${CELLS}, CASE WHEN n % 10 = 0 THEN 'waiting' ELSE 'scheduled' END, ${future} + n,
      CASE WHEN n % 10 = 0 THEN 'queue:' || (n % 7) END, CASE WHEN n % 10 = 0 THEN n END FROM ${numbers}`;
  if (url === null) {
    const database = new DatabaseSync(path);
    database.exec(
      rows(
        `(WITH RECURSIVE each (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM each WHERE n < ${pending}) SELECT n FROM each)`,
      ),
    );
    database.close();
    return;
  }
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(rows(`generate_series(1, ${pending}) AS n`));
  // Due ones, each claimed once; no statistics are taken: they are always old when a rush comes.
  await client.query(`SELECT setval('"keyBlocks"', ${pending})`);
  await client.end();
}

async function measure(store: Store, pending: number): Promise<readonly Fact[]> {
  const empty: number[] = [];
  const full: number[] = [];
  const next: number[] = [];
  const lines: number[] = [];
  for (let round = 0; round < CLAIMS; round += 1) {
    await timed(empty, () => claim(store, Date.now(), 0));
    await timed(next, () => store.nextDueAt(7));
    await timed(lines, () =>
      store.transaction((transaction) => transaction.claimWaiting("queue:0", CLAIMED_AT_ONCE)),
    );
  }
  // As many as a claim takes at most, on the near end of the great many.
  await store.transaction(async (transaction) => {
    const rows = await transaction.list("messages", {
      where: [{ type: "in", column: "state", values: ["scheduled"] }],
      order: "ascending",
      limit: CLAIMED_AT_ONCE,
    });
    await transaction.write(
      rows.map(({ key }) => ({
        type: "update" as const,
        table: "messages" as const,
        key,
        set: { dueAt: 1 },
      })),
    );
  });
  for (let round = 0; round < CLAIMS; round += 1) {
    await timed(full, () => claim(store, Date.now(), CLAIMED_AT_ONCE));
  }
  return [
    fact("messages pending", pending, "rows"),
    ...percentiles("claim of nothing", empty),
    ...percentiles(`claim of ${CLAIMED_AT_ONCE}`, full),
    ...percentiles(`claim of ${CLAIMED_AT_ONCE} of a line`, lines),
    ...percentiles("next instant", next),
  ];
}

async function claim(store: Store, now: number, expected: number): Promise<void> {
  await store.transaction(async (transaction) => {
    const rows = await transaction.claimDue("messages", now, CLAIMED_AT_ONCE, 7);
    if (rows.length !== expected) throw new Error(`claimed ${rows.length}, not ${expected}`);
  });
}

async function timed(times: number[], work: () => Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await work();
  times.push(performance.now() - startedAt);
}

function percentiles(what: string, times: readonly number[]): readonly Fact[] {
  const { p50, p99 } = percentilesOf([...times]);
  return [fact(`p50 of a ${what}`, p50, "ms"), fact(`p99 of a ${what}`, p99, "ms")];
}

function fact(what: string, value: number, unit: string): Fact {
  return { name: "messages.claim", what, value, unit, ceiling: null };
}
