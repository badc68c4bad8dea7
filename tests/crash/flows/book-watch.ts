import { type FlowBooks, readFlowBooks } from "./books.ts";

const LOOK_MS = 15;

export interface WatchOptions {
  readonly databasePath: string;
  /** What the URLs of the runs begin with. */
  readonly base: () => string;
  /** Longest time that anybody waits for something to come true. */
  readonly waitMsMax: number;
}

type Condition<T> = (books: FlowBooks) => T | false | null | undefined;

interface Watcher {
  readonly look: (books: FlowBooks) => boolean;
  readonly giveUp: () => void;
  readonly until: number;
}

/** Looks at the database again and again, once for everybody who waits for something that it will hold. */
export class BookWatch {
  readonly #options: WatchOptions;
  readonly #watchers = new Set<Watcher>();
  #timer: NodeJS.Timeout | null = null;
  /** Runs with a key up to this one are not looked at. */
  afterKey = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Resolves to what the condition gives. @throws Error when it does not come true in time. */
  until<T>(what: string, condition: Condition<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { waitMsMax } = this.#options;
      const watcher = {
        look: (books: FlowBooks) => {
          const value = condition(books);
          if (value === false || value === null || value === undefined) return false;
          resolve(value);
          return true;
        },
        giveUp: () => reject(new Error(`${what} did not come within ${waitMsMax} ms`)),
        until: Date.now() + waitMsMax,
      };
      this.#watchers.add(watcher);
      this.#timer ??= setTimeout(() => this.#look(), LOOK_MS);
    });
  }

  read(): FlowBooks {
    const { databasePath, base } = this.#options;
    return readFlowBooks(databasePath, base(), this.afterKey);
  }

  stop(): void {
    clearTimeout(this.#timer ?? undefined);
    for (const { giveUp } of this.#watchers) giveUp();
    this.#watchers.clear();
  }

  #look(): void {
    this.#timer = null;
    const books = this.#tryToRead();
    for (const watcher of [...this.#watchers]) {
      const isDone = books !== null && watcher.look(books);
      if (!isDone && Date.now() > watcher.until) watcher.giveUp();
      else if (!isDone) continue;
      this.#watchers.delete(watcher);
    }
    if (this.#watchers.size > 0) this.#timer ??= setTimeout(() => this.#look(), LOOK_MS);
  }

  /** While a server opens the database, or has not made it yet, nobody else can read it. */
  #tryToRead(): FlowBooks | null {
    try {
      return this.read();
    } catch {
      return null;
    }
  }
}
