import type { Change, SettingRow } from "../core/rows.ts";
import type { Reader, Transaction } from "../store/store.ts";
import { KeyRange } from "./key-range.ts";

/** Texts that an installation keeps under a name: signing keys, secrets, tokens. */

/** The stored text of a setting; where there is none, `make` provides one that is kept. */
export async function keepSetting(
  transaction: Transaction,
  name: string,
  make: () => string,
): Promise<string> {
  const stored = await readSetting(transaction, name);
  if (stored !== null) return stored;
  const value = make();
  await writeSetting(transaction, name, value);
  return value;
}

async function findSetting(
  transaction: Pick<Reader, "find">,
  name: string,
): Promise<SettingRow | null> {
  const [row] = await transaction.find("settings", "byName", [[name]]);
  return row ?? null;
}

export async function readSetting(
  reader: Pick<Reader, "find">,
  name: string,
): Promise<string | null> {
  return (await findSetting(reader, name))?.value ?? null;
}

export async function writeSetting(
  transaction: Transaction,
  name: string,
  value: string,
): Promise<void> {
  const row = await findSetting(transaction, name);
  const change: Change =
    row === null
      ? {
          type: "insert",
          table: "settings",
          row: { key: await newKey(transaction), name, value },
        }
      : { type: "update", table: "settings", key: row.key, set: { value } };
  await transaction.write([change]);
}

async function newKey(transaction: Transaction): Promise<number> {
  const keys = new KeyRange(true);
  await keys.reserve(1, transaction);
  return keys.next();
}

export async function deleteSetting(transaction: Transaction, name: string): Promise<void> {
  const row = await findSetting(transaction, name);
  if (row === null) return;
  await transaction.write([{ type: "delete", table: "settings", key: row.key }]);
}

const PAGE_ROWS = 1_000;

/** Every setting whose name starts with `prefix`, in the order in which they were first written. */
export async function listSettings(
  store: Pick<Reader, "list">,
  prefix: string,
): Promise<readonly SettingRow[]> {
  const found: SettingRow[] = [];
  let afterKey: number | null = null;
  for (;;) {
    const rows: readonly SettingRow[] = await store.list("settings", {
      where: [],
      order: "ascending",
      limit: PAGE_ROWS,
      ...(afterKey === null ? {} : { afterKey }),
    });
    found.push(...rows.filter(({ name }) => name.startsWith(prefix)));
    afterKey = rows.at(-1)?.key ?? null;
    if (rows.length < PAGE_ROWS || afterKey === null) return found;
  }
}
