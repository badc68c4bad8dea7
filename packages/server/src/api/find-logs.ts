import type { LogRow } from "../core/rows.ts";
import type { Condition } from "../store/store.ts";
import { type LogSelection, momentsOf } from "./log-filters.ts";
import type { ApiRoom } from "./room.ts";
import { viewOf } from "./views/message.ts";
import { ENTRIES_PER_MOMENT, type LogEntry, MOMENT_STATES } from "./views/message-log.ts";

/** Finds entries of the log. A rare filter is looked for in spans of keys, so that no request holds up the server. */

/** A place between entries, and when the one before it was written. */
export interface LogPlace {
  readonly at: number;
  /** Number of an entry; what was asked for lies behind it. */
  readonly number: number;
}

export interface LogSearch {
  readonly selection: LogSelection;
  readonly isNewestFirst: boolean;
  readonly after: LogPlace | null;
  readonly limit: number;
}

export interface FoundLogs {
  readonly entries: readonly LogEntry[];
  /** Where the next search begins; null when nothing is left. */
  readonly next: LogPlace | null;
}

/** Rows of one read: small ones, their bodies are left where they are. */
const PAGE_ROWS = 500;

/** Keys that one read may pass over: the store compares states and times itself, at some millions of rows a second. */
const SPAN_KEYS = 50_000;

/** What one request looks at; the rest is behind a cursor. */
const ROWS_MAX = 20_000;
const SPANS_MAX = 200;
export const SCAN_MS_MAX = 250;

/** Rows lie in the order in which they were written. The clock that dated them may have been put back by this much. */
const CLOCK_STEP_MS_MAX = 24 * 60 * 60 * 1000;

/** At most `limit` entries; fewer with a place to go on from when very many had to be looked at. */
export async function findLogs(search: LogSearch, room: ApiRoom): Promise<FoundLogs> {
  const { selection, limit } = search;
  const entries: LogEntry[] = [];
  const isAskedFor = createMessageTest(selection, room);
  const deadline = room.host.now() + SCAN_MS_MAX;
  let after = search.after;
  for (let rows = 0, spans = 0; rows < ROWS_MAX && spans < SPANS_MAX; spans += 1) {
    const page = await readPage(after, search, room);
    const asked = await isAskedFor(page.rows);
    for (const entry of page.rows.flatMap((row) => entriesOf(row, search, after))) {
      if (!asked(entry.row)) continue;
      // One more than the limit proves that there is more.
      if (entries.length === limit) return { entries, next: placeOf(entries.at(-1)) };
      entries.push(entry);
    }
    after = page.end;
    if (after === null) return { entries, next: null };
    rows += page.rows.length;
    if (room.host.now() > deadline) break;
    await room.host.nextTurn();
  }
  return { entries, next: after };
}

export function placeOf(entry: LogEntry | undefined): LogPlace | null {
  return entry === undefined ? null : { at: entry.row.at, number: numberOf(entry) };
}

function numberOf({ row, index }: LogEntry): number {
  return row.key * ENTRIES_PER_MOMENT + index;
}

/** The entries of a row that are asked for, in the order of the search. */
function entriesOf(
  row: LogRow,
  { selection: { states }, isNewestFirst }: LogSearch,
  after: LogPlace | null,
): readonly LogEntry[] {
  const entries = MOMENT_STATES[row.moment]
    .map((state, index) => ({ row, index, state }))
    .filter((entry) => states === null || states.has(entry.state))
    .filter((entry) => after === null || isBehind(numberOf(entry), after.number, isNewestFirst));
  return isNewestFirst ? entries.toReversed() : entries;
}

function isBehind(number: number, place: number, isNewestFirst: boolean): boolean {
  return isNewestFirst ? number < place : number > place;
}

interface Page {
  readonly rows: readonly LogRow[];
  /** Null when nothing is left behind these rows. */
  readonly end: LogPlace | null;
}

