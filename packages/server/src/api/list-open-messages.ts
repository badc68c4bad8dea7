import type { CountAnswer, OpenMessagePage, OpenMessageResource } from "@reprise/protocol";
import type { EnvelopeRow, MessageRow } from "../core/rows.ts";
import { countMessages } from "../engine/count-messages.ts";
import type { Condition } from "../store/store.ts";
import { readBoolean } from "./filters.ts";
import { type OpenSelection, openSelection } from "./message-filters.ts";
import { behind, readPage } from "./pages.ts";
import { type Parameters, readOneOf } from "./parameters.ts";
import { readWaitingFacts } from "./read-waiting.ts";
import type { ApiRoom } from "./room.ts";
import { messageFields, viewOf } from "./views/message.ts";
import { isOpen, type OpenRow, openFields } from "./views/waiting.ts";

/** Lists messages that have not ended, or counts them. Rare ones are looked for in pieces, so that no request holds up the server. */

/** @throws RepriseError `invalid_query` or `invalid_cursor`. */
export async function listOpenMessages(
  parameters: Parameters,
  room: ApiRoom,
): Promise<OpenMessagePage | CountAnswer> {
  const selection = openSelection(parameters);
  const order = readOneOf(parameters, "order", ["latestFirst", "earliestFirst"]);
  const isNewestFirst = order?.[0] !== "earliestFirst";
  const endpoint = `messages.list.${isNewestFirst ? "latestFirst" : "earliestFirst"}`;
  const { limit, afterKey, cursorBehind } = readPage(parameters, { endpoint }, room);
  if (readBoolean(parameters, "countOnly") === true) return { count: await count(selection, room) };
  const found = await find({ selection, isNewestFirst, limit, afterKey }, room);
  const shown = await show(found, room);
  return { messages: shown.messages, ...cursorBehind(shown.next) };
}

async function count(selection: OpenSelection, room: ApiRoom): Promise<number> {
  const { store } = room;
  const [newest] = await store.list("messages", { where: [], order: "descending", limit: 1 });
  return newest === undefined ? 0 : countMessages(selection, newest.key + 1, room);
}

interface Search {
  readonly selection: OpenSelection;
  readonly isNewestFirst: boolean;
  readonly limit: number;
  readonly afterKey: number | null;
}

interface Found {
  readonly rows: readonly OpenRow[];
  /** The key behind which the next page begins; null when nothing is left. */
  readonly next: number | null;
}

/** Rows of one read. */
const PAGE_ROWS = 500;
/** Keys that one read may pass over: the store compares what columns hold itself, at some millions of rows a second. */
const SPAN_KEYS = 50_000;
/** How long one request looks for what is rare; the rest is behind a cursor. */
const SCAN_MS_MAX = 250;

async function find(search: Search, room: ApiRoom): Promise<Found> {
  const { selection, limit } = search;
  const deadline = room.host.now() + SCAN_MS_MAX;
  const rows: OpenRow[] = [];
  for (let after = search.afterKey; ; await room.host.nextTurn()) {
    const page = await readSpan(after, search, room);
    for (const row of page.rows) {
      if (!isOpen(row) || selection.matches?.(row) === false) continue;
      // One more than the limit proves that there is more.
      if (rows.length === limit) return { rows, next: rows.at(-1)?.key ?? null };
      rows.push(row);
    }
    after = page.end;
    if (after === null || room.host.now() > deadline) return { rows, next: after };
  }
}

interface Span {
  readonly rows: readonly MessageRow[];
  /** Null when nothing is left behind these rows. */
  readonly end: number | null;
}

async function readSpan(
  after: number | null,
  { selection, isNewestFirst }: Search,
  { store }: ApiRoom,
): Promise<Span> {
  const query = {
    order: isNewestFirst ? "descending" : "ascending",
    ...behind(after),
  } as const;
  const { conditions: where, isNamed } = selection;
  if (isNamed) {
    const rows = await store.list("messages", { ...query, where, limit: PAGE_ROWS });
    return { rows, end: rows.length < PAGE_ROWS ? null : (rows.at(-1)?.key ?? null) };
  }
  const [first] = await store.list("messages", { ...query, where: [], limit: 1 });
  if (first === undefined) return { rows: [], end: null };
  const edge = isNewestFirst ? Math.max(first.key - SPAN_KEYS, 0) : first.key + SPAN_KEYS;
  const range = isNewestFirst ? { from: edge } : { to: edge };
  const span: Condition<"messages"> = { type: "range", column: "key", ...range };
  const rows = await store.list("messages", {
    ...query,
    where: [...where, span],
    limit: PAGE_ROWS,
  });
  return { rows, end: rows.length < PAGE_ROWS ? edge : (rows.at(-1)?.key ?? edge) };
}

/** Envelopes of one read; each brings its body along. */
const READ_ROWS = 20;
/** A page ends early behind this many characters of bodies: what is listed has to fit into memory. */
const PAGE_CHARS_MAX = 32 * 1024 * 1024;

interface Shown {
  readonly messages: readonly OpenMessageResource[];
  readonly next: number | null;
}

async function show({ rows, next }: Found, room: ApiRoom): Promise<Shown> {
  const facts = await readWaitingFacts(rows, room);
  const messages: OpenMessageResource[] = [];
  let chars = 0;
  for (let start = 0; start < rows.length; start += READ_ROWS) {
    const some = rows.slice(start, start + READ_ROWS);
    const keys = some.map(({ key }) => key);
    const envelopes = await room.store.get("envelopes", keys);
    const byKey = new Map(envelopes.map((envelope) => [envelope.key, envelope]));
    for (const row of some) {
      const fields = messageFields(viewOf(byKey.get(row.key) ?? withoutEnvelope(row)));
      chars += (fields.body ?? fields.bodyBase64 ?? "").length;
      messages.push({ ...fields, ...openFields(row, facts) });
    }
    const last = some.at(-1);
    const isCut = start + some.length < rows.length && chars >= PAGE_CHARS_MAX;
    if (isCut && last !== undefined) return { messages, next: last.key };
  }
  return { messages, next };
}

/** A message has lost its envelope only in a damaged store; what is left of it is shown. */
function withoutEnvelope({ key, url, createdAt }: OpenRow): EnvelopeRow {
  return { key, url, createdAt, config: "", body: new Uint8Array(), bodyHash: "" };
}
