import { RepriseError } from "@reprise/protocol";
import type { TableName, Tables } from "../core/rows.ts";
import { openPostgresStore } from "../store/postgres.ts";
import { KEYS_PER_BLOCK } from "../store/postgres-statements.ts";
import { withoutSecrets } from "../store/postgres-url.ts";
import type { Store } from "../store/store.ts";
import { tableNames } from "./database.ts";
import { MOVE_MARK, moveMarkOf } from "./move-mark.ts";
import { connectPostgres } from "./postgres-database.ts";

/** A PostgreSQL that takes everything of an embedded database. Until all of it is there, a mark keeps servers away. */
export interface MoveTarget {
  readonly name: string;
  /** Whether an earlier move of the same source was interrupted here. */
  readonly isResumed: boolean;
  /** The highest key of a table, or 0: everything up to it is there. */
  highestKey(table: TableName): Promise<number>;
  insert<T extends TableName>(table: T, rows: readonly Tables[T][]): Promise<void>;
  /** Rows with keys from `from` to `to`, in their order. */
  read<T extends TableName>(table: T, from: number, to: number): Promise<readonly Tables[T][]>;
  count(table: TableName): Promise<number>;
  /** Lets keys go on behind those of the source. */
  continueKeys(nextKey: number): Promise<void>;
  /** Takes the mark away: servers may start. */
  release(): Promise<void>;
  close(): Promise<void>;
}

/** No row of a server has this key: sequences begin at 1. */
const MARK_KEY = 0;

/**
 * Prepares an empty database, or goes on with one that a move of the same source has left half-way.
 * @throws RepriseError `invalid_request` when anything else is in it.
 */
export async function openMoveTarget(
  databaseUrl: string,
  fingerprint: string,
): Promise<MoveTarget> {
  const store = await openPostgresStore({ url: databaseUrl });
  const name = withoutSecrets(databaseUrl);
  try {
    const isResumed = await claim(store, name, fingerprint);
    return createTarget({ store, name, databaseUrl, isResumed });
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function claim(store: Store, name: string, fingerprint: string): Promise<boolean> {
  return store.transaction(async (transaction) => {
    const mark = await moveMarkOf(transaction);
    if (mark === fingerprint) return true;
    if (mark !== null) {
      throw new RepriseError("invalid_request", {
        message:
          `a move of another database, or of another state of this one, into ${name} was not finished; ` +
          "drop that database, create it anew, and begin again",
      });
    }
    for (const table of tableNames) {
      if ((await transaction.count(table, [])) === 0) continue;
      throw new RepriseError("invalid_request", {
        message: `${name} is not empty: there are rows in ${table}; move into a new database`,
      });
    }
    const row = { key: MARK_KEY, name: MOVE_MARK, value: fingerprint };
    await transaction.write([{ type: "insert", table: "settings", row }]);
    return false;
  });
}

interface TargetParts {
  readonly store: Store;
  readonly name: string;
  readonly databaseUrl: string;
  readonly isResumed: boolean;
}

/** The mark is no row of the source. */
const unmarked = { type: "range", column: "key", from: MARK_KEY + 1 } as const;

function createTarget({ store, name, databaseUrl, isResumed }: TargetParts): MoveTarget {
  return {
    name,
    isResumed,
    highestKey: async (table) => {
      const [last] = await store.list(table, { where: [], order: "descending", limit: 1 });
      return last?.key ?? 0;
    },
    insert: async <T extends TableName>(table: T, rows: readonly Tables[T][]) => {
      await store.transaction((transaction) =>
        // The row is one of its table, which the union of changes cannot show for a table that varies.
        transaction.write(rows.map((row) => ({ type: "insert", table, row }) as never)),
      );
    },
    read: (table, from, to) =>
      store.list(table, {
        where: [{ type: "range", column: "key", from, to }],
        order: "ascending",
        limit: to - from + 1,
      }),
    count: (table) => store.count(table, [unmarked]),
    continueKeys: (nextKey) => continueKeys(databaseUrl, nextKey),
    release: async () => {
      await store.transaction((transaction) =>
        transaction.write([{ type: "delete", table: "settings", key: MARK_KEY }]),
      );
    },
    close: () => store.close(),
  };
}

/** The next block begins at or behind the first free key. The statistics are new as well: a server plans with them at once. */
async function continueKeys(databaseUrl: string, nextKey: number): Promise<void> {
  const client = await connectPostgres(databaseUrl);
  try {
    const block = Math.max(1, Math.ceil(nextKey / KEYS_PER_BLOCK));
    await client.query(`SELECT setval('"keyBlocks"', ${block}, false)`);
    await client.query("ANALYZE");
  } finally {
    await client.end();
  }
}
