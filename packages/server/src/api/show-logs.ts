import type { LogResource } from "@reprise/protocol";
import type { ApiRoom } from "./room.ts";
import { viewOf } from "./views/message.ts";
import {
  attributesOf,
  type LogEntry,
  type MessageAttributes,
  toLogResource,
} from "./views/message-log.ts";

/** Reads what entries of the log show. Each repeats the body of its message, so an answer is measured while it grows. */

/** Characters of bodies and headers in one answer; what is shown has to fit into memory. */
const PAGE_CHARS_MAX = 32 * 1024 * 1024;

/** Entries between two turns of the event loop. */
const TURN_ENTRIES = 100;

export interface LogShow {
  readonly room: ApiRoom;
  /** Bytes of each body that are shown; null shows all, -1 none. */
  readonly bodyBytesMax: number | null;
}

/** Shows entries one after the other as long as there is room for more. */
export class LogWriter {
  readonly #show: LogShow;
  readonly #charsMax: number;
  readonly #attributes = new Map<number, MessageAttributes | null>();
  #chars = 0;

  constructor(show: LogShow, charsMax = PAGE_CHARS_MAX) {
    this.#show = show;
    this.#charsMax = charsMax;
  }

  get isFull(): boolean {
    return this.#chars > this.#charsMax;
  }

  /** The entry; without bodies when the answer is full. Null when its message has been forgotten meanwhile. */
  async write(entry: LogEntry): Promise<LogResource | null> {
    const attributes = await this.#attributesOf(entry.row.messageKey);
    if (attributes === null) return null;
    const resource = toLogResource(await this.#withResponse(entry), attributes, this.#bodyBytesMax);
    this.#chars += sizeOf(resource);
    return resource;
  }

  get #bodyBytesMax(): number | null {
    return this.isFull ? -1 : this.#show.bodyBytesMax;
  }

  async #attributesOf(messageKey: number): Promise<MessageAttributes | null> {
    const known = this.#attributes.get(messageKey);
    if (known !== undefined) return this.isFull && known !== null ? withoutBody(known) : known;
    const [row] = await this.#show.room.store.get("envelopes", [messageKey]);
    const attributes = row === undefined ? null : attributesOf(viewOf(row), this.#bodyBytesMax);
    this.#attributes.set(messageKey, attributes);
    return attributes;
  }

  /** The row comes without its body; one is read at a time, because a few may fill the memory. */
  async #withResponse(entry: LogEntry): Promise<LogEntry> {
    if (entry.state !== "ERROR") return entry;
    if (this.isFull) return { ...entry, row: { ...entry.row, isTruncated: 1 } };
    const [row = entry.row] = await this.#show.room.store.get("logs", [entry.row.key]);
    return { ...entry, row };
  }
}

function withoutBody({ body: _, ...attributes }: MessageAttributes): MessageAttributes {
  return attributes;
}

/** A field name and what surrounds it, for each entry. */
const ENTRY_CHARS = 1_000;

function sizeOf({ body, responseBody, header, responseHeader }: LogResource): number {
  const headers = [header, responseHeader].map((map) => (map === undefined ? 0 : charsOf(map)));
  return headers.reduce(
    (sum, chars) => sum + chars,
    ENTRY_CHARS + (body?.length ?? 0) + (responseBody?.length ?? 0),
  );
}

function charsOf(map: Readonly<Record<string, readonly string[]>>): number {
  let chars = 0;
  for (const name in map) {
    for (const value of map[name] ?? []) chars += name.length + value.length;
  }
  return chars;
}

export interface ShownLogs {
  readonly events: readonly LogResource[];
  /** The last entry that was looked at when there was no room for all. */
  readonly cut: LogEntry | null;
}

/** Shows the first entries, and says where it stopped. */
export async function showEntries(entries: readonly LogEntry[], show: LogShow): Promise<ShownLogs> {
  const writer = new LogWriter(show);
  const events: LogResource[] = [];
  for (const [index, entry] of entries.entries()) {
    const event = await writer.write(entry);
    if (event !== null) events.push(event);
    if (writer.isFull && index + 1 < entries.length) return { events, cut: entry };
    if (index % TURN_ENTRIES === TURN_ENTRIES - 1) await show.room.host.nextTurn();
  }
  return { events, cut: null };
}
