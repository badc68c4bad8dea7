import { RepriseError } from "@reprise/protocol";
import type { Change, TableName, Tables } from "../core/rows.ts";
import type { Codec, Opened, ValuePlace } from "./encrypted-codec.ts";
import { type ProtectedColumn, protectedColumns } from "./encrypted-columns.ts";

/** The setting that says how the database is encrypted. It has to be readable without a key. */
export const STATE_NAME = "encryption";

export interface RowRules {
  /** Whether what users send and get is encrypted when it is written. */
  readonly hasPayloads: boolean;
  /** Whether some of it may be encrypted already. */
  readonly readsPayloads: boolean;
  /** Whether all of it is encrypted: then a clear value has been put there by somebody else. */
  readonly isSealed: boolean;
}

/**
 * What a value is read as that cannot be decrypted. `refuse`: using it throws, so that nothing is decided, sent or copied that rests on
 * it, while all other rows of a batch can be used. `show`: it comes empty, for whoever looks at the row.
 */
export type Damage = "refuse" | "show";

export interface RowCodec {
  encode(change: Change): Change;
  decode<T extends TableName>(table: T, row: Tables[T], reading: Reading): Tables[T];
  /** The columns of a table that no condition may name. */
  isProtected(table: TableName, column: string): boolean;
}

export interface Reading {
  readonly damage: Damage;
  /** Columns that were not read. */
  readonly without: readonly string[];
}

type Values = Record<string, unknown>;

export function createRowCodec(codec: Codec, rules: RowRules): RowCodec {
  const hasAny = rules.hasPayloads || rules.readsPayloads;
  const columns = new Map<TableName, readonly ProtectedColumn[]>();
  const columnsOf = (table: TableName): readonly ProtectedColumn[] => {
    const known = columns.get(table) ?? protectedColumns(table, hasAny);
    columns.set(table, known);
    return known;
  };

  function encodeValues<V extends object>(table: TableName, key: number, values: V): V {
    let sealed: Values | null = null;
    for (const column of columnsOf(table)) {
      // A change names columns of its own table; the compiler cannot follow the union.
      const value = (values as Values)[column.name];
      if (value === undefined || value === null) continue;
      if (table === "settings" && (values as Values).name === STATE_NAME) continue; // As above.
      const place = { table, column: column.name, key };
      const stored = encodeValue(value, place, codec, isWritten(column, rules));
      if (stored === value) continue;
      sealed = { ...(sealed ?? values), [column.name]: stored };
    }
    return sealed === null ? values : (sealed as V); // The same columns with values of the same types.
  }

  return {
    encode: (change) => {
      if (columnsOf(change.table).length === 0) return change;
      switch (change.type) {
        case "insert":
          // The row keeps its columns and their types.
          return {
            ...change,
            row: encodeValues(change.table, change.row.key, change.row),
          } as Change;
        case "update":
          // As above.
          return { ...change, set: encodeValues(change.table, change.key, change.set) } as Change;
        case "delete":
          return change;
      }
    },
    decode: (table, row, reading) => {
      let opened: Values | null = null;
      for (const column of columnsOf(table)) {
        // As above.
        const value = (row as unknown as Values)[column.name];
        if (value === null || reading.without.includes(column.name)) continue;
        if (table === "settings" && (row as Tables["settings"]).name === STATE_NAME) continue; // As above.
        const place = { table, column: column.name, key: row.key };
        const { damage } = reading;
        const open = () => openOne(value, { column, place, damage, codec, rules });
        opened ??= { ...row };
        // Most rows are read for something else than their bodies.
        if (column.isBytes && column.protection === "content") putLater(opened, column.name, open);
        else put(opened, column.name, open);
      }
      return opened === null ? row : (opened as unknown as typeof row); // As above.
    },
    isProtected: (table, column) => columnsOf(table).some(({ name }) => name === column),
  };
}

function isWritten({ protection }: ProtectedColumn, { hasPayloads }: RowRules): boolean {
  return hasPayloads || protection === "secret";
}

function isClearRefused({ protection }: ProtectedColumn, { isSealed }: RowRules): boolean {
  return isSealed || protection === "secret";
}

/** What shall stay clear and looks encrypted would be taken for it: such a value is encrypted all the same. */
function encodeValue(value: unknown, place: ValuePlace, codec: Codec, isWanted: boolean): unknown {
  if (!isWanted && openValue(value, place, codec).type === "clear") return value;
  if (typeof value === "string") return codec.sealText(value, place);
  return codec.seal(value as Uint8Array, place); // Protected columns hold texts and bytes alone.
}

export function openValue(value: unknown, place: ValuePlace, codec: Codec): Opened {
  if (typeof value === "string") return codec.openText(value, place);
  return codec.open(value as Uint8Array, place); // As above.
}

interface Opening {
  readonly column: ProtectedColumn;
  readonly place: ValuePlace;
  readonly damage: Damage;
  readonly codec: Codec;
  readonly rules: RowRules;
}

/** @throws RepriseError `storage_damaged` for what must not be used. */
function openOne(value: unknown, { column, place, damage, codec, rules }: Opening): unknown {
  const found = openValue(value, place, codec);
  if (found.type === "clear" && !isClearRefused(column, rules)) return value;
  if (found.type === "open") {
    return column.isBytes ? found.bytes : Buffer.from(found.bytes).toString();
  }
  if (damage === "show" || column.protection === "report") return placeholder(column);
  throw toFault(found, place);
}

/** What cannot be opened throws where it is used, and not before: the other columns, and the other rows, can be used. */
function put(row: Values, name: string, open: () => unknown): void {
  try {
    row[name] = open();
  } catch (fault) {
    putLater(row, name, () => {
      throw fault;
    });
  }
}

function putLater(row: Values, name: string, open: () => unknown): void {
  let kept: { readonly value: unknown } | null = null;
  const get = () => {
    kept ??= { value: open() };
    return kept.value;
  };
  Object.defineProperty(row, name, { enumerable: true, configurable: true, get });
}

/** Columns of reports that are never null hold sentences. */
const SENTENCES: ReadonlySet<string> = new Set(["reason", "move"]);
const UNREADABLE = "(the stored text is damaged)";

function placeholder({ name, isBytes, protection }: ProtectedColumn): unknown {
  if (SENTENCES.has(name)) return UNREADABLE;
  if (protection === "report") return null;
  if (isBytes) return new Uint8Array();
  return name === "endpoints" ? "[]" : "";
}

function toFault(
  found: Exclude<Opened, { readonly type: "open" }>,
  { table, column, key }: ValuePlace,
): RepriseError {
  const place = `the column ${column} of row ${key} in ${table}`;
  const details = { table, column, key };
  switch (found.type) {
    case "unknownKey":
      return new RepriseError("storage_damaged", {
        message: `${place} is encrypted with the key ${JSON.stringify(found.keyName)}, which is not among the encryption keys; it is not used`,
        details,
      });
    case "damaged":
      return new RepriseError("storage_damaged", {
        message: `${place} cannot be decrypted: it was damaged, or changed by hand; it is not used`,
        details,
      });
    case "clear":
      return new RepriseError("storage_damaged", {
        message: `${place} is not encrypted as all others are: it was damaged, or changed by hand; it is not used`,
        details,
      });
  }
}
