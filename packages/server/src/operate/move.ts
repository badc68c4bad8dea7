import { createHash, type Hash } from "node:crypto";
import { RepriseError } from "@reprise/protocol";
import type { TableName, Tables } from "../core/rows.ts";
import { columnTypes } from "../store/columns.ts";
import { withoutSecrets } from "../store/postgres-url.ts";
import { markMoved, movedTo } from "./move-mark.ts";
import { type MoveSource, movedTables, openMoveSource } from "./move-source.ts";
import { type MoveTarget, openMoveTarget } from "./move-target.ts";

/** Moves an embedded database with everything that is under way in it into an empty PostgreSQL. */

export interface MoveOptions {
  readonly dataDir: string;
  readonly databaseUrl: string;
  readonly onProgress?: (progress: MoveProgress) => void;
}

export interface MoveProgress {
  readonly step: "copy" | "compare";
  readonly table: TableName;
  /** Rows of the step that are done, of all tables. */
  readonly done: number;
  readonly total: number;
}

export interface MovedTable {
  readonly table: TableName;
  readonly rows: number;
  /** SHA-256 of all rows, the same on both sides. */
  readonly hash: string;
}

export interface MoveReport {
  readonly source: string;
  readonly target: string;
  /** Whether it went on with a move that was interrupted. */
  readonly isResumed: boolean;
  readonly tables: readonly MovedTable[];
}

export interface MovePlan {
  readonly source: string;
  readonly tables: readonly { readonly table: TableName; readonly rows: number }[];
  readonly nextKey: number;
}

/** What a move would take along. Needs the directory's lock, and no target. */
export async function planMove(dataDir: string): Promise<MovePlan> {
  const source = await openMoveSource(dataDir);
  try {
    const tables = movedTables.map((table) => ({ table, rows: source.count(table) }));
    return { source: source.path, tables, nextKey: source.nextKey };
  } finally {
    source.close();
  }
}

/**
 * Copies every row, compares both sides, and marks the source. It can be repeated after an interruption: what is there stays.
 * @throws RepriseError `invalid_request` for a target that is in use, `storage_unavailable` for trouble with either side.
 */
export async function moveDatabase(options: MoveOptions): Promise<MoveReport> {
  const { dataDir, databaseUrl } = options;
  const before = movedTo(dataDir);
  if (before !== null && before !== withoutSecrets(databaseUrl)) {
    throw new RepriseError("invalid_request", {
      message: `${dataDir} was moved to ${before} already`,
    });
  }
  const source = await openMoveSource(dataDir);
  try {
    const target = await openMoveTarget(databaseUrl, source.fingerprint);
    try {
      return await move({ source, target }, options);
    } finally {
      await target.close();
    }
  } finally {
    source.close();
  }
}

interface Sides {
  readonly source: MoveSource;
  readonly target: MoveTarget;
}

async function move({ source, target }: Sides, options: MoveOptions): Promise<MoveReport> {
  const total = movedTables.reduce((sum, table) => sum + source.count(table), 0);
  let done = 0;
  const tell = (step: MoveProgress["step"], table: TableName, rows: number) => {
    done += rows;
    options.onProgress?.({ step, table, done, total });
  };
  for (const table of movedTables) {
    const copied = (rows: number) => tell("copy", table, rows);
    await copyTable({ source, target }, table, copied);
  }
  await target.continueKeys(source.nextKey);
  done = 0;
  const tables: MovedTable[] = [];
  for (const table of movedTables) {
    const compared = (rows: number) => tell("compare", table, rows);
    tables.push(await compareTable({ source, target }, table, compared));
  }
  // In this order: whatever ends here, no two servers can go on with the same runs.
  markMoved(source.path, target.name);
  await target.release();
  const { isResumed } = target;
  return { source: source.path, target: target.name, isResumed, tables };
}

async function copyTable<T extends TableName>(
  { source, target }: Sides,
  table: T,
  tell: (rows: number) => void,
): Promise<void> {
  const afterKey = await target.highestKey(table);
  for (const rows of source.pages(table, afterKey)) {
    await target.insert(table, rows);
    tell(rows.length);
  }
}

async function compareTable<T extends TableName>(
  { source, target }: Sides,
  table: T,
  tell: (rows: number) => void,
): Promise<MovedTable> {
  const [wanted, found] = [createHash("sha256"), createHash("sha256")];
  let count = 0;
  for (const rows of source.pages(table, 0)) {
    const [first, last] = [rows[0]?.key ?? 0, rows.at(-1)?.key ?? 0];
    const copies = await target.read(table, first, last);
    for (const row of rows) addRow(wanted, table, row);
    for (const row of copies) addRow(found, table, row);
    const isSame = wanted.copy().digest("hex") === found.copy().digest("hex");
    if (!isSame) throw differs(table, `between the keys ${first} and ${last}`);
    count += rows.length;
    tell(rows.length);
  }
  const there = await target.count(table);
  if (there !== count) throw differs(table, `${there} rows in place of ${count}`);
  return { table, rows: count, hash: wanted.digest("hex") };
}

/** The values of a row with their kinds and lengths, so that no two rows look the same. */
function addRow<T extends TableName>(sum: Hash, table: T, row: Tables[T]): void {
  for (const column of Object.keys(columnTypes[table])) {
    const value: unknown = row[column as keyof Tables[T]]; // The list of columns has the row's own.
    if (value instanceof Uint8Array) sum.update(`b${value.byteLength}:`).update(value);
    else if (typeof value === "string") sum.update(`t${value.length}:`).update(value);
    else sum.update(`n${String(value)};`);
  }
}

function differs(table: TableName, where: string): RepriseError {
  return new RepriseError("storage_unavailable", {
    message:
      `the copy of ${table} is not what is in the source (${where}); nothing was changed there. ` +
      "Drop the target database, create it anew, and begin again",
  });
}
