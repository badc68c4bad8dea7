import assert from "node:assert";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { type Batch, keyOf, toBatches, toStatement } from "./postgres-changes.ts";
import { codeOf, isCommitUnknown, isSessionOver, kindOf, WriteFailure } from "./postgres-errors.ts";
import { createReader, toRow } from "./postgres-reader.ts";
import { type RawRow, refuse, type Session, settingsText } from "./postgres-session.ts";
import {
  claimDueStatement,
  KEYS_PER_BLOCK,
  lineStatement,
  reserveStatement,
  type Statement,
  waitingStatement,
} from "./postgres-statements.ts";
import type {
  Condition,
  DueTable,
  KeySpan,
  LookupValue,
  Query,
  Reader,
  Transaction,
} from "./store.ts";
import type { LookupName } from "./tables.ts";

/** What one transaction has done, counted when it is kept. */
export interface Tally {
  rowsRead: number;
  rowsWritten: number;
}

/** A commit was sent and nobody knows what became of it. */
export const FATE_UNKNOWN = "it is not known whether the transaction was kept";

const DIVISION_BY_ZERO = "22012";

/**
 * Valid while its work runs. It begins with the first call. Writes are sent and not waited for: their failure shows in the next read,
 * or in the commit, which the database refuses then. An error of any call dooms the transaction.
 */
