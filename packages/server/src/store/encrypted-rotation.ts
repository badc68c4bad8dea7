import { type RandomBytes, RepriseError } from "@reprise/protocol";
import type { Change, TableName, Tables } from "../core/rows.ts";
import { takeUp } from "./encrypted.ts";
import { type Codec, createCodec, type ValuePlace } from "./encrypted-codec.ts";
import { type ProtectedColumn, protectedColumns, protections } from "./encrypted-columns.ts";
import type { EncryptionSettings } from "./encrypted-keys.ts";
import { openValue, STATE_NAME } from "./encrypted-rows.ts";
import {
  checkKeys,
  type EncryptionState,
  emptyState,
  makeSeal,
  type RotationMark,
  readState,
  withKey,
  writeState,
} from "./encrypted-state.ts";
import type { BytesColumn, Store, Transaction } from "./store.ts";

export interface RotationOptions {
  readonly settings: EncryptionSettings;
  /** Makes everything clear, secrets included, instead of bringing it up to the settings. */
  readonly isDecrypting: boolean;
  readonly randomBytes: RandomBytes;
  /** Called behind each transaction. */
  readonly onProgress?: (report: RotationReport) => void;
}

export interface RotationReport {
  readonly rowsSeen: number;
  readonly rowsChanged: number;
  /** Values that cannot be decrypted and stay as they are, the first of them. */
  readonly damaged: readonly ValuePlace[];
}

/** Rows whose keys are read at once. */
const PAGE_ROWS = 500;
/** Rows that are read whole at once: each may hold a body as long as any. */
const CHUNK_ROWS = 16;
/** What one transaction writes, about. */
const TRANSACTION_BYTES = 4 * 1024 * 1024;
const DAMAGED_MAX = 20;
/** A server that shares the database may delete a row meanwhile. */
const TRIES = 5;

/**
 * Brings every value of a database up to the settings, in small transactions. Started again, it goes on where it was.
 * @throws RepriseError `invalid_request` when a key is missing or wrong, or when everything shall be clear and a server is running.
 */
export async function rotateEncryption(
  store: Store,
  options: RotationOptions,
): Promise<RotationReport> {
  const { settings, isDecrypting, randomBytes } = options;
  if (isDecrypting) await prepareDecryption(store, options);
  else await takeUp(store, settings, randomBytes);
  const rotation = new Rotation(store, options);
  const report = await rotation.run();
  await store.transaction(async (transaction) => {
    if (isDecrypting) return writeState(transaction, null);
    const { hasPayloads, keys } = settings;
    const state = withKey(emptyState, keys[0], randomBytes);
    const seal = hasPayloads ? makeSeal(settings, randomBytes) : null;
    return writeState(transaction, { ...state, hasPayloads, seal });
  });
  return report;
}

async function prepareDecryption(
  store: Store,
  { settings, randomBytes }: RotationOptions,
): Promise<void> {
  const now = await store.now();
  const nodes = await store.list("nodes", { where: [], order: "ascending", limit: 1_000 });
  if (nodes.some(({ leaseUntil }) => leaseUntil > now)) {
    throw new RepriseError("invalid_request", {
      message: "a server is running, and would go on to encrypt: stop all of them first",
    });
  }
  await store.transaction(async (transaction) => {
    const state = await readState(transaction);
    if (state === null) {
      throw new RepriseError("invalid_request", { message: "the database is not encrypted" });
    }
    checkKeys(state, settings, randomBytes);
    // What becomes clear would else be taken for changed by somebody else, if this does not come to its end.
    await writeState(transaction, { ...state, seal: null });
  });
}

/** What one transaction has done. */
interface Done {
  readonly count: number;
  readonly changed: number;
  readonly damaged: readonly ValuePlace[];
}

/** One pass over all rows. */
class Rotation {
  readonly #store: Store;
  readonly #options: RotationOptions;
  readonly #codec: Codec;
  readonly #target: string;
  #report: RotationReport = { rowsSeen: 0, rowsChanged: 0, damaged: [] };

  constructor(store: Store, options: RotationOptions) {
    const { settings, isDecrypting, randomBytes } = options;
    this.#store = store;
    this.#options = options;
    this.#codec = createCodec(settings.keys, randomBytes);
    const { hasPayloads, keys } = settings;
    this.#target = isDecrypting ? "clear" : `${keys[0].name}${hasPayloads ? " payloads" : ""}`;
  }

