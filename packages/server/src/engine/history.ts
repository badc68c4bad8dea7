import { messageId } from "@reprise/protocol";
import type { StepRow } from "../core/rows.ts";
import type { Reader } from "../store/store.ts";

interface Entry {
  /** The encoded records, with commas between them. */
  text: string;
  /** Where each record ends in `text`. */
  readonly ends: number[];
}

/**
 * The lists of recorded steps of the runs that moved last, encoded as deliveries send them. Without it a run of n steps would
 * read and encode n * n records. It is a cache: the store knows everything that is in it.
 */
export class History {
  readonly #entries = new Map<number, Entry>();
  /** Loads under way. One that a change of its run overtakes is good for those who asked, and not kept. */
  readonly #loads = new Map<number, Set<{ isOvertaken: boolean }>>();
  readonly #reader: Reader;
  readonly #charsMax: number;
  #chars = 0;

  constructor(reader: Reader, charsMax: number) {
    this.#reader = reader;
    this.#charsMax = charsMax;
  }

  /** Takes in committed records. A record that does not continue what is known makes the next reader load the list anew. */
  append(steps: readonly StepRow[]): void {
    for (const step of steps) {
      this.#overtake(step.runKey);
      const entry = step.position === 0 ? { text: "", ends: [] } : this.#entries.get(step.runKey);
      if (entry === undefined) continue;
      if (entry.ends.length !== step.position) {
        this.forget(step.runKey);
        continue;
      }
      const charsBefore = this.#entries.has(step.runKey) ? entry.text.length : 0;
      push(entry, step);
      this.#keep(step.runKey, entry, entry.text.length - charsBefore);
    }
    this.#trim();
  }

  /** The list from the initial payload to the record at `position`, as the JSON array that the SDK reads. */
  async listUntil(runKey: number, position: number): Promise<string> {
    const entry = this.#entries.get(runKey) ?? (await this.#load(runKey));
    const end = entry.ends[position] ?? entry.text.length;
    return end === entry.text.length ? `[${entry.text}]` : `[${entry.text.slice(0, end)}]`;
  }

  /** The whole list. */
  async list(runKey: number): Promise<string> {
    return this.listUntil(runKey, Number.MAX_SAFE_INTEGER);
  }

  forget(runKey: number): void {
    this.#overtake(runKey);
    this.#drop(runKey);
  }

  clear(): void {
    for (const runKey of this.#loads.keys()) this.#overtake(runKey);
    this.#entries.clear();
    this.#chars = 0;
  }

  #drop(runKey: number): void {
    const entry = this.#entries.get(runKey);
    if (entry === undefined) return;
    this.#entries.delete(runKey);
    this.#chars -= entry.text.length;
  }

  async #load(runKey: number): Promise<Entry> {
    const load = { isOvertaken: false };
    const loads = this.#loads.get(runKey) ?? new Set();
    this.#loads.set(runKey, loads.add(load));
    try {
      const entry = toEntry(await this.#reader.find("steps", "byRun", [[runKey]]));
      if (!load.isOvertaken && !this.#entries.has(runKey)) {
        this.#keep(runKey, entry, entry.text.length);
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

  #keep(runKey: number, entry: Entry, charsMore: number): void {
    this.#entries.delete(runKey);
    this.#entries.set(runKey, entry);
    this.#chars += charsMore;
  }

  #trim(): void {
    for (const runKey of this.#entries.keys()) {
      if (this.#chars <= this.#charsMax) return;
      this.#drop(runKey);
    }
  }
}

function toEntry(steps: readonly StepRow[]): Entry {
  const entry: Entry = { text: "", ends: [] };
  for (const step of steps.toSorted((a, b) => a.position - b.position)) push(entry, step);
  return entry;
}

function push(entry: Entry, step: StepRow): void {
  const { buffer, byteOffset, byteLength } = step.body;
  const body = Buffer.from(buffer, byteOffset, byteLength).toString("base64");
  const record = `{"messageId":"${messageId(step.key)}","body":"${body}","callType":"${step.callType}"}`;
  entry.text += entry.ends.length === 0 ? record : `,${record}`;
  entry.ends.push(entry.text.length);
}
