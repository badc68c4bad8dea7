import type { TableName, Tables } from "../core/rows.ts";
import type { Condition } from "../store/store.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { type Parameters, readCursor, readOrder, readWhole } from "./parameters.ts";
import type { ApiRoom } from "./room.ts";

/** Pages of lists that are in the order of their keys. */

/** A page that a request asks for. */
export interface AskedPage {
  readonly limit: number;
  /** The key behind which it begins; null for the first page. */
  readonly afterKey: number | null;
  /** What leads to the rows behind a key; null says that nothing is left. */
  readonly cursorBehind: (key: number | null) => { readonly cursor?: string };
}

interface PageOptions {
  readonly endpoint: string;
  /** Entries of a page at the most. */
  readonly most?: number;
  /** Entries of a page when nobody says how many. */
  readonly usual?: number;
}

/** @throws RepriseError `invalid_query` or `invalid_cursor`. */
export function readPage(
  parameters: Parameters,
  { endpoint, most = 1_000, usual = 100 }: PageOptions,
  { credentials }: ApiRoom,
): AskedPage {
  const issuer = { endpoint, secret: credentials.cursorSecret };
  const cursor = readCursor(parameters);
  return {
    limit: Math.min(readWhole(parameters, "count", 1) ?? usual, most),
    afterKey: cursor === null ? null : (decodeCursor(cursor, 1, issuer)[0] ?? null),
    cursorBehind: (key) => (key === null ? {} : { cursor: encodeCursor([key], issuer) }),
  };
}

/** What a list asks the store for to begin behind a key. */
export const behind = (key: number | null) => (key === null ? {} : { afterKey: key });

export interface WantedPage<T extends TableName> {
  readonly table: T;
  readonly where: readonly Condition<T>[];
  readonly parameters: Parameters;
}

export interface FoundPage<T extends TableName> {
  readonly rows: readonly Tables[T][];
  /** To spread into the answer. */
  readonly rest: { readonly cursor?: string };
}

/** Newest first. @throws RepriseError `invalid_query` or `invalid_cursor`. */
export async function listNewest<T extends TableName>(
  { table, where, parameters }: WantedPage<T>,
  room: ApiRoom,
): Promise<FoundPage<T>> {
  const { limit, afterKey, cursorBehind } = readPage(
    parameters,
    { endpoint: `${table}.list` },
    room,
  );
  const found = await room.store.list(table, {
    ...{ where, order: "descending", ...behind(afterKey) },
    limit: limit + 1, // One more proves that there is more.
  });
  const rows = found.slice(0, limit);
  return { rows, rest: cursorBehind(found.length > limit ? (rows.at(-1)?.key ?? null) : null) };
}

/** What makes an entry of a dead letter queue large. */
interface Bodies {
  readonly body?: string;
  readonly bodyBase64?: string;
  readonly responseBody?: string;
  readonly responseBodyBase64?: string;
}

interface WantedDead<T extends DeadTable, E extends Bodies> extends WantedPage<T> {
  readonly endpoint: string;
  readonly most: number;
  readonly read: (rows: readonly Tables[T][]) => Promise<readonly E[]>;
}

type DeadTable = "deadLetters" | "deadMessages";

/** Rows that one read of a page takes; each brings bodies along. */
const READ_ROWS = 20;

/** A page ends early behind this many characters of bodies: what is listed has to fit into memory. */
const PAGE_CHARS_MAX = 32 * 1024 * 1024;

/** @throws RepriseError `invalid_query` or `invalid_cursor`. */
export async function listDead<T extends DeadTable, E extends Bodies>(
  { table, where, parameters, endpoint, most, read }: WantedDead<T, E>,
  room: ApiRoom,
): Promise<{ readonly messages: readonly E[]; readonly cursor?: string }> {
  const order = readOrder(parameters);
  const options = { endpoint: `${endpoint}.${order}`, most, usual: most };
  const { limit, afterKey: begin, cursorBehind } = readPage(parameters, options, room);
  const messages: E[] = [];
  let afterKey = begin;
  let chars = 0;
  let hasMore = true;
  while (hasMore && messages.length < limit && chars < PAGE_CHARS_MAX) {
    const wanted = Math.min(READ_ROWS, limit - messages.length);
    const query = { where, order, limit: wanted + 1, ...behind(afterKey) };
    const found = await room.store.list(table, query);
    const rows = found.slice(0, wanted);
    const entries = await read(rows);
    messages.push(...entries);
    chars += entries.reduce((sum, entry) => sum + bodyChars(entry), 0);
    afterKey = rows.at(-1)?.key ?? afterKey;
    hasMore = found.length > wanted;
  }
  return { messages, ...cursorBehind(hasMore ? afterKey : null) };
}

function bodyChars({ body, bodyBase64, responseBody, responseBodyBase64 }: Bodies): number {
  const texts = [body, bodyBase64, responseBody, responseBodyBase64];
  return texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}
