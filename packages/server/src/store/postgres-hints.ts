import type { Line } from "./postgres-line.ts";
import type { Session } from "./postgres-session.ts";
import type { Hints } from "./store.ts";

const CHANNEL = "reprise_hints";

/** Longest payload that PostgreSQL takes, in bytes. */
const HINT_BYTES_MAX = 7_999;

/**
 * Hints by NOTIFY, over a connection of their own that listens. It is opened when somebody watches. While it is lost, and behind a pooler
 * that does not keep sessions, hints are lost.
 */
export class PostgresHints implements Hints {
  readonly #line: Line;
  readonly #listeners = new Set<(hint: string) => void>();
  #isListening = false;
  #isClosed = false;

  constructor(line: Line) {
    this.#line = line;
  }

  send(hint: string): void {
    if (Buffer.byteLength(hint) > HINT_BYTES_MAX) return;
    void this.#notify(hint);
  }

  watch(listener: (hint: string) => void): () => void {
    // Its own function for each watch, so that one who watches twice is told twice.
    const own = (hint: string) => listener(hint);
    this.#listeners.add(own);
    void this.#listen();
    return () => this.#listeners.delete(own);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#line.close();
  }

  async #notify(hint: string): Promise<void> {
    try {
      const session = await this.#line.session();
      const text = "SELECT pg_notify($1::text, $2::text)";
      await session.run({ text, values: [CHANNEL, hint], isPrepared: true });
    } catch {
      // A hint may be lost: what it says is found by polling.
    }
  }

  async #listen(): Promise<void> {
    if (this.#isListening || this.#isClosed) return;
    this.#isListening = true;
    try {
      const session = await this.#line.session();
      await this.#listenOn(session);
    } catch {
      this.#isListening = false;
      // The line waits longer with every failure, so this is no busy loop.
      if (!this.#isClosed && this.#listeners.size > 0) void this.#listen();
    }
  }

  async #listenOn(session: Session): Promise<void> {
    session.onLost(() => {
      this.#isListening = false;
      if (this.#listeners.size > 0) void this.#listen();
    });
    session.onNotification((hint) => {
      for (const listener of this.#listeners) listener(hint);
    });
    try {
      await session.send(`LISTEN ${CHANNEL}`);
    } catch (error) {
      // It may be broken without having ended yet: asking it again at once would go on for ever.
      this.#line.drop(session);
      throw error;
    }
  }
}
