import { createHash } from "node:crypto";

const LINES_KEPT = 60;
const DETAIL_CHARS_SHOWN = 300;

/** Everything that happens in a world, as lines. Two runs of one seed must have the same hash. */
export class Trace {
  readonly #hash = createHash("sha1");
  readonly #print: ((line: string) => void) | null;
  readonly #tail: string[] = [];
  #count = 0;

  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  add(now: number, text: string, detail = ""): void {
    this.#count += 1;
    this.#hash.update(`${now} ${text}\n${detail}\n`);
    const shown = detail.slice(0, DETAIL_CHARS_SHOWN);
    const line = `${stamp(now)} ${text}${shown === "" ? "" : ` ${shown}`}`;
    this.#print?.(line);
    this.#tail.push(line);
    if (this.#tail.length > LINES_KEPT) this.#tail.shift();
  }

  /** The newest lines, for the report of a failure. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  get count(): number {
    return this.#count;
  }

  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}

function stamp(now: number): string {
  const seconds = Math.floor(now / 1000) % 86_400;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const clock = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return `${clock}.${String(now % 1000).padStart(3, "0")}`;
}
