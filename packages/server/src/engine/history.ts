import { createHash, type Hash } from "node:crypto";
import { messageId } from "@reprise/protocol";
import type { StepRow } from "../core/rows.ts";
import type { Reader } from "../store/store.ts";
import { hashBody } from "./signer.ts";

/** A list, or its beginning, as one delivery sends it. */
export interface ListBody {
  readonly bytes: Uint8Array;
  /** base64url of the SHA-256 of `bytes`. Asked for by those alone who sign. */
  readonly sha256: () => string;
}

export interface RecordRange {
  /** At least 1: the payload is in every process. */
  readonly from: number;
  readonly position: number;
}

interface Entry {
  /** A bracket and the encoded records with commas between them; behind `length` there is room for more. */
  bytes: Buffer<ArrayBuffer>;
  length: number;
  /** Where each record ends in `bytes`. */
  readonly ends: number[];
  /** States of the hash behind each whole span of the list. */
  readonly spans: Hash[];
}

/** Room of a list that has just begun: a run of a few small steps fits. */
const ROOM_BYTES_MIN = 1_024;

/** What the hash of a list has to read anew, at most: every delivery of a long list begins with the one before it. */
const SPAN_BYTES = 32 * 1_024;

/**
 * The lists of recorded steps of the runs that moved last, encoded as deliveries send them. Without it a run of n steps would
 * read and encode n * n records. It is a cache: the store knows everything that is in it.
 */
export class History {
  readonly #entries = new Map<number, Entry>();
  /** Loads under way. One that a change of its run overtakes is good for those who asked, and not kept. */
  readonly #loads = new Map<number, Set<{ isOvertaken: boolean }>>();
  readonly #reader: Reader;
  readonly #bytesMax: number;
  /** Room of all entries. */
  #bytes = 0;

  constructor(reader: Reader, bytesMax: number) {
    this.#reader = reader;
    this.#bytesMax = bytesMax;
  }

  /** Takes in committed records. A record that does not continue what is known makes the next reader load the list anew. */
  append(steps: readonly StepRow[]): void {
    for (const step of steps) {
      this.#overtake(step.runKey);
      const entry = step.position === 0 ? newEntry() : this.#entries.get(step.runKey);
      if (entry === undefined) continue;
      if (entry.ends.length !== step.position) {
        this.forget(step.runKey);
        continue;
      }
      const roomBefore = this.#entries.get(step.runKey)?.bytes.byteLength ?? 0;
      push(entry, step);
      this.#keep(step.runKey, entry, entry.bytes.byteLength - roomBefore);
    }
    this.#trim();
  }

  /**
   * The list from the initial payload to the record at `position`, as the JSON array that the SDK reads. Null when it has more
   * than `bytesMax`.
   */
  async listUntil(runKey: number, position: number, bytesMax: number): Promise<ListBody | null> {
    const entry = await this.#entryOf(runKey, position + 1);
    const end = entry.ends[position] ?? entry.length;
    if (end >= bytesMax) return null;
    const bytes = copyUntil(entry, end);
    return { bytes, sha256: () => (end < SPAN_BYTES ? hashBody(bytes) : hashUntil(entry, end)) };
  }

  /**
   * The records from the one at `from` to the one at `position`, for a process that holds those before. Null when they have more than
   * `bytesMax`, or are not all there.
   */
  async part(runKey: number, range: RecordRange, bytesMax: number): Promise<ListBody | null> {
    const entry = await this.#entryOf(runKey, range.position + 1);
    const start = entry.ends[range.from - 1];
    const end = entry.ends[range.position];
    if (start === undefined || end === undefined || end - start >= bytesMax) return null;
    const bytes = copyPart(entry, { from: range.from, start, end });
    return { bytes, sha256: () => hashBody(bytes) };
  }

  /** The whole list, of so many records at least. */
  async list(runKey: number, countMin: number): Promise<Uint8Array<ArrayBuffer>> {
    const entry = await this.#entryOf(runKey, countMin);
    return copyUntil(entry, entry.length);
  }

  forget(runKey: number): void {
    this.#overtake(runKey);
    this.#drop(runKey);
  }

  clear(): void {
    for (const runKey of this.#loads.keys()) this.#overtake(runKey);
    this.#entries.clear();
    this.#bytes = 0;
  }

  /** What is known, unless another node has appended to it. */
  async #entryOf(runKey: number, countMin: number): Promise<Entry> {
    const known = this.#entries.get(runKey);
    if (known !== undefined && known.ends.length >= countMin) return known;
    if (known !== undefined) this.#drop(runKey);
    return this.#load(runKey);
  }

