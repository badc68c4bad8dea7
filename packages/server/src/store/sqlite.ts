import assert from "node:assert";
import { dirname } from "node:path";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { RepriseError } from "@reprise/protocol";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { migrate } from "./migrations/migrate.ts";
import { checkSqliteVersion, openReader, openWriter } from "./sqlite-connection.ts";
import { isOutcomeUnknown, isSyncFailure, toStoreError } from "./sqlite-errors.ts";
import { prepareDirectory, prepareFile } from "./sqlite-files.ts";
import { readGroups } from "./sqlite-groups.ts";
import { type DirectoryLock, lockDirectory } from "./sqlite-lock.ts";
import { SqliteSpace } from "./sqlite-space.ts";
import { type MutableCounters, SqliteStatements } from "./sqlite-statements.ts";
import type {
  Condition,
  DueTable,
  GroupedTable,
  GroupQuery,
  LookupValue,
  Query,
  RowGroup,
  Space,
  Store,
  StoreCounters,
  Transaction,
} from "./store.ts";
import type { LookupName } from "./tables.ts";

export interface SqliteStoreOptions {
  /** The database file, or ":memory:". The directory around it is created when missing and belongs to one process. */
  readonly path: string;
  /**
   * Called once, when a flush to the disk failed and nobody knows what was kept. Every later call is refused; the
   * process has to end and start again, so that the database is read from the disk and not from caches.
   */
  readonly onBroken?: (error: RepriseError) => void;
  /** The clock of the process, epoch ms. Default: SQLite's, which is the system's. */
  readonly now?: () => number;
}

/** Write-ahead log pages that start a checkpoint: more make commits rarer but slower, see docs/decisions/0003-store.md. */
const CHECKPOINT_PAGES = 1_000;

/** Rows and commits between two looks at the size of the log: asking costs as much as a small commit computes. */
const CHECKPOINT_CHECK_WRITES = 64;

/**
 * Opens the store that lives in one SQLite database.
 * @throws RepriseError `storage_unavailable` when the directory or the database cannot be used; the message says why.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  checkSqliteVersion();
  const { path } = options;
  const isMemory = path === ":memory:";
  const opened: { lock?: DirectoryLock; writer?: DatabaseSync; reader?: DatabaseSync } = {};
  try {
    if (!isMemory) {
      prepareDirectory(dirname(path));
      opened.lock = lockDirectory(dirname(path));
      prepareFile(path);
    }
    opened.writer = openWriter(path);
    migrate(opened.writer, path);
    // A database in memory belongs to its one connection, so reads share the writer and wait for it.
    if (!isMemory) opened.reader = openReader(path);
    const { onBroken, now } = options;
    return new SqliteStore({ ...opened, writer: opened.writer, onBroken, now });
  } catch (error) {
    closeAll(opened);
    throw toStoreError(error, `open ${path}`);
  }
}

interface SqliteParts {
  readonly lock?: DirectoryLock;
  readonly writer: DatabaseSync;
  readonly reader?: DatabaseSync;
  readonly onBroken: ((error: RepriseError) => void) | undefined;
  readonly now: (() => number) | undefined;
}

/** The reader goes first: the last connection to close moves the write-ahead log into the database. */
function closeAll(parts: Partial<SqliteParts>): void {
  parts.reader?.close();
  parts.writer?.close();
  parts.lock?.release();
}

class SqliteStore implements Store {
  /** The lock of the directory keeps everybody else out. */
  readonly isShared = false;
  readonly hints = null;
  readonly space: Space = {
    use: () => this.#read(() => this.#readSpace.use()),
    release: () => this.#enqueue(async () => this.#release()),
  };
  readonly counters: StoreCounters;
  readonly #parts: SqliteParts;
  readonly #counters: MutableCounters = { rowsRead: 0, rowsWritten: 0, commits: 0 };
  readonly #writes: SqliteStatements;
  readonly #reads: SqliteStatements | null;
  readonly #readSpace: SqliteSpace;
  readonly #writeSpace: SqliteSpace;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollback: StatementSync;
  readonly #walSize: StatementSync;
  readonly #checkpoint: StatementSync;
  /** Settles when everything that was asked of the writer so far is over. */
  #tail: Promise<unknown> = Promise.resolve();
  #refusal: RepriseError | null = null;
  /** Rows and commits up to the last look at the size of the log. */
  #writesChecked = 0;

