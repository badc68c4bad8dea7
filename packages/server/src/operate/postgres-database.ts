import { isRepriseError } from "@reprise/protocol";
import type { Client } from "pg";
import { toRefusal } from "../store/postgres-errors.ts";
import { isPooledUrl, withoutSecrets } from "../store/postgres-url.ts";
import { fromText } from "../store/postgres-values.ts";
import type { Database, DatabaseRow } from "./database.ts";

/** OIDs of the types whose values `pg` gives as text, because a number of JavaScript may be too small for them. */
const INT8 = 20;
const NUMERIC = 1700;

/** A PostgreSQL database behind a connection whose transactions cannot write. */
export async function openPostgresDatabase(databaseUrl: string): Promise<Database> {
  const name = withoutSecrets(databaseUrl);
  const client = await connectPostgres(databaseUrl);
  return {
    kind: "postgres",
    name,
    all: (sql) => attempt(name, () => readOnly(client, sql)),
    now: async () => {
      const sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS n";
      const [row] = await attempt(name, () => readOnly(client, sql));
      return Number(row?.n);
    },
    isInUse: async () => {
      const sql = `SELECT count(*) AS n FROM nodes
        WHERE "leaseUntil" > (extract(epoch FROM clock_timestamp()) * 1000)::bigint`;
      const [row] = await attempt(name, () => readOnly(client, sql));
      return Number(row?.n) > 0;
    },
    close: () => client.end(),
  };
}

/** One simple query is one transaction; the settings of a session would not survive a pooler. */
async function readOnly(client: Client, sql: string): Promise<readonly DatabaseRow[]> {
  // Several statements in one text have one result each, which the type of `query` does not say.
  const results = (await client.query(`BEGIN READ ONLY; ${sql}; COMMIT`)) as unknown as readonly {
    readonly rows: readonly DatabaseRow[];
  }[];
  return (results[1]?.rows ?? []).map(toPlain);
}

/** Texts as they were written: the store writes some characters as two. */
function toPlain(row: DatabaseRow): DatabaseRow {
  const entries = Object.entries(row).map(([name, value]) => [
    name,
    typeof value === "string" ? fromText("TEXT", value) : value,
  ]);
  return Object.fromEntries(entries);
}

/**
 * Opens a connection whose whole numbers are numbers.
 * @throws RepriseError `storage_unavailable` that says what to look at.
 */
export async function connectPostgres(databaseUrl: string): Promise<Client> {
  const name = withoutSecrets(databaseUrl);
  return attempt(name, async () => {
    isPooledUrl(databaseUrl);
    // Loaded late: an embedded server does without it.
    const { Client, types } = await import("pg");
    const client = new Client({
      connectionString: databaseUrl,
      application_name: "reprise tools",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      types: {
        getTypeParser: ((oid: number, format: "text" | "binary") =>
          oid === INT8 || oid === NUMERIC
            ? Number
            : // The parsers of both formats have the same shape.
              types.getTypeParser(oid, format as "text")) as typeof types.getTypeParser,
      },
    });
    // Without a listener the end of an idle connection would end the process.
    client.on("error", () => {});
    await client.connect();
    return client;
  });
}

const CONNECT_TIMEOUT_MS = 10_000;

async function attempt<R>(name: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    throw isRepriseError(error) ? error : toRefusal(error, `be used at ${name}`);
  }
}
