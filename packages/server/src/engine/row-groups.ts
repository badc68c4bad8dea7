import { assert } from "../core/assert.ts";
import type { TableName, Tables } from "../core/rows.ts";
import type { BytesColumn } from "../store/store.ts";
import type { LookupName } from "../store/tables.ts";

/**
 * Rows that are asked for together: all waits of a run, all that wait for one event. A group is known once it has been loaded; what
 * changes afterwards joins or leaves it by itself.
 */

interface Definition<T extends TableName> {
  readonly table: T;
  readonly lookup: LookupName<T>;
  /** What the lookup is asked for to find this row, or null when the row is in no group. */
  readonly valuesOf: (row: Tables[T]) => readonly (string | number)[] | null;
  /** Columns that come empty: what is counted, or deleted, is not read. */
  readonly without?: readonly BytesColumn<T>[];
  /** The run whose rows the group has, if it is one run's. */
  readonly runKeyOf: ((values: readonly (string | number)[]) => number) | null;
}

const first = (values: readonly (string | number)[]) => Number(values[0]);
const second = (values: readonly (string | number)[]) => Number(values[1]);

export const GROUPS = {
  messagesOfRun: define({
    table: "messages",
    lookup: "byRun",
    valuesOf: ({ runKey }) => (runKey === null ? null : [runKey]),
    runKeyOf: first,
  }),
  waitsOfRun: define({
    table: "waits",
    lookup: "byRun",
    valuesOf: ({ runKey }) => [runKey],
    runKeyOf: first,
  }),
  waitOfStep: define({
    table: "waits",
    lookup: "byStep",
    valuesOf: ({ runKey, stepId }) => [runKey, stepId],
    runKeyOf: first,
  }),
  openWaitsForEvent: define({
    table: "waits",
    lookup: "openByEvent",
    valuesOf: ({ state, eventId }) => (state === "open" && eventId !== null ? [eventId] : null),
    runKeyOf: null,
  }),
  openWaitsForEventOfRun: define({
    table: "waits",
    lookup: "openByEventOfRun",
    valuesOf: ({ state, eventId, runKey }) =>
      state === "open" && eventId !== null ? [eventId, runKey] : null,
    runKeyOf: second,
  }),
  openWaitForChild: define({
    table: "waits",
    lookup: "openByChild",
    valuesOf: ({ state, childRunKey }) =>
      state === "open" && childRunKey !== null ? [childRunKey] : null,
    runKeyOf: first,
  }),
  eventsOfRun: define({
    table: "events",
    lookup: "byRun",
    valuesOf: ({ runKey }) => [runKey],
    without: ["body"],
    runKeyOf: first,
  }),
  keptEvents: define({
    table: "events",
    lookup: "byEvent",
    valuesOf: ({ runKey, eventId }) => [runKey, eventId],
    without: ["body"],
    runKeyOf: first,
  }),
} as const;

/** Any of them. */
export type GroupDefinition = Pick<Definition<TableName>, "table" | "lookup" | "without">;

export type GroupName = keyof typeof GROUPS;
export type GroupTable<G extends GroupName> = (typeof GROUPS)[G]["table"];
export type GroupValues = readonly (string | number)[];

const NAMES_BY_TABLE = Map.groupBy(
  // The object has these keys and no others.
  Object.keys(GROUPS) as readonly GroupName[],
  (name): TableName => GROUPS[name].table,
);

function define<T extends TableName>(definition: Definition<T>): Definition<T> {
  return definition;
}

export function groupId(name: GroupName, values: GroupValues): string {
  return `${name} ${values.join(" ")}`;
}

export class RowGroups {
  readonly #members = new Map<string, Set<number>>();

  isKnown(name: GroupName, values: GroupValues): boolean {
    return this.#members.has(groupId(name, values));
  }

  addLoaded(name: GroupName, wanted: readonly GroupValues[], rows: readonly Tables[TableName][]) {
    for (const values of wanted) {
      const id = groupId(name, values);
      if (!this.#members.has(id)) this.#members.set(id, new Set());
    }
    for (const row of rows) {
      const values = valuesOf(name, row);
      if (values !== null) this.#members.get(groupId(name, values))?.add(row.key);
    }
  }

  /** A row has been written. Groups of a run that was made in this transaction are known without having been loaded. */
  note(table: TableName, row: Tables[TableName], isNewRun: (runKey: number) => boolean) {
    const undo: (() => void)[] = [];
    for (const name of NAMES_BY_TABLE.get(table) ?? []) {
      const values = valuesOf(name, row);
      if (values === null) continue;
      const id = groupId(name, values);
      const runKey = GROUPS[name].runKeyOf?.(values);
      const members = this.#members.get(id);
      if (members === undefined) {
        if (runKey === undefined || !isNewRun(runKey)) continue;
        this.#members.set(id, new Set([row.key]));
        undo.push(() => this.#members.delete(id));
      } else if (!members.has(row.key)) {
        members.add(row.key);
        undo.push(() => members.delete(row.key));
      }
    }
    return undo;
  }

  /** Keys that have been in the group; the caller asks each row whether it still is. */
  keys(
    name: GroupName,
    values: GroupValues,
    isNewRun: (runKey: number) => boolean,
  ): readonly number[] {
    const members = this.#members.get(groupId(name, values));
    const runKey = GROUPS[name].runKeyOf?.(values);
    assert(
      members !== undefined || (runKey !== undefined && isNewRun(runKey)),
      `${groupId(name, values)} must be loaded before it is decided on`,
    );
    return Array.from(members ?? []);
  }
}

export function belongsTo(name: GroupName, values: GroupValues, row: Tables[TableName]): boolean {
  const own = valuesOf(name, row);
  return own !== null && groupId(name, own) === groupId(name, values);
}

function valuesOf(name: GroupName, row: Tables[TableName]): GroupValues | null {
  // The caller passes a row of the group's own table; the compiler cannot follow the union back.
  const { valuesOf: read } = GROUPS[name] as unknown as Definition<TableName>;
  return read(row);
}