  constructor(parts: SqliteParts) {
    const { writer, reader } = parts;
    this.#parts = parts;
    this.counters = this.#counters;
    this.#writes = new SqliteStatements(writer, this.#counters);
    this.#reads = reader === undefined ? null : new SqliteStatements(reader, this.#counters);
    this.#writeSpace = new SqliteSpace(writer);
    this.#readSpace = reader === undefined ? this.#writeSpace : new SqliteSpace(reader);
    this.#begin = writer.prepare("BEGIN IMMEDIATE");
    this.#commit = writer.prepare("COMMIT");
    this.#rollback = writer.prepare("ROLLBACK");
    this.#walSize = writer.prepare("PRAGMA wal_checkpoint(NOOP)");
    this.#checkpoint = writer.prepare("PRAGMA wal_checkpoint(PASSIVE)");
  }

  transaction<R>(work: (transaction: Transaction) => Promise<R>): Promise<R> {
    return this.#enqueue(() => this.#run(work));
  }

  get<T extends TableName>(table: T, keys: readonly number[]): Promise<readonly Tables[T][]> {
    return this.#read((statements) => statements.get(table, keys));
  }

  find<T extends TableName>(
    table: T,
    lookup: LookupName<T>,
    values: readonly LookupValue[],
  ): Promise<readonly Tables[T][]> {
    return this.#read((statements) => statements.find(table, lookup, values));
  }

  list<T extends TableName>(table: T, query: Query<T>): Promise<readonly Tables[T][]> {
    return this.#read((statements) => statements.list(table, query));
  }

  count<T extends TableName>(table: T, where: readonly Condition<T>[]): Promise<number> {
    return this.#read((statements) => statements.count(table, where));
  }

  groups<T extends GroupedTable>(table: T, query: GroupQuery<T>): Promise<readonly RowGroup[]> {
    return this.#read((statements) => readGroups(statements, table, query));
  }

  now(): Promise<number> {
    return this.#read((statements) => this.#parts.now?.() ?? statements.now());
  }

  nextDueAt(holder: number | null): Promise<number | null> {
    return this.#read((statements) => statements.nextDueAt(holder));
  }

  waitingGates(): Promise<readonly string[]> {
    return this.#read((statements) => statements.waitingGates());
  }

  close(): Promise<void> {
    return this.#enqueue(async () => {
      if (!this.#parts.writer.isOpen) return;
      this.#refusal ??= refusal("the store is closed");
      closeAll(this.#parts);
    });
  }

  #enqueue<R>(work: () => Promise<R>): Promise<R> {
    const result = this.#tail.then(work);
    // The caller gets the error; the queue only has to know that the turn is over.
    this.#tail = result.then(ignore, ignore);
    return result;
  }

  #read<R>(read: (statements: SqliteStatements) => R): Promise<R> {
    const statements = this.#reads;
    if (statements === null) return this.#enqueue(async () => this.#call(this.#writes, read));
    return new Promise((resolve) => resolve(this.#call(statements, read)));
  }

  #call<R>(statements: SqliteStatements, read: (statements: SqliteStatements) => R): R {
    if (this.#refusal !== null) throw this.#refusal;
    try {
      return read(statements);
    } catch (error) {
      throw toStoreError(error, "be read");
    }
  }

  async #run<R>(work: (transaction: Transaction) => Promise<R>): Promise<R> {
    this.#beginTransaction();
    const transaction = new SqliteTransaction(this.#writes, this.#parts.now);
    let result: R;
    try {
      result = await work(transaction);
      transaction.end();
    } catch (error) {
      transaction.abandon();
      this.#undo(error);
      throw error;
    }
    this.#keep();
    return result;
  }

  #release(): void {
    this.#beginTransaction();
    try {
      this.#writeSpace.release();
    } catch (error) {
      const failure = toStoreError(error, "give space back");
      this.#undo(failure);
      throw failure;
    }
    // Pages were written, although no row was.
    this.#writesChecked -= CHECKPOINT_CHECK_WRITES;
    this.#keep();
  }

  #beginTransaction(): void {
    if (this.#refusal !== null) throw this.#refusal;
    try {
      this.#begin.run();
    } catch (error) {
      throw toStoreError(error, "begin a transaction");
    }
  }

  #keep(): void {
    try {
      this.#commit.run();
      this.#counters.commits += 1;
      this.#checkpointWhenDue();
    } catch (error) {
      const failure = toStoreError(error, "commit a transaction");
      if (isOutcomeUnknown(error)) throw this.#break(failure);
      this.#undo(failure);
      throw failure;
    }
  }

  /** After the commit, on the writer's own time, because an automatic checkpoint would hide a failed flush. */
  #checkpointWhenDue(): void {
    const { rowsWritten, commits } = this.#counters;
    if (rowsWritten + commits - this.#writesChecked < CHECKPOINT_CHECK_WRITES) return;
    this.#writesChecked = rowsWritten + commits;
    const size = this.#walSize.get();
    if (Number(size?.log) - Number(size?.checkpointed) >= CHECKPOINT_PAGES) this.#checkpoint.get();
  }

  #undo(reason: unknown): void {
    const cause = reason instanceof Error ? reason.cause : null;
    if (isSyncFailure(cause)) this.#break(reason);
    // SQLite itself has rolled back after some errors, a full disk for instance.
    if (!this.#parts.writer.isTransaction) return;
    try {
      this.#rollback.run();
    } catch (error) {
      this.#break(toStoreError(error, "roll back a transaction"));
    }
  }

  /** Refuses everything from now on, and says so once. */
  #break(reason: unknown): RepriseError {
    const text = reason instanceof Error ? reason.message : String(reason);
    const error = refusal(
      `the store is out of use until the server is started again: ${text}`,
      reason,
    );
    const isFirst = this.#refusal === null;
    this.#refusal ??= error;
    if (isFirst) this.#parts.onBroken?.(error);
    return error;
  }
}

