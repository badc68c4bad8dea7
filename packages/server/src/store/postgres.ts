import type { TableName, Tables } from "../core/rows.ts";
import { type Pauses, systemPauses } from "../host/system-pause.ts";
import {
  isDeadlock,
  isSessionOver,
  isUniqueViolation,
  kindOf,
  toStoreError,
} from "./postgres-errors.ts";
import { GatheredGets } from "./postgres-gathered.ts";
import { groupsStatement, partsStatement, withParts } from "./postgres-groups.ts";
import { PostgresHints } from "./postgres-hints.ts";

import { closed, Line } from "./postgres-line.ts";
import { migratePostgres } from "./postgres-migrations/migrate.ts";
import { createReader } from "./postgres-reader.ts";
import { type RawRow, Session, type SessionOptions } from "./postgres-session.ts";
import type { Statement } from "./postgres-statements.ts";
import { PostgresTransaction, type Tally } from "./postgres-transaction.ts";
import { isPooledUrl } from "./postgres-url.ts";
import { toGroupHead } from "./row-groups.ts";
import type {
  Condition,
  GroupedTable,
  GroupQuery,
  LookupValue,
  Query,
  Reader,
  RowGroup,
  Store,
  StoreCounters,
  Transaction,
  TransactionOptions,
} from "./store.ts";
import type { LookupName } from "./tables.ts";

export interface PostgresStoreOptions {
  /** `postgres://user:password@host:port/database`; with `?pgbouncer=true` nothing is kept in a session. */
  readonly url: string;
  /** Connections for reads outside of transactions, at most. */
  readonly readersMax?: number;
  /** Told of settings of the database that are no reason to refuse it. */
  readonly onWarning?: (text: string) => void;
  readonly pauses?: Pauses;
}

const READERS_MAX = 3;

/** How often a transaction is run again that has lost a race for a lock. */
const RACES_MAX = 12;

/** As above, for a name: what is there now is read before the second attempt, so more than a few are the work's own fault. */
const NAME_RACES_MAX = 5;

/** How often something is tried again on a new connection: one that has died while it was idle is noticed when it is used. */
const LOSSES_MAX = 1;

/** Longest pause before it is run again. */
const RACE_PAUSE_MS_MAX = 200;

