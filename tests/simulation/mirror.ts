import type { Change, StepRow, Store, Tables, Transaction } from "@reprise/server";
import { passOnStore, passOnTransaction } from "@reprise/server";

import type { Retired } from "./facts.ts";

export type TableName = keyof Tables;

export type RowChange = {
  readonly [T in TableName]: {
    readonly table: T;
    readonly before: Tables[T] | null;
    readonly after: Tables[T] | null;
  };
}[TableName];

/** What one transaction has brought to the disk. */
export interface Commit {
  /** From 1, in order. */
  readonly seq: number;
  readonly changes: readonly RowChange[];
}

/**
 * What is on disk, as seen by a witness at the store's door. It lets a checker ask at any instant, also while a transaction
 * is open; at the end of a world it is compared with the store itself.
 */
export class Mirror {
  readonly #tables: { readonly [T in TableName]: Map<number, Tables[T]> } = {
    runs: new Map(),
    runConfigs: new Map(),
    steps: new Map(),
    messages: new Map(),
    attempts: new Map(),
    deadLetters: new Map(),
    settings: new Map(),
    envelopes: new Map(),
    logs: new Map(),
    deadMessages: new Map(),
    dedups: new Map(),
    queues: new Map(),
    urlGroups: new Map(),
    flowControls: new Map(),
    schedules: new Map(),
    bulkActions: new Map(),
    waits: new Map(),
    events: new Map(),
    nodes: new Map(),
    audits: new Map(),
  };
  readonly #stepsOfRun = new Map<number, StepRow[]>();
  readonly #openMessages = new Map<number, Set<number>>();
  readonly #runsById = new Map<string, number[]>();
  /** Run -> keys of its waits, those that are over included. */
  readonly #waitsOfRun = new Map<number, number[]>();
  /** Row key -> number of the commit that inserted it first. */
  readonly #bornIn = new Map<number, number>();
  /** Message key -> number of the commit that began its current attempt. */
  readonly #leasedIn = new Map<number, number>();
  readonly #retired = new Set<string>();
  #seq = 0;

  get seq(): number {
    return this.#seq;
  }

  get<T extends TableName>(table: T, key: number): Tables[T] | null {
    return this.#tables[table].get(key) ?? null;
  }

  all<T extends TableName>(table: T): readonly Tables[T][] {
    return Array.from(this.#tables[table].values());
  }

  /** Records of a run, in order of position. */
  steps(runKey: number): readonly StepRow[] {
    return this.#stepsOfRun.get(runKey) ?? [];
  }

  /** Messages of a run that are scheduled or active. */
  openMessages(runKey: number): readonly Tables["messages"][] {
    const keys = this.#openMessages.get(runKey) ?? [];
    return Array.from(keys, (key) => this.get("messages", key)).filter((row) => row !== null);
  }

  /** Steps of a run that others complete, or have completed, oldest first. */
  waits(runKey: number): readonly Tables["waits"][] {
    const keys = this.#waitsOfRun.get(runKey) ?? [];
    return keys.map((key) => this.get("waits", key)).filter((row) => row !== null);
  }

  waitOfStep(runKey: number, stepId: number): Tables["waits"] | null {
    return this.waits(runKey).find((wait) => wait.stepId === stepId) ?? null;
  }

  /** Events that are kept for a run, oldest first. */
  keptEvents(runKey: number): readonly Tables["events"][] {
    const kept = this.all("events").filter((event) => event.runKey === runKey);
    return kept.toSorted((a, b) => a.key - b.key);
  }

  /** Every run that had this id, oldest first. */
  runsById(id: string): readonly Tables["runs"][] {
    const keys = this.#runsById.get(id) ?? [];
    return keys.map((key) => this.get("runs", key)).filter((row) => row !== null);
  }

  bornIn(key: number): number {
    return this.#bornIn.get(key) ?? 0;
  }

  leasedIn(messageKey: number): number {
    return this.#leasedIn.get(messageKey) ?? 0;
  }

  /** Notes that rows are gone from the store. They stay here: what is said about them goes on being true. */
  retire(
    changes: readonly { readonly table: TableName; readonly key: number }[],
  ): readonly Retired[] {
    return changes.map(({ table, key }) => {
      const row = this.get(table, key);
      if (row === null || this.isRetired(table, key)) return { table, row: { key } };
      this.#retired.add(`${table} ${key}`);
      return { table, row };
    });
  }

  isRetired(table: TableName, key: number): boolean {
    return this.#retired.has(`${table} ${key}`);
  }

  apply(changes: readonly Change[]): Commit {
    this.#seq += 1;
    return { seq: this.#seq, changes: changes.map((change) => this.#applyOne(change)) };
  }

  #applyOne(change: Change): RowChange {
    // The map belongs to the change's own table; the union hides that from the compiler.
    const rows = this.#tables[change.table] as Map<number, Tables[TableName]>;
    const key = change.type === "insert" ? change.row.key : change.key;
    const before = rows.get(key) ?? null;
    let after: Tables[TableName] | null = null;
    if (change.type === "insert") after = change.row;
    // The columns of `set` are those of the row's table.
    else if (change.type === "update") after = { ...before, ...change.set } as Tables[TableName];
    if (after === null) rows.delete(key);
    else rows.set(key, after);
    // A record and its message share a key; the message may come back when its run is nudged. Keys of attempts are made from those
    // of messages: some of them are those of other rows.
    if (change.table !== "attempts" && !this.#bornIn.has(key)) this.#bornIn.set(key, this.#seq);
    // All three belong to the change's own table.
    const made = { table: change.table, before, after } as RowChange;
    this.#index(made);
    return made;
  }

  #index(change: RowChange): void {
    const { table, before, after } = change;
    if (table === "runs" && before === null && after !== null) {
      this.#runsById.set(after.id, [...(this.#runsById.get(after.id) ?? []), after.key]);
    } else if (table === "steps") {
      this.#indexStep(before, after);
    } else if (table === "messages") {
      this.#indexMessage(before, after);
    } else if (table === "waits" && before === null && after !== null) {
      const keys = this.#waitsOfRun.get(after.runKey) ?? [];
      this.#waitsOfRun.set(after.runKey, [...keys, after.key]);
    }
  }

  #indexStep(before: StepRow | null, step: StepRow | null): void {
    if (step === null) return;
    const steps = this.#stepsOfRun.get(step.runKey) ?? [];
    this.#stepsOfRun.set(step.runKey, steps);
    const known = before === null ? -1 : steps.findIndex(({ key }) => key === step.key);
    if (known === -1) steps.push(step);
    else steps[known] = step;
  }

  #indexMessage(before: Tables["messages"] | null, after: Tables["messages"] | null): void {
    const runKey = (after ?? before)?.runKey ?? null;
    const key = (after ?? before)?.key ?? 0;
    // A call under way follows its run when that is resumed.
    if (before !== null && before.runKey !== null && before.runKey !== runKey) {
      this.#openMessages.get(before.runKey)?.delete(key);
    }
    if (runKey !== null) {
      const open = this.#openMessages.get(runKey) ?? new Set<number>();
      this.#openMessages.set(runKey, open);
      if (after === null || after.state === "failed") open.delete(key);
      else open.add(key);
    }
    if (after?.state === "active" && after.leaseToken !== (before?.leaseToken ?? 0)) {
      this.#leasedIn.set(key, this.#seq);
    }
  }
}

/** The store with a witness: `onCommit` hears what was written, once it is on disk and before anybody else knows. */
export function withWitness(store: Store, onCommit: (changes: readonly Change[]) => void): Store {
  return passOnStore(store, {
    transaction: async (work, options) => {
      const written: Change[] = [];
      const result = await store.transaction(
        (transaction) => work(witnessed(transaction, written)),
        options,
      );
      onCommit(written);
      return result;
    },
  });
}

function witnessed(transaction: Transaction, written: Change[]): Transaction {
  return passOnTransaction(transaction, {
    write: async (changes) => {
      await transaction.write(changes);
      written.push(...changes);
    },
  });
}