  async run(): Promise<RotationReport> {
    const mark = (await readState(this.#store))?.rotation ?? null;
    const from = mark !== null && mark.target === this.#target ? mark : null;
    // The table of protections has exactly the tables.
    const tables = (Object.keys(protections) as TableName[]).filter(
      (table) => protectedColumns(table, true).length > 0,
    );
    const start = from === null ? 0 : tables.indexOf(from.table as TableName); // Or -1.
    for (const table of tables.slice(Math.max(start, 0))) {
      await this.#pass(table, from?.table === table ? from.afterKey : null);
    }
    return this.#report;
  }

  async #pass<T extends TableName>(table: T, afterMark: number | null): Promise<void> {
    let afterKey = afterMark;
    for (;;) {
      const keys = await this.#keysBehind(table, afterKey);
      for (let done = 0; done < keys.length; ) {
        done += await this.#changeSome(table, keys.slice(done));
      }
      afterKey = keys.at(-1) ?? null;
      if (keys.length < PAGE_ROWS) return;
    }
  }

  async #keysBehind<T extends TableName>(table: T, afterKey: number | null) {
    const bytes = protectedColumns(table, true).filter(({ isBytes }) => isBytes);
    const rows = await this.#store.list(table, {
      where: [],
      order: "ascending",
      limit: PAGE_ROWS,
      without: bytes.map(({ name }) => name as BytesColumn<T>), // Columns of bytes of this very table.
      ...(afterKey === null ? {} : { afterKey }),
    });
    return rows.map(({ key }) => key);
  }

  /** How many of the keys are done. */
  async #changeSome(table: TableName, keys: readonly number[]): Promise<number> {
    const done = await this.#try(table, keys);
    const { rowsSeen, rowsChanged, damaged } = this.#report;
    this.#report = {
      rowsSeen: rowsSeen + done.count,
      rowsChanged: rowsChanged + done.changed,
      damaged: [...damaged, ...done.damaged].slice(0, DAMAGED_MAX),
    };
    this.#options.onProgress?.(this.#report);
    return done.count;
  }

  async #try(table: TableName, keys: readonly number[]): Promise<Done> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#store.transaction((transaction) =>
          this.#change(transaction, table, keys),
        );
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  }

  async #change(
    transaction: Transaction,
    table: TableName,
    keys: readonly number[],
  ): Promise<Done> {
    const damaged: ValuePlace[] = [];
    let count = 0;
    let changed = 0;
    for (let bytes = 0; count < keys.length && bytes < TRANSACTION_BYTES; ) {
      const chunk = keys.slice(count, count + CHUNK_ROWS);
      const rows = await transaction.get(table, chunk);
      const changes = rows.flatMap((row) => this.#changesOf(table, row, damaged));
      if (changes.length > 0) await transaction.write(changes);
      count += chunk.length;
      changed += changes.length;
      bytes += changes.reduce((sum, change) => sum + sizeOf(change), 0);
    }
    const afterKey = keys[count - 1] ?? 0;
    await this.#note(transaction, { target: this.#target, table, afterKey });
    return { count, changed, damaged };
  }

  async #note(transaction: Transaction, rotation: RotationMark): Promise<void> {
    const state: EncryptionState = (await readState(transaction)) ?? emptyState;
    await writeState(transaction, { ...state, rotation });
  }

  #changesOf(table: TableName, row: Tables[TableName], damaged: ValuePlace[]): readonly Change[] {
    if (table === "settings" && (row as Tables["settings"]).name === STATE_NAME) return []; // Of this table.
    const set: Record<string, unknown> = {};
    for (const column of protectedColumns(table, true)) {
      const place = { table, column: column.name, key: row.key };
      // A column of its own table; the compiler cannot follow the union.
      const value = (row as unknown as Record<string, unknown>)[column.name];
      if (value === null) continue;
      const changed = this.#changed(value, { column, place, damaged });
      if (changed !== value) set[column.name] = changed;
    }
    if (Object.keys(set).length === 0) return [];
    return [{ type: "update", table, key: row.key, set } as Change]; // As above.
  }

  #changed(
    value: unknown,
    {
      column,
      place,
      damaged,
    }: {
      readonly column: ProtectedColumn;
      readonly place: ValuePlace;
      readonly damaged: ValuePlace[];
    },
  ): unknown {
    const { settings, isDecrypting } = this.#options;
    const found = openValue(value, place, this.#codec);
    if (found.type === "damaged" || found.type === "unknownKey") {
      damaged.push(place);
      return value;
    }
    const isToSeal = !isDecrypting && (settings.hasPayloads || column.protection === "secret");
    if (!isToSeal) return found.type === "clear" ? value : toValue(found.bytes, column);
    if (found.type === "open" && found.keyName === settings.keys[0].name) return value;
    const clear = found.type === "clear" ? value : toValue(found.bytes, column);
    if (typeof clear === "string") return this.#codec.sealText(clear, place);
    return this.#codec.seal(clear as Uint8Array, place); // Protected columns hold texts and bytes alone.
  }
}

function toValue(bytes: Uint8Array, { isBytes }: ProtectedColumn): unknown {
  return isBytes ? bytes : Buffer.from(bytes).toString();
}

function sizeOf(change: Change): number {
  const values = change.type === "update" ? Object.values(change.set) : [];
  return values.reduce<number>(
    (sum, value) => sum + (value instanceof Uint8Array ? value.byteLength : String(value).length),
    0,
  );
}
