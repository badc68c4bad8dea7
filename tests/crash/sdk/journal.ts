import { openSync, readFileSync, writeSync } from "node:fs";

/** A step's own function has begun. */
export interface Begin {
  readonly runId: string;
  readonly stepId: number;
  /** What this execution will give; no two executions give the same. */
  readonly mark: string;
  /** Results that the function has been told before it came here. */
  readonly after: readonly Told[];
}

export interface Told {
  readonly stepId: number;
  readonly mark: string;
}

/** What an app process writes down. A line that is written outlives the process, however it ends. */
export class JournalWriter {
  readonly #file: number;
  #lines = 0;

  constructor(path: string) {
    this.#file = openSync(path, "a");
  }

  get lines(): number {
    return this.#lines;
  }

  begins(begin: Begin): void {
    this.#lines++;
    writeSync(this.#file, `${JSON.stringify(begin)}\n`);
  }
}

/** Reads on where it stopped the last time. */
export class JournalReader {
  readonly #path: string;
  #read = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** A last line without its end is left for the next time, or for never: then its step did not begin. */
  takeNew(): readonly Begin[] {
    const text = readFileSync(this.#path, "utf8");
    const end = text.lastIndexOf("\n") + 1;
    const lines = text.slice(this.#read, end).split("\n").slice(0, -1);
    this.#read = end;
    return lines.map((line) => JSON.parse(line) as Begin); // Written above.
  }
}
