import { type LogResource, type MessageLogResource, messageId } from "@reprise/protocol";
import type { EnvelopeRow, LogRow } from "../core/rows.ts";
import { type LogPlace, type LogSearch, SCAN_MS_MAX } from "./find-logs.ts";
import type { LogSelection } from "./log-filters.ts";
import type { ApiRoom } from "./room.ts";
import { LogWriter } from "./show-logs.ts";
import { viewOf } from "./views/message.ts";
import { MOMENT_STATES } from "./views/message-log.ts";

/** Finds messages by their log: one is listed, with all of its entries, when one entry is asked for. Newest message first. */

export interface FoundMessageLogs {
  readonly messages: readonly MessageLogResource[];
  /** Behind a message, whose key is the number. Null when nothing is left. */
  readonly next: LogPlace | null;
}

/** Messages of one read, without their bodies. */
const PAGE_MESSAGES = 100;

/** Messages that one request looks at; the rest is behind a cursor. */
const MESSAGES_MAX = 20_000;

/** Entries of one message that are shown; only one that the server has lost many times has so many. */
const MOMENTS_MAX = 1_000;

export async function findMessageLogs(
  search: LogSearch & { readonly bodyBytesMax: number | null },
  room: ApiRoom,
): Promise<FoundMessageLogs> {
  const { selection, bodyBytesMax, isNewestFirst, limit } = search;
  const writer = new LogWriter({ room, bodyBytesMax });
  const messages: MessageLogResource[] = [];
  const deadline = room.host.now() + SCAN_MS_MAX;
  let after = search.after;
  for (let seen = 0; seen < MESSAGES_MAX; seen += PAGE_MESSAGES) {
    const envelopes = await readMessages(after, search, room);
    for (const envelope of envelopes) {
      const rows = await readRows(envelope, selection, room);
      if (rows.some((row) => isAskedFor(row, selection))) {
        // One more than the limit proves that there is more.
        const hasRoom = messages.length < limit && !(writer.isFull && messages.length > 0);
        if (!hasRoom) return { messages, next: after };
        messages.push(await show(envelope, rows, { writer, isNewestFirst }));
      }
      after = { at: envelope.createdAt, number: envelope.key };
    }
    if (envelopes.length < PAGE_MESSAGES) return { messages, next: null };
    if (room.host.now() > deadline) break;
    await room.host.nextTurn();
  }
  return { messages, next: after };
}

function readMessages(
  after: LogPlace | null,
  { selection: { messageKeys }, isNewestFirst }: LogSearch,
  { store }: ApiRoom,
): Promise<readonly EnvelopeRow[]> {
  return store.list("envelopes", {
    where: messageKeys === null ? [] : [{ type: "in", column: "key", values: messageKeys }],
    order: isNewestFirst ? "descending" : "ascending",
    limit: PAGE_MESSAGES,
    without: ["body"],
    ...(after === null ? {} : { afterKey: after.number }),
  });
}

/** The log of a message that is asked for by what it was given, oldest first; empty for others. */
async function readRows(
  envelope: EnvelopeRow,
  { matches }: LogSelection,
  { store }: ApiRoom,
): Promise<readonly LogRow[]> {
  if (matches !== null && !matches(viewOf(envelope))) return [];
  return store.list("logs", {
    where: [{ type: "in", column: "messageKey", values: [envelope.key] }],
    order: "ascending",
    limit: MOMENTS_MAX,
    without: ["responseBody"],
  });
}

function isAskedFor(row: LogRow, { states, from, to }: LogSelection): boolean {
  const isInTime = (from === null || row.at >= from) && (to === null || row.at <= to);
  return (
    isInTime && (states === null || MOMENT_STATES[row.moment].some((state) => states.has(state)))
  );
}

async function show(
  { key }: EnvelopeRow,
  rows: readonly LogRow[],
  { writer, isNewestFirst }: { readonly writer: LogWriter; readonly isNewestFirst: boolean },
): Promise<MessageLogResource> {
  const events: LogResource[] = [];
  for (const row of isNewestFirst ? rows.toReversed() : rows) {
    const entries = MOMENT_STATES[row.moment].map((state, index) => ({ row, index, state }));
    for (const entry of isNewestFirst ? entries.toReversed() : entries) {
      const event = await writer.write(entry);
      if (event !== null) events.push(event);
    }
  }
  return { messageId: messageId(key), events };
}
