import { beforeAll, expect, test } from "vitest";
import {
  type EmbeddedPostgres,
  embeddedPostgres,
  startPostgres,
} from "./embedded-postgres.suite.ts";
import { openPostgresStore } from "./postgres.ts";
import { insert, keysOf, runRow } from "./rows.suite.ts";
import { write } from "./store.suite.ts";
import type { Store } from "./store.ts";

/** States that a database can be in and that a server has to name; and what becomes of a store when its database goes and comes. */

let server: EmbeddedPostgres;

beforeAll(async () => {
  server = await embeddedPostgres();
});

/** The message of the refusal to open a store. */
async function refusalOf(url: string): Promise<string> {
  try {
    await (await openPostgresStore({ url })).close();
  } catch (error) {
    expect(error).toMatchObject({ code: "storage_unavailable" });
    // Just proven to be one of ours.
    return (error as Error).message;
  }
  return "";
}

async function withDatabase<R>(work: (url: string) => Promise<R>): Promise<R> {
  const url = await server.createDatabase();
  try {
    return await work(url);
  } finally {
    await server.dropDatabase(url);
  }
}

test("a wrong password is named, and never shown", () =>
  withDatabase(async (url) => {
    const wrong = new URL(url);
    wrong.password = "not-the-secret";
    const message = await refusalOf(wrong.href);
    expect(message).toMatch(/password authentication failed.*28P01.*check user and password/);
    expect(message).not.toContain("not-the-secret");
  }));

test("a database that does not exist is named", async () => {
  const url = new URL(await server.createDatabase());
  await server.dropDatabase(url.href);
  expect(await refusalOf(url.href)).toMatch(/does not exist.*3D000.*create the database/);
});

test("a port that nobody listens at, and a host that nobody knows", async () => {
  // A port that was free a moment ago may be somebody else's by now; this one is for a service that nobody has.
  const refused = await refusalOf("postgres://u:p@127.0.0.1:1/db");
  expect(refused).toMatch(/ECONNREFUSED.*nobody listens there/);
  const unknown = await refusalOf("postgres://u:p@reprise.invalid/db");
  expect(unknown).toMatch(/reprise\.invalid.*(is not known|cannot be looked up)/);
});

test.each(["mysql://u:p@localhost/db", "localhost:5432/db", "postgres://", ""])(
  "%s is no URL of a database",
  async (url) => {
    expect(await refusalOf(url)).toMatch(/must be a URL like|could not be reached/);
  },
);

test("a database that only reads is refused", () =>
  withDatabase(async (url) => {
    await (await openPostgresStore({ url })).close();
    const name = new URL(url).pathname.slice(1);
    await server.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    expect(await refusalOf(url)).toMatch(/only reads.*must lead to the primary/);
  }));

test("a database that says that a commit is kept before it is, is refused", () =>
  withDatabase(async (url) => {
    const name = new URL(url).pathname.slice(1);
    await server.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
    expect(await refusalOf(url)).toMatch(/synchronous_commit off.*lose acknowledged work/);
  }));

test("a database of a newer server is refused, and left as it is", () =>
  withDatabase(async (url) => {
    await (await openPostgresStore({ url })).close();
    await server.query(`UPDATE "repriseSchema" SET "version" = 99`, url);
    expect(await refusalOf(url)).toMatch(/schema version 99, this server knows versions up to \d+/);
    expect(await server.query(`SELECT "version"::int FROM "repriseSchema"`, url)).toEqual([
      { version: 99 },
    ]);
  }));

test("a database of another program is refused, and left as it is", () =>
  withDatabase(async (url) => {
    await server.query("CREATE TABLE customers (id int)", url);
    expect(await refusalOf(url)).toMatch(/belongs to another program/);
    const tables = await server.query(
      "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
      url,
    );
    expect(tables).toEqual([{ relname: "customers" }]);
  }));

test("an encoding that cannot hold every text is refused", async () => {
  const url = await server.createDatabase({ clauses: "ENCODING 'LATIN1'" });
  expect(await refusalOf(url)).toMatch(/encoding LATIN1.*UTF8/);
  await server.dropDatabase(url);
});

test("a store opens again what another one has written", () =>
  withDatabase(async (url) => {
    const first = await openPostgresStore({ url });
    await write(first, insert("runs", runRow(1)));
    await first.close();
    const second = await openPostgresStore({ url });
    expect(keysOf(await second.get("runs", [1]))).toEqual([1]);
    await second.close();
  }));

test("behind a pooler nothing is kept in a session", () =>
  withDatabase(async (url) => {
    const store = await openPostgresStore({ url: `${url}?pgbouncer=true` });
    expect(store.hints).toBe(null);
    for (const key of [1, 2, 3]) {
      await write(store, insert("runs", runRow(key)));
      // As a pooler does between two transactions.
      await endSessions(url, "SELECT 1");
    }
    expect(await store.count("runs", [])).toBe(3);
    const prepared = store.transaction(async (transaction) => {
      await transaction.get("runs", [1, 2]);
      return transaction.list("runs", { where: [], order: "ascending", limit: 9 });
    });
    expect(await prepared).toHaveLength(3);
    await store.close();
  }));

