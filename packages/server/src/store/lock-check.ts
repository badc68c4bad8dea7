import type { Change, TableName, Tables } from "../core/rows.ts";
import { passOnStore, passOnTransaction } from "./pass-on.ts";
import type { Condition, LookupValue, Query, Store, Transaction } from "./store.ts";
import { lockedTables } from "./tables.ts";

/**
 * Stands between an engine and its store in tests, and holds every transaction to what several nodes on one database need: a row is
 * read, and so locked, before it is changed, and what hangs on an owner is read and added to only behind the lock on that owner.
 * See docs/decisions/0012-postgres-and-nodes.md.
 */
export function withLockCheck(store: Store, onViolation: (text: string) => void): Store {
  return passOnStore(store, {
    transaction: (work, options) =>
      store.transaction(async (transaction) => {
        const found: string[] = [];
        const locks = new Locks((text) => found.push(text));
        const result = await work(checked(transaction, locks));
        // What is read behind a read that has failed is never used.
        for (const text of found) onViolation(text);
        return result;
      }, options),
  });
}

function checked(transaction: Transaction, locks: Locks): Transaction {
  return passOnTransaction(transaction, {
    get: async (table, keys) => {
      locks.beforeGet(table, keys);
      const reading = transaction.get(table, keys);
      // What is asked for from here on is read behind these locks, although they are not answered yet.
      locks.noteAsked(table, keys);
      const rows = await reading;
      locks.note(table, rows);
      return rows;
    },
    find: async (table, lookup, values) => {
      locks.beforeFind(table, lookup, values);
      const reading = transaction.find(table, lookup, values);
      if (lookup === "byName") locks.noteNames(table, values);
      const rows = await reading;
      locks.note(table, rows);
      if (lookup === "byTicket") locks.checkQueues(rows);
      return rows;
    },
    list: async (table, query) => {
      locks.beforeList(table, query);
      const rows = await transaction.list(table, query);
      locks.note(table, rows);
      return rows;
    },
    claimDue: async (table, now, limit, holder) => {
      const rows = await transaction.claimDue(table, now, limit, holder);
      locks.note(table, rows);
      return rows;
    },
    claimWaiting: async (gate, limit) => {
      locks.beforeLine(gate);
      const rows = await transaction.claimWaiting(gate, limit);
      locks.note("messages", rows);
      return rows;
    },
    write: async (changes) => {
      for (const change of changes) locks.beforeWrite(change);
      await transaction.write(changes);
    },
  });
}

/** Lookups of what hangs on a run, whose first value is the run's key. */
const BY_RUN: ReadonlySet<string> = new Set([
  "messages.byRun",
  "steps.byRun",
  "steps.bySlot",
  "waits.byRun",
  "waits.byStep",
  "events.byRun",
  "events.byEvent",
]);

class Locks {
  readonly #held = new Set<string>();
  /** Step -> run: steps are not locked themselves. */
  readonly #runs = new Map<number, number>();
  readonly #onViolation: (text: string) => void;

  constructor(onViolation: (text: string) => void) {
    this.#onViolation = onViolation;
  }

  note<T extends TableName>(table: T, rows: readonly Tables[T][]): void {
    for (const row of rows) {
      this.#held.add(`${table} ${row.key}`);
      if ("position" in row) this.#runs.set(row.key, row.runKey);
      if ("name" in row) this.#held.add(`${table} "${row.name}"`);
    }
  }

  /** A key without a row never gets one. */
  noteAsked(table: TableName, keys: readonly number[]): void {
    for (const key of keys) this.#held.add(`${table} ${key}`);
  }

  /** A name without a row is held by the unique index. */
  noteNames(table: TableName, values: readonly LookupValue[]): void {
    for (const [name] of values) this.#held.add(`${table} "${name}"`);
  }

  beforeGet(table: TableName, keys: readonly number[]): void {
    if (table !== "runConfigs") return;
    for (const key of keys) this.#needs("runs", key, `the configuration of run ${key} is read`);
  }

  beforeFind(table: TableName, lookup: string, values: readonly LookupValue[]): void {
    if (!BY_RUN.has(`${table}.${lookup}`)) return;
    for (const [runKey] of values)
      this.#needs("runs", Number(runKey), `${table} are read ${lookup}`);
  }

  beforeList<T extends TableName>(table: T, { where }: Query<T>): void {
    for (const condition of where) this.#beforeCondition(table, condition);
  }

  #beforeCondition<T extends TableName>(table: T, condition: Condition<T>): void {
    if (condition.type !== "in") return;
    for (const value of condition.values) {
      const text = `${table} are listed by ${condition.column}`;
      if (condition.column === "runKey" && table !== "deadLetters") {
        this.#needs("runs", Number(value), text);
      }
      if (condition.column === "queueName") this.#needs("queues", `"${value}"`, text);
    }
  }

  beforeLine(gate: string): void {
    const name = gate.slice(gate.indexOf(":") + 1);
    if (gate === `queue:${name}`) this.#needs("queues", `"${name}"`, `its line is called`);
    if (gate === `flow:${name}`) this.#needs("flowControls", `"${name}"`, `its line is called`);
  }

  beforeWrite(change: Change): void {
    const { table, type } = change;
    if (change.type === "insert") {
      this.checkOwners(table, [change.row], "are inserted");
      this.note(table, [change.row] as never); // The row is of the table that the change names.
      return;
    }
    if (lockedTables.has(table)) this.#needs(table, change.key, `it is changed (${type})`);
    else if (table === "runConfigs") this.#needs("runs", change.key, `its ${table} are changed`);
    else if (table === "steps") {
      const runKey = this.#runs.get(change.key) ?? Number.NaN;
      this.#needs("runs", runKey, `step ${change.key} is changed`);
    }
  }

  /** Who shares a place hangs on the queue. */
  checkQueues(rows: readonly object[]): void {
    for (const row of rows) {
      if ("queueName" in row && row.queueName !== null)
        this.#needs("queues", `"${row.queueName}"`, "messages are read by their place");
    }
  }

  checkOwners(table: TableName, rows: readonly object[], what: string): void {
    const text = `${table} ${what}`;
    for (const row of rows) {
      // Attempts hang on their message alone: the end of one needs nothing of the run when the app has gone on by itself.
      const isOfRun = "runKey" in row && typeof row.runKey === "number" && table !== "attempts";
      if (isOfRun) this.#needs("runs", Number(row.runKey), text);
      if (table === "messages") this.#checkGates(row, text);
      const isOfMessage = table === "attempts" || table === "logs";
      if (isOfMessage && "messageKey" in row) this.#needs("messages", Number(row.messageKey), text);
    }
  }

  #checkGates(row: object, text: string): void {
    if ("queueName" in row && row.queueName !== null)
      this.#needs("queues", `"${row.queueName}"`, text);
    if ("flowControlKey" in row && row.flowControlKey !== null)
      this.#needs("flowControls", `"${row.flowControlKey}"`, text);
  }

  #needs(table: TableName, key: number | string, text: string): void {
    if (!this.#held.has(`${table} ${key}`))
      this.#onViolation(`${table} ${key} is not locked when ${text}`);
  }
}
