import type { Change, TableName } from "../core/rows.ts";
import { uniqueColumns } from "../store/tables.ts";

type Insert = Extract<Change, { readonly type: "insert" }>;
type Update = Extract<Change, { readonly type: "update" }>;

/** What became of one row so far. */
interface Trace {
  /** Where its changes stand since the last delete, in order; empty when the last one is a delete. */
  readonly places: readonly number[];
  /** Inserted in this very batch. */
  readonly isNew: boolean;
}

interface Compaction {
  /** In order; null is what a later change has made needless. */
  readonly kept: (Change | null)[];
  readonly traces: Map<TableName, Map<number, Trace>>;
  /** Where the last change stands that may have taken or freed a unique value of the table. */
  readonly lastUnique: Map<TableName, number>;
}

/**
 * Fewer changes with the same result: what a row goes through within one group becomes one write, and a row that does not
 * outlive the group becomes none. Unique values are taken and freed in the order of `changes`.
 */
export function compactChanges(changes: readonly Change[]): readonly Change[] {
  if (changes.length < 2) return changes;
  const compaction: Compaction = { kept: [], traces: new Map(), lastUnique: new Map() };
  for (const change of changes) {
    switch (change.type) {
      case "insert":
        setTrace(compaction, change.table, change.row.key, {
          places: [place(compaction, change)],
          isNew: true,
        });
        break;
      case "update":
        compactUpdate(compaction, change);
        break;
      case "delete":
        compactDelete(compaction, change);
        break;
    }
  }
  return compaction.kept.filter((change) => change !== null);
}

function compactUpdate(compaction: Compaction, change: Update): void {
  if (isEmpty(change.set)) return;
  const trace = traceOf(compaction, change.table, change.key);
  const target = trace?.places.at(-1);
  const isUnique = setsUnique(change);
  // An earlier place is right for other columns always, for unique ones while nobody else could have waited for the value.
  const isEarly = isUnique && target !== undefined && target < lastUniqueOf(compaction, change);
  const before = target === undefined || isEarly ? null : compaction.kept[target];
  if (target !== undefined && before?.type === "insert") {
    compaction.kept[target] = withSet(before, change);
  } else if (target !== undefined && before?.type === "update") {
    compaction.kept[target] = withSets(before, change);
    if (isUnique) compaction.lastUnique.set(change.table, lastAfter(compaction, change, target));
  } else {
    setTrace(compaction, change.table, change.key, {
      places: [...(trace?.places ?? []), place(compaction, change)],
      isNew: trace?.isNew ?? false,
    });
  }
}

/** A row that is new is forgotten. Of any other, what took or freed a unique value stays: others may have counted on it. */
function compactDelete(
  compaction: Compaction,
  change: Extract<Change, { readonly type: "delete" }>,
): void {
  const trace = traceOf(compaction, change.table, change.key);
  const wasDeleted = trace !== undefined && trace.places.length === 0;
  const isNew = trace?.isNew ?? false;
  for (const at of trace?.places ?? []) {
    const before = compaction.kept[at];
    if (isNew || (before?.type === "update" && !setsUnique(before))) compaction.kept[at] = null;
  }
  if (!isNew && !wasDeleted) place(compaction, change);
  setTrace(compaction, change.table, change.key, { places: [], isNew: false });
}

/** Puts the change behind all others and returns where that is. */
function place(compaction: Compaction, change: Change): number {
  const at = compaction.kept.push(change) - 1;
  const isUnique = change.type === "update" ? setsUnique(change) : hasUnique(change.table);
  if (isUnique) compaction.lastUnique.set(change.table, at);
  return at;
}

function lastUniqueOf({ lastUnique }: Compaction, { table }: Change): number {
  return lastUnique.get(table) ?? -1;
}

function lastAfter(compaction: Compaction, change: Change, at: number): number {
  return Math.max(lastUniqueOf(compaction, change), at);
}

function hasUnique(table: TableName): boolean {
  return uniqueColumns[table].length > 0;
}

function setsUnique({ table, set }: Update): boolean {
  return uniqueColumns[table].some((column) => column in set);
}

function withSet(before: Insert, { set }: Update): Change {
  // Traces are kept by table, so the row and the set belong to the same one; the union of all changes hides that.
  return { ...before, row: { ...before.row, ...set } } as Change;
}

function withSets(before: Update, { set }: Update): Change {
  // As above.
  return { ...before, set: { ...before.set, ...set } } as Change;
}

function traceOf({ traces }: Compaction, table: TableName, key: number): Trace | undefined {
  return traces.get(table)?.get(key);
}

function setTrace({ traces }: Compaction, table: TableName, key: number, trace: Trace): void {
  const ofTable = traces.get(table);
  if (ofTable === undefined) traces.set(table, new Map([[key, trace]]));
  else ofTable.set(key, trace);
}

function isEmpty(set: object): boolean {
  for (const _ in set) return false;
  return true;
}