/** Valid while its transaction runs. An error of any call dooms it: what follows could otherwise commit a half batch. */
class SqliteTransaction implements Transaction {
  readonly #statements: SqliteStatements;
  readonly #now: (() => number) | undefined;
  #failure: { readonly error: unknown } | null = null;
  #isOver = false;

  constructor(statements: SqliteStatements, now: (() => number) | undefined) {
    this.#statements = statements;
    this.#now = now;
  }

  async get<T extends TableName>(table: T, keys: readonly number[]) {
    return this.#call("be read", (statements) => statements.get(table, keys));
  }

  async find<T extends TableName>(table: T, lookup: LookupName<T>, values: readonly LookupValue[]) {
    return this.#call("be read", (statements) => statements.find(table, lookup, values));
  }

  async list<T extends TableName>(table: T, query: Query<T>) {
    return this.#call("be read", (statements) => statements.list(table, query));
  }

  async count<T extends TableName>(table: T, where: readonly Condition<T>[]) {
    return this.#call("be read", (statements) => statements.count(table, where));
  }

  async now() {
    return this.#call("be read", (statements) => this.#now?.() ?? statements.now());
  }

  async nextDueAt(holder: number | null) {
    return this.#call("be read", (statements) => statements.nextDueAt(holder));
  }

  async waitingGates() {
    return this.#call("be read", (statements) => statements.waitingGates());
  }

  async write(changes: readonly Change[]) {
    this.#call("be written", (statements) => statements.write(changes));
  }

  async claimDue<T extends DueTable>(table: T, now: number, limit: number, holder: number | null) {
    const due = { now, limit, holder };
    return this.#call("be read", (statements) => statements.claimDue(table, due));
  }

  async claimWaiting(gate: string, limit: number) {
    return this.#call("be read", (statements) => statements.claimWaiting(gate, limit));
  }

  async reserveKeys(count: number) {
    return this.#call("be written", (statements) => statements.reserveKeys(count));
  }

  /** Ends the transaction before its commit; throws when a call failed, even if that error was caught. */
  end(): void {
    this.#isOver = true;
    if (this.#failure !== null) throw this.#failure.error;
  }

  abandon(): void {
    this.#isOver = true;
  }

  #call<R>(action: string, call: (statements: SqliteStatements) => R): R {
    assert(!this.#isOver, "a transaction is used only until its work resolves");
    if (this.#failure !== null) throw this.#failure.error;
    try {
      return call(this.#statements);
    } catch (error) {
      this.#failure = { error: toStoreError(error, action) };
      throw this.#failure.error;
    }
  }
}

function refusal(message: string, cause?: unknown): RepriseError {
  return new RepriseError("storage_unavailable", { message, cause });
}

function ignore(): void {}
