import { afterEach, beforeEach, expect, test } from "vitest";
import { embeddedPostgres } from "./embedded-postgres.suite.ts";
import { openPostgresStore } from "./postgres.ts";
import { insert, runRow } from "./rows.suite.ts";
import type { Store } from "./store.ts";

/** A database that ends transactions with a code of its choice: a trigger raises it, and a sequence counts, which no rollback undoes. */

let store: Store;
let url: string;

beforeEach(async () => {
  const server = await embeddedPostgres();
  url = await server.createDatabase();
  store = await openPostgresStore({ url });
});

afterEach(async () => {
  await store.close();
  await (await embeddedPostgres()).dropDatabase(url);
});

/** The first `count` inserts of a run fail with `code`. */
async function failInserts(code: string, count: number): Promise<void> {
  const server = await embeddedPostgres();
  await server.query(
    `CREATE SEQUENCE tries;
     CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       IF nextval('tries') <= ${count} THEN
         RAISE EXCEPTION 'on purpose' USING ERRCODE = '${code}';
       END IF;
       RETURN NEW;
     END $$;
     CREATE TRIGGER refuse BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION refuse()`,
    url,
  );
}

/** Inserts a run and reads it again; gives how often the work has run. */
async function insertRun(): Promise<{ readonly works: number; readonly seen: number[] }> {
  let works = 0;
  const seen: number[] = [];
  await store.transaction(async (transaction) => {
    works += 1;
    const before = await transaction.get("runs", [1]);
    seen.push(before.length);
    await transaction.write([insert("runs", runRow(1))]);
    // Of a write that fails the next read hears, or the commit.
    if (works % 2 === 0) await transaction.get("runs", [1]);
  });
  return { works, seen };
}

test.each(["40001", "40P01", "55P03"])(
  "work that the database has ended with %s runs again, whole, and is kept once",
  async (code) => {
    await failInserts(code, 3);
    expect(await insertRun()).toEqual({ works: 4, seen: [0, 0, 0, 0] });
    expect(await store.count("runs", [])).toBe(1);
  },
);

test("it runs again a bounded number of times; then the caller hears that the storage cannot be used", async () => {
  await failInserts("40001", 1_000);
  await expect(insertRun()).rejects.toMatchObject({ code: "storage_unavailable" });
  expect(await store.count("runs", [])).toBe(0);
  const [row] = await (await embeddedPostgres()).query("SELECT last_value::int FROM tries", url);
  expect(row).toEqual({ last_value: 13 });
});

test.each(["23514", "42P01", "53100"])(
  "work that ended with %s is not run again: nobody has lost a race",
  async (code) => {
    await failInserts(code, 1);
    await expect(insertRun()).rejects.toThrow(/on purpose/);
    expect(await store.count("runs", [])).toBe(0);
    expect((await insertRun()).works).toBe(1);
  },
);

test("a refusal of the work itself is no race either, and undoes what it has written", async () => {
  let works = 0;
  const refused = store.transaction(async (transaction) => {
    works += 1;
    await transaction.write([insert("runs", runRow(1))]);
    throw new Error("not wanted");
  });
  await expect(refused).rejects.toThrow("not wanted");
  expect([works, await store.count("runs", [])]).toEqual([1, 0]);
});