async function readPage(
  after: LogPlace | null,
  search: LogSearch,
  { store }: ApiRoom,
): Promise<Page> {
  const { selection, isNewestFirst } = search;
  const query = {
    order: isNewestFirst ? "descending" : "ascending",
    without: ["responseBody"],
    ...(after === null ? {} : { afterKey: lastKeyBefore(after, isNewestFirst) }),
  } as const;
  const where = conditionsOf(selection);
  if (selection.messageKeys !== null) {
    const rows = await store.list("logs", { ...query, where, limit: PAGE_ROWS });
    return { rows, end: rows.length < PAGE_ROWS ? null : endOf(rows.at(-1), isNewestFirst) };
  }
  const [first] = await store.list("logs", { ...query, where: [], limit: 1 });
  if (first === undefined || isOutOfDate(first, search)) return { rows: [], end: null };
  const edge = isNewestFirst ? Math.max(first.key - SPAN_KEYS, 0) : first.key + SPAN_KEYS;
  const range = isNewestFirst ? { from: edge } : { to: edge };
  const span: Condition<"logs"> = { type: "range", column: "key", ...range };
  const rows = await store.list("logs", { ...query, where: [...where, span], limit: PAGE_ROWS });
  const last = rows.length < PAGE_ROWS ? { key: edge, at: first.at } : rows.at(-1);
  return { rows, end: endOf(last, isNewestFirst) };
}

function conditionsOf(selection: LogSelection): readonly Condition<"logs">[] {
  const { messageKeys, states, from, to } = selection;
  return [
    ...(messageKeys === null
      ? []
      : [{ type: "in", column: "messageKey", values: messageKeys } as const]),
    ...(states === null
      ? []
      : [{ type: "in", column: "moment", values: momentsOf(states) } as const]),
    ...(from === null ? [] : [{ type: "range", column: "at", from } as const]),
    ...(to === null ? [] : [{ type: "range", column: "at", to } as const]),
  ];
}

/** Of rows behind `after` every key is behind this one; the row in which the place lies comes again. */
function lastKeyBefore({ number }: LogPlace, isNewestFirst: boolean): number {
  return isNewestFirst
    ? Math.ceil(number / ENTRIES_PER_MOMENT)
    : Math.floor((number - 1) / ENTRIES_PER_MOMENT);
}

/** The place behind every entry of a row. */
function endOf(
  row: Pick<LogRow, "key" | "at"> | undefined,
  isNewestFirst: boolean,
): LogPlace | null {
  if (row === undefined) return null;
  const number = row.key * ENTRIES_PER_MOMENT + (isNewestFirst ? 0 : ENTRIES_PER_MOMENT - 1);
  return { at: row.at, number };
}

/** Whether no later row can lie within the asked time. */
function isOutOfDate({ at }: LogRow, { selection, isNewestFirst }: LogSearch): boolean {
  const { from, to } = selection;
  return isNewestFirst
    ? from !== null && at < from - CLOCK_STEP_MS_MAX
    : to !== null && at > to + CLOCK_STEP_MS_MAX;
}

type MessageTest = (rows: readonly LogRow[]) => Promise<(row: LogRow) => boolean>;

/** Compares what messages were given. Each is read once, whatever the number of its rows. */
function createMessageTest({ matches }: LogSelection, { store }: ApiRoom): MessageTest {
  if (matches === null) return async () => () => true;
  const answers = new Map<number, boolean>();
  return async (rows) => {
    const unread = new Set(rows.map(({ messageKey }) => messageKey));
    for (const key of unread) if (answers.has(key)) unread.delete(key);
    const envelopes = await store.list("envelopes", {
      where: [{ type: "in", column: "key", values: [...unread] }],
      order: "ascending",
      limit: unread.size,
      without: ["body"],
    });
    for (const envelope of envelopes) answers.set(envelope.key, matches(viewOf(envelope)));
    return ({ messageKey }) => answers.get(messageKey) === true;
  };
}