export class PostgresTransaction implements Transaction {
  readonly tally: Tally = { rowsRead: 0, rowsWritten: 0 };
  readonly #session: Session;
  readonly #isPooled: boolean;
  readonly #reader: Reader;
  /** What was sent and not waited for. */
  readonly #sent: Promise<unknown>[] = [];
  #isBegun = false;
  #isOver = false;
  /** Its end was sent: whatever the answer, nothing is left to undo. */
  #isEnded = false;
  #isFateUnknown = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(session: Session, isPooled: boolean) {
    this.#session = session;
    this.#isPooled = isPooled;
    this.#reader = createReader({
      ask: (statement) => this.#ask(statement),
      isLocking: true,
      onRowsRead: (count) => {
        this.tally.rowsRead += count;
      },
    });
  }

  /** Whether its commit was sent and not answered, or with a warning. */
  get isFateUnknown(): boolean {
    return this.#isFateUnknown;
  }

  /** Waits for everything that was sent, and gives the first thing that went wrong in the database, or null. */
  async failure(): Promise<{ readonly error: unknown } | null> {
    await Promise.all(this.#sent);
    return this.#failure;
  }

  now(): Promise<number> {
    return this.#read((reader) => reader.now());
  }

  get<T extends TableName>(table: T, keys: readonly number[]) {
    return this.#read((reader) => reader.get(table, keys));
  }

  find<T extends TableName>(table: T, lookup: LookupName<T>, values: readonly LookupValue[]) {
    return this.#read((reader) => reader.find(table, lookup, values));
  }

  list<T extends TableName>(table: T, query: Query<T>) {
    return this.#read((reader) => reader.list(table, query));
  }

  count<T extends TableName>(table: T, where: readonly Condition<T>[]) {
    return this.#read((reader) => reader.count(table, where));
  }

  nextDueAt(holder: number | null) {
    return this.#read((reader) => reader.nextDueAt(holder));
  }

  waitingGates() {
    return this.#read((reader) => reader.waitingGates());
  }

  async write(changes: readonly Change[]): Promise<void> {
    this.#check();
    try {
      for (const batch of toBatches(changes)) this.#send(batch);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  async claimDue<T extends DueTable>(table: T, now: number, limit: number, holder: number | null) {
    this.#check();
    const rows = await this.#ask(claimDueStatement(table, { now, limit, holder }));
    this.tally.rowsRead += rows.length;
    const claimed = rows.map((raw) => toRow(table, raw));
    // A row that changed while it was being locked comes in its old place.
    return claimed.sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0) || a.key - b.key);
  }

  /** Where somebody else has locked a message, the line ends for now: nobody passes it. */
  async claimWaiting(gate: string, limit: number): Promise<readonly Tables["messages"][]> {
    this.#check();
    const [line, rows] = await Promise.all([
      this.#ask(lineStatement(gate, limit)),
      this.#ask(waitingStatement(gate, limit)),
    ]);
    this.tally.rowsRead += rows.length;
    const locked = new Map(rows.map((raw) => [raw[0], toRow("messages", raw)]));
    const claimed: Tables["messages"][] = [];
    for (const [key] of line) {
      const message = locked.get(key ?? null);
      if (message === undefined) break;
      claimed.push(message);
    }
    return claimed;
  }

  async reserveKeys(count: number): Promise<readonly KeySpan[]> {
    assert(Number.isSafeInteger(count) && count >= 0, "a count of keys is a whole number from 0");
    this.#check();
    if (count === 0) return [];
    return toSpans(await this.#ask(reserveStatement(Math.ceil(count / KEYS_PER_BLOCK))));
  }

  /**
   * Ends the transaction and waits until it is on disk.
   * @throws the first failure, or a refusal when nobody knows whether it is kept.
   */
  async commit(): Promise<void> {
    this.#isOver = true;
    if (this.#failure !== null) throw this.#failure.error;
    if (!this.#isBegun) return;
    // Its commit is never sent, so it is certain that nothing is kept.
    if (this.#session.isLost) throw this.#fail(new Error("Connection terminated"));
    const warnings = this.#session.warningCount;
    this.#isEnded = true;
    const committed = this.#session.send("COMMIT").then(
      ({ command }) => command,
      (error: unknown) => ({ error }),
    );
    const failure = await this.failure();
    const answer = await committed;
    if (answer === "COMMIT") {
      if (this.#session.warningCount === warnings) return;
      // A wait for a synchronous replica that was given up: kept here, and perhaps nowhere else.
      this.#isFateUnknown = true;
      throw refuse(`the database warned at the commit: ${FATE_UNKNOWN}`);
    }
    // A statement before it has failed, and the database has said so: nothing is kept.
    if (failure !== null && !isSessionOver(failure.error)) throw failure.error;
    const error = typeof answer === "string" ? new Error(`the answer was ${answer}`) : answer.error;
    if (!isCommitUnknown(error)) throw this.#fail(error);
    this.#isFateUnknown = true;
    throw unknownFate(error);
  }

  /** Undoes everything. What the connection says about it is of no interest: a lost one undoes as well. */
  abandon(): void {
    this.#isOver = true;
    if (!this.#isBegun || this.#isEnded || this.#session.isLost) return;
    this.#isEnded = true;
    this.#session.send("ROLLBACK").catch(ignore);
  }

  #check(): void {
    assert(!this.#isOver, "a transaction is used only until its work resolves");
    if (this.#failure !== null) throw this.#failure.error;
  }

  async #read<R>(read: (reader: Reader) => Promise<R>): Promise<R> {
    this.#check();
    return read(this.#reader);
  }

  async #ask(statement: Statement): Promise<readonly RawRow[]> {
    this.#begin();
    try {
      const { rows } = await this.#session.run(statement);
      return rows;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  #send(batch: Batch): void {
    const statement = toStatement(batch);
    this.#begin();
    const sent = this.#session.run(statement).then(
      ({ rowCount }) => {
        this.tally.rowsWritten += writtenBy(batch, rowCount ?? 0);
      },
      (error: unknown) => void this.#fail(naming(batch, error)),
    );
    this.#sent.push(sent);
  }

  #begin(): void {
    if (this.#isBegun) return;
    this.#isBegun = true;
    const text = this.#isPooled ? `BEGIN; ${settingsText("SET LOCAL")}` : "BEGIN";
    this.#sent.push(
      this.#session.send(text).then(ignore, (error: unknown) => void this.#fail(error)),
    );
  }

  /** Keeps the first failure: answers come in order, and what follows one says only that there was one. */
  #fail(error: unknown): unknown {
    this.#failure ??= { error };
    return this.#failure.error;
  }
}

function writtenBy({ type, columns, changes }: Batch, rowCount: number): number {
  if (type === "delete") return rowCount;
  return type === "update" && columns.length === 0 ? 0 : changes.length;
}

/** Keys that a message names; more would be no help. */
const KEYS_NAMED_MAX = 10;

/** A fault of the program names table and rows; everything else keeps its own words. */
function naming({ type, table, changes }: Batch, error: unknown): unknown {
  if (codeOf(error) !== DIVISION_BY_ZERO && kindOf(error) === "storage") return error;
  const keys = keyNamedBy(error) ?? changes.slice(0, KEYS_NAMED_MAX).map(keyOf).join(", ");
  const isMissing = type === "update" && codeOf(error) === DIVISION_BY_ZERO;
  const text = isMissing ? "the row must exist" : String(error);
  return new WriteFailure(`${type} of ${table} ${keys} failed: ${text}`, { cause: error });
}

/** The database itself says which key it has already. */
function keyNamedBy(error: unknown): string | null {
  if (!(error instanceof Error && "detail" in error)) return null;
  return /\(key\)=\((\d+)\)/.exec(String(error.detail))?.[1] ?? null;
}

function unknownFate(cause: unknown): Error {
  const text = cause instanceof Error ? cause.message : String(cause);
  return refuse(`the database did not confirm a commit: ${FATE_UNKNOWN} (${text})`, cause);
}

/** Blocks that follow each other are one span. */
function toSpans(rows: readonly RawRow[]): readonly KeySpan[] {
  const spans: { first: number; end: number }[] = [];
  for (const [text] of rows) {
    const first = Number(text) * KEYS_PER_BLOCK;
    const last = spans.at(-1);
    if (last?.end === first) last.end += KEYS_PER_BLOCK;
    else spans.push({ first, end: first + KEYS_PER_BLOCK });
  }
  return spans;
}

function ignore(): void {}