/**
 * Opens the store that lives in a PostgreSQL database, which other nodes may use at the same time.
 * @throws RepriseError `storage_unavailable` when it cannot be used; the message says why.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { url, pauses = systemPauses, onWarning = ignore } = options;
  const sessions: SessionOptions = { url, pauses, onWarning, isPooled: isPooledUrl(url) };
  const session = await Session.open(sessions, "writer");
  try {
    await migratePostgres(session, { url, pauses });
  } catch (error) {
    session.destroy();
    throw toStoreError(error, "prepare its tables");
  }
  return new PostgresStore({ ...sessions, readersMax: options.readersMax ?? READERS_MAX }, session);
}

class PostgresStore implements Store {
  readonly isShared = true;
  readonly hints: PostgresHints | null;
  readonly #options: SessionOptions;
  readonly #counters = { rowsRead: 0, rowsWritten: 0, commits: 0 };
  readonly #writer: Lane;
  readonly #urgent: Lane;
  readonly #readers: readonly ReadLine[];
  readonly #reader: Reader;
  readonly #gets: GatheredGets;
  /** Reads that are under way. */
  readonly #reads = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(options: SessionOptions & { readonly readersMax: number }, session: Session) {
    this.#options = options;
    const lineOf = (name: string, opened: Session | null = null) =>
      new Line({ open: () => Session.open(options, name), pauses: options.pauses }, opened);
    this.#writer = new Lane(lineOf("writer", session));
    this.#urgent = new Lane(lineOf("lease"));
    this.#readers = Array.from({ length: options.readersMax }, () => ({
      line: lineOf("reader"),
      count: 0,
    }));
    this.hints = options.isPooled ? null : new PostgresHints(lineOf("hints"));
    this.#reader = createReader({
      ask: (statement) => this.#ask(statement),
      isLocking: false,
      onRowsRead: (count) => {
        this.#counters.rowsRead += count;
      },
    });
    this.#gets = new GatheredGets(this.#reader);
  }

  readonly bytesUsed = async (): Promise<number> => {
    const [row] = await this.#read(() => this.#ask(SIZE));
    return Number(row?.[0]);
  };

  get counters(): StoreCounters {
    return this.#counters;
  }

  transaction<R>(
    work: (transaction: Transaction) => Promise<R>,
    { isUrgent = false }: TransactionOptions = {},
  ): Promise<R> {
    const lane = isUrgent ? this.#urgent : this.#writer;
    return lane.enqueue(() => this.#run(work, lane.line));
  }

  now(): Promise<number> {
    return this.#read((reader) => reader.now());
  }

  get<T extends TableName>(table: T, keys: readonly number[]): Promise<readonly Tables[T][]> {
    return this.#read(() => this.#gets.get(table, keys));
  }

  find<T extends TableName>(
    table: T,
    lookup: LookupName<T>,
    values: readonly LookupValue[],
  ): Promise<readonly Tables[T][]> {
    return this.#read((reader) => reader.find(table, lookup, values));
  }

  list<T extends TableName>(table: T, query: Query<T>): Promise<readonly Tables[T][]> {
    return this.#read((reader) => reader.list(table, query));
  }

  count<T extends TableName>(table: T, where: readonly Condition<T>[]): Promise<number> {
    return this.#read((reader) => reader.count(table, where));
  }

  nextDueAt(holder: number | null): Promise<number | null> {
    return this.#read((reader) => reader.nextDueAt(holder));
  }

  groups<T extends GroupedTable>(table: T, query: GroupQuery<T>): Promise<readonly RowGroup[]> {
    return this.#read(async () => {
      const heads = (await this.#ask(groupsStatement(table, query))).map(toGroupHead);
      if (heads.length === 0) return [];
      return withParts(heads, query, await this.#ask(partsStatement(table, query, heads)));
    });
  }

  waitingGates(): Promise<readonly string[]> {
    return this.#read((reader) => reader.waitingGates());
  }

  close(): Promise<void> {
    return this.#writer.enqueue(async () => {
      if (this.#isClosed) return;
      this.#isClosed = true;
      await Promise.allSettled([...this.#reads, this.#urgent.enqueue(async () => {})]);
      const lines = [this.#writer, this.#urgent, ...this.#readers].map(({ line }) => line);
      await Promise.all([...lines.map((line) => line.close()), this.hints?.close()]);
    });
  }

  async #run<R>(work: (transaction: Transaction) => Promise<R>, line: Line): Promise<R> {
    for (let attempt = 0; ; attempt += 1) {
      if (this.#isClosed) throw closed();
      const session = await line.session();
      const transaction = new PostgresTransaction(session, this.#options.isPooled);
      try {
        const result = await work(transaction);
        await transaction.commit();
        this.#count(transaction.tally);
        return result;
      } catch (error) {
        // What went wrong in the database is the reason, whatever the work has made of it.
        const failure = await transaction.failure();
        const reason = failure === null ? error : failure.error;
        transaction.abandon();
        if (transaction.isFateUnknown || (failure !== null && isSessionOver(reason))) {
          line.drop(session);
        }
        if (failure === null || transaction.isFateUnknown) throw error;
        if (!isWorthAnother(reason, attempt)) throw toStoreError(reason, "be written");
        await this.#options.pauses.pause(racePauseMs(reason, attempt));
      }
    }
  }

  #count({ rowsRead, rowsWritten }: Tally): void {
    this.#counters.rowsRead += rowsRead;
    this.#counters.rowsWritten += rowsWritten;
    this.#counters.commits += 1;
  }

  async #read<R>(read: (reader: Reader) => Promise<R>): Promise<R> {
    if (this.#isClosed) throw closed();
    const reading = read(this.#reader);
    const settled = reading.then(ignore, ignore);
    this.#reads.add(settled);
    void settled.then(() => this.#reads.delete(settled));
    return reading;
  }

  /** The connection with the least to do; a new one only when all others are busy. */
  async #ask(statement: Statement): Promise<readonly RawRow[]> {
    const [first, ...others] = this.#readers;
    if (first === undefined) throw closed();
    let least = first;
    for (const other of others) if (other.count < least.count) least = other;
    least.count += 1;
    try {
      return await this.#askOn(least.line, statement);
    } finally {
      least.count -= 1;
    }
  }

  async #askOn(line: Line, statement: Statement): Promise<readonly RawRow[]> {
    for (let attempt = 0; ; attempt += 1) {
      const session = await line.session();
      try {
        const { rows } = await session.run(statement);
        return rows;
      } catch (error) {
        if (isSessionOver(error)) line.drop(session);
        if (attempt < LOSSES_MAX && isSessionOver(error)) continue;
        throw toStoreError(error, "be read");
      }
    }
  }
}

const SIZE: Statement = {
  text: "SELECT pg_database_size(current_database())",
  values: [],
  isPrepared: true,
};

/** A connection for transactions, one after the other in the order in which they were asked for. */
class Lane {
  readonly line: Line;
  /** Settles when everything that was asked of it so far is over. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(line: Line) {
    this.line = line;
  }

  enqueue<R>(work: () => Promise<R>): Promise<R> {
    const result = this.#tail.then(work);
    // The caller gets the error; the queue only has to know that the turn is over.
    this.#tail = result.then(ignore, ignore);
    return result;
  }
}

/** A connection for reads and how many of them it is busy with. */
interface ReadLine {
  readonly line: Line;
  count: number;
}

/** Nothing of the attempt was kept, and its commit was not sent. */
function isWorthAnother(error: unknown, attempt: number): boolean {
  if (isSessionOver(error)) return attempt < LOSSES_MAX;
  if (kindOf(error) !== "race") return false;
  return attempt < (isUniqueViolation(error) ? NAME_RACES_MAX : RACES_MAX);
}

/** Whoever was chosen to end a deadlock waits until the other one has taken what it waited for. */
function racePauseMs(error: unknown, race: number): number {
  const least = isDeadlock(error) ? 20 : 1;
  return Math.min(least * 2 ** race, RACE_PAUSE_MS_MAX);
}

function ignore(): void {}