/** Runs `how` for every session at the database, for instance `pg_terminate_backend(pid)`. */
async function endSessions(url: string, how: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await server.query(`SELECT (${how}) FROM pg_stat_activity WHERE datname = '${name}'`);
}

test("a session that is ended in a transaction undoes it, and the next transaction has a new one", () =>
  withDatabase(async (url) => {
    const store = await openPostgresStore({ url });
    const broken = store.transaction(async (transaction) => {
      await transaction.write([insert("runs", runRow(1))]);
      await transaction.get("runs", [1]);
      await endSessions(url, "pg_terminate_backend(pid)");
      await transaction.get("runs", [1]);
    });
    await expect(broken).rejects.toMatchObject({ code: "storage_unavailable" });
    await write(store, insert("runs", runRow(2)));
    expect(keysOf(await store.get("runs", [1, 2]))).toEqual([2]);
    await store.close();
  }));

test("sessions that are ended while nobody uses them are replaced", () =>
  withDatabase(async (url) => {
    const store = await openPostgresStore({ url });
    await Promise.all([store.get("runs", [1]), store.get("runs", [1]), store.now()]);
    await endSessions(url, "pg_terminate_backend(pid)");
    await untilServed(store);
    expect(await store.get("runs", [1])).toEqual([]);
    await store.close();
  }));

/** A connection that has just died may still be asked once. */
async function untilServed(store: Store): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const results = await Promise.allSettled([
      store.now(),
      store.count("runs", []),
      store.transaction((transaction) => transaction.now()),
    ]);
    const failed = results.filter((result) => result.status === "rejected");
    for (const { reason } of failed) expect(reason).toMatchObject({ code: "storage_unavailable" });
    if (failed.length === 0) return;
  }
  throw new Error("the store never came back");
}

test("a server that goes away and comes back is found again", async () => {
  const own = await startPostgres();
  const url = await own.createDatabase();
  const store = await openPostgresStore({ url });
  await write(store, insert("runs", runRow(1)));
  await own.kill();
  await expect(write(store, insert("runs", runRow(2)))).rejects.toMatchObject({
    code: "storage_unavailable",
  });
  await expect(store.get("runs", [1])).rejects.toMatchObject({ code: "storage_unavailable" });
  await own.start();
  await untilServed(store);
  await write(store, insert("runs", runRow(3)));
  expect(keysOf(await store.list("runs", { where: [], order: "ascending", limit: 9 }))).toEqual([
    1, 3,
  ]);
  await store.close();
  await own.remove();
});

test("a store is closed although its server has stopped where it is", async () => {
  const own = await startPostgres({ fsync: false });
  const store = await openPostgresStore({ url: await own.createDatabase() });
  await store.get("runs", [1]);
  own.pause();
  await store.close();
  await expect(store.get("runs", [1])).rejects.toThrow(/closed/);
  await own.remove();
});

test("a full number of connections is named", async () => {
  const own = await startPostgres({
    fsync: false,
    settings: { max_connections: "5", superuser_reserved_connections: "0" },
  });
  const url = await own.createDatabase();
  const stores: Store[] = [];
  let message = "";
  try {
    for (let count = 0; count < 6; count += 1) stores.push(await openPostgresStore({ url }));
  } catch (error) {
    message = String(error);
  }
  expect(message).toMatch(/53300.*max_connections/);
  await Promise.all(stores.map((store) => store.close()));
  await own.remove();
});

test("fsync off is a warning", () =>
  withDatabase(async (url) => {
    const warnings: string[] = [];
    const store = await openPostgresStore({ url, onWarning: (text) => warnings.push(text) });
    expect(warnings).toEqual([expect.stringMatching(/fsync off: a power cut can destroy it/)]);
    expect(warnings.join()).not.toContain(new URL(url).password);
    await store.close();
  }));

test("texts keep NUL, the sign that stands for it, and everything around", () =>
  withDatabase(async (url) => {
    const store = await openPostgresStore({ url });
    const texts = ["\0", "\u0001", "\u00010", "\u00011", "\0\u0001\0", "a\0b", "\u0001\u00010\0"];
    const rows = texts.map((name, index) => ({ key: index + 1, name, value: `${name}${name}` }));
    await write(store, ...rows.map((row) => insert("settings", row)));
    for (const row of rows) {
      expect(await store.find("settings", "byName", [[row.name]])).toEqual([row]);
      expect(await store.get("settings", [row.key])).toEqual([row]);
      const where = [{ type: "prefix", column: "name", prefix: row.name }] as const;
      const found = await store.list("settings", { where, order: "ascending", limit: 99 });
      const expected = rows.filter(({ name }) => name.startsWith(row.name));
      expect(found).toEqual(expected);
    }
    await store.close();
  }));

test("half a character becomes the sign for an unknown one, as in the embedded database", () =>
  withDatabase(async (url) => {
    const store = await openPostgresStore({ url });
    await write(store, insert("settings", { key: 1, name: "a\ud800b", value: "\udfff" }));
    expect(await store.get("settings", [1])).toEqual([
      { key: 1, name: "a\ufffdb", value: "\ufffd" },
    ]);
    await store.close();
  }));
