import { columnTypes } from "./columns.ts";
import { type EmbeddedPostgres, embeddedPostgres } from "./embedded-postgres.suite.ts";
import { openPostgresStore, type PostgresStoreOptions } from "./postgres.ts";
import type { Store } from "./store.ts";

/** Databases whose stores were closed: emptied, they serve the next test, because making one takes long. */
const free: string[] = [];

const EMPTY_ALL = Object.keys(columnTypes)
  .map((table) => `DELETE FROM "${table}"`)
  .join("; ");

/** Opens an empty store in a database of its own on the server of this test process. */
export async function openTestStore(options: Partial<PostgresStoreOptions> = {}): Promise<Store> {
  const server = await embeddedPostgres();
  const url = options.url ?? (await emptyDatabase(server));
  const store = await openPostgresStore({ ...options, url });
  let isClosed = false;
  const close = async (): Promise<void> => {
    await store.close();
    if (!isClosed && options.url === undefined) free.push(url);
    isClosed = true;
  };
  // The store lives in a class whose methods need their own `this`.
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "close") return close;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function emptyDatabase(server: EmbeddedPostgres): Promise<string> {
  const url = free.pop();
  if (url === undefined) return server.createDatabase();
  await server.query(EMPTY_ALL, url);
  return url;
}
