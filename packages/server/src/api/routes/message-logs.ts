import { type LogPage, type MessageLogPage, RepriseError } from "@reprise/protocol";
import { Hono } from "hono";
import { findLogs, type LogPlace, placeOf } from "../find-logs.ts";
import { findMessageLogs } from "../find-message-logs.ts";
import { type LogSelection, readLogSelection } from "../log-filters.ts";
import {
  type Parameters,
  queryParameters,
  readCount,
  readCursor,
  readOneOf,
  readWhole,
} from "../parameters.ts";
import type { ApiEnv, ApiRoom } from "../room.ts";
import { showEntries } from "../show-logs.ts";

/**
 * `/v2/events` and `/v2/logs`: what happened to messages that belong to no workflow run, newest first, as single entries or by
 * message.
 */
export function messageLogRoutes(room: ApiRoom): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get("/v2/events", async (c) => c.json(await entryPage(queryParameters(c.req.raw), room)))
    .get("/v2/logs", async (c) => {
      const parameters = queryParameters(c.req.raw);
      if (readOneOf(parameters, "groupBy", ["messageId"]) !== null) {
        return c.json(await messagePage(parameters, room));
      }
      const page = await entryPage(parameters, room);
      // The documentation has changed its mind about the name.
      return c.json({ logs: page.events, ...page });
    });
}

async function entryPage(parameters: Parameters, room: ApiRoom): Promise<LogPage> {
  const paging = readPaging(parameters);
  const limit = readCount(parameters, room.settings.logPageMax);
  const found = await findLogs({ ...paging, limit }, room);
  const shown = await showEntries(found.entries, { room, bodyBytesMax: paging.bodyBytesMax });
  const next = shown.cut === null ? found.next : placeOf(shown.cut);
  return { events: shown.events, ...cursorAt(next) };
}

/** Messages of one page. */
const MESSAGES_DEFAULT = 10;
const MESSAGES_MAX = 100;

async function messagePage(parameters: Parameters, room: ApiRoom): Promise<MessageLogPage> {
  const paging = readPaging(parameters);
  const count = readWhole(parameters, "count", 1) ?? MESSAGES_DEFAULT;
  const limit = Math.min(count, MESSAGES_MAX);
  const { messages, next } = await findMessageLogs({ ...paging, limit }, room);
  return { messages, ...cursorAt(next) };
}

interface Paging {
  readonly selection: LogSelection;
  readonly isNewestFirst: boolean;
  readonly after: LogPlace | null;
  readonly bodyBytesMax: number | null;
}

function readPaging(parameters: Parameters): Paging {
  const selection = readLogSelection(parameters);
  const order = readOneOf(parameters, "order", ["latestFirst", "earliestFirst"]);
  const isNewestFirst = order?.[0] !== "earliestFirst";
  const cursor = readPlace(parameters);
  return {
    selection: cursor === null ? selection : fromInstant(selection, cursor, isNewestFirst),
    isNewestFirst,
    after: cursor === null || cursor.number === null ? null : { ...cursor, number: cursor.number },
    bodyBytesMax: readWhole(parameters, "trimBody", -1),
  };
}

interface Cursor {
  readonly at: number;
  /** Null for a mere instant, which some clients make themselves. */
  readonly number: number | null;
}

/** `<milliseconds>-<number of an entry>`, or the milliseconds alone. */
const CURSOR = /^(\d{1,16})(?:-(\d{1,16}))?$/;

function readPlace(parameters: Parameters): Cursor | null {
  const text = readCursor(parameters);
  if (text === null) return null;
  const match = CURSOR.exec(text);
  const at = Number(match?.[1]);
  const number = match?.[2] === undefined ? null : Number(match[2]);
  if (match === null || !Number.isSafeInteger(at) || !Number.isSafeInteger(number ?? 0)) {
    throw new RepriseError("invalid_cursor", {
      message: "cursor must be the one from the last answer, or an instant in Unix milliseconds",
    });
  }
  return { at, number };
}

/** An instant begins with what was written in its very millisecond: rather twice than never. */
function fromInstant(
  selection: LogSelection,
  { at, number }: Cursor,
  isNewestFirst: boolean,
): LogSelection {
  if (number !== null) return selection;
  return isNewestFirst
    ? { ...selection, to: Math.min(selection.to ?? at, at) }
    : { ...selection, from: Math.max(selection.from ?? at, at) };
}

function cursorAt(place: LogPlace | null) {
  return place === null ? {} : { cursor: `${place.at}-${place.number}` };
}