  #drop(runKey: number): void {
    const entry = this.#entries.get(runKey);
    if (entry === undefined) return;
    this.#entries.delete(runKey);
    this.#bytes -= entry.bytes.byteLength;
  }

  async #load(runKey: number): Promise<Entry> {
    const load = { isOvertaken: false };
    const loads = this.#loads.get(runKey) ?? new Set();
    this.#loads.set(runKey, loads.add(load));
    try {
      const entry = toEntry(await this.#reader.find("steps", "byRun", [[runKey]]));
      if (!load.isOvertaken && !this.#entries.has(runKey)) {
        this.#keep(runKey, entry, entry.bytes.byteLength);
        this.#trim();
      }
      return entry;
    } finally {
      loads.delete(load);
      if (loads.size === 0) this.#loads.delete(runKey);
    }
  }

  /** What is being read may have been read before the change. */
  #overtake(runKey: number): void {
    for (const load of this.#loads.get(runKey) ?? []) load.isOvertaken = true;
  }

  #keep(runKey: number, entry: Entry, bytesMore: number): void {
    this.#entries.delete(runKey);
    this.#entries.set(runKey, entry);
    this.#bytes += bytesMore;
  }

  #trim(): void {
    for (const runKey of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax) return;
      this.#drop(runKey);
    }
  }
}

function newEntry(): Entry {
  const bytes = Buffer.allocUnsafeSlow(ROOM_BYTES_MIN);
  bytes.write("[", "latin1");
  return { bytes, length: 1, ends: [], spans: [] };
}

function toEntry(steps: readonly StepRow[]): Entry {
  const entry = newEntry();
  for (const step of steps.toSorted((a, b) => a.position - b.position)) push(entry, step);
  return entry;
}

function push(entry: Entry, step: StepRow): void {
  const { buffer, byteOffset, byteLength } = step.body;
  const body = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
  const record = `{"messageId":"${messageId(step.key)}","body":"${body}","callType":"${step.callType}"}`;
  // Ids, base64 and brackets: one byte a character.
  const text = entry.ends.length === 0 ? record : `,${record}`;
  makeRoom(entry, entry.length + text.length);
  entry.length += entry.bytes.write(text, entry.length, "latin1");
  entry.ends.push(entry.length);
}

/** Twice as much as there was, so that a list is moved a few times while it grows, and not with every record. */
function makeRoom(entry: Entry, bytesMin: number): void {
  const { bytes, length } = entry;
  if (bytesMin <= bytes.byteLength) return;
  entry.bytes = Buffer.allocUnsafeSlow(Math.max(2 * bytes.byteLength, bytesMin));
  bytes.copy(entry.bytes, 0, 0, length);
}

/** A copy, because what is being sent must not change while the list grows. */
function copyUntil({ bytes }: Entry, end: number): Buffer<ArrayBuffer> {
  const list = Buffer.allocUnsafe(end + 1);
  bytes.copy(list, 0, 0, end);
  list.write("]", end, "latin1");
  return list;
}

/** An object and no list, so that who does not know of parts cannot take it for the whole. */
function copyPart(
  { bytes }: Entry,
  { from, start, end }: { readonly from: number; readonly start: number; readonly end: number },
): Buffer<ArrayBuffer> {
  const head = `{"from":${from},"records":[`;
  // Without the comma in front of the first record.
  const length = end - start - 1;
  const part = Buffer.allocUnsafe(head.length + length + 2);
  part.write(head, 0, "latin1");
  bytes.copy(part, head.length, start + 1, end);
  part.write("]}", head.length + length, "latin1");
  return part;
}

/** The hash of what {@link copyUntil} gives; of a long list it reads only what is behind the last whole span. */
function hashUntil({ bytes, spans }: Entry, end: number): string {
  const wholeSpans = Math.floor(end / SPAN_BYTES);
  while (spans.length < wholeSpans) {
    const state = spans.at(-1)?.copy() ?? createHash("sha256");
    const start = spans.length * SPAN_BYTES;
    spans.push(state.update(bytes.subarray(start, start + SPAN_BYTES)));
  }
  const state = spans[wholeSpans - 1]?.copy() ?? createHash("sha256");
  const rest = bytes.subarray(wholeSpans * SPAN_BYTES, end);
  return state.update(rest).update("]").digest("base64url");
}
