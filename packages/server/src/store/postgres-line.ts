import type { RepriseError } from "@reprise/protocol";
import type { Pauses } from "../host/system-pause.ts";
import { refuse, type Session } from "./postgres-session.ts";

const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;

export interface LineOptions {
  readonly open: () => Promise<Session>;
  readonly pauses: Pauses;
}

/** A connection that is opened when it is needed and again when it is lost, at growing distances while that fails. */
export class Line {
  readonly #open: () => Promise<Session>;
  readonly #pauses: Pauses;
  #session: Session | null = null;
  #opening: Promise<Session> | null = null;
  #failures = 0;
  #isClosed = false;

  constructor({ open, pauses }: LineOptions, session: Session | null = null) {
    this.#open = open;
    this.#pauses = pauses;
    this.#session = session;
  }

  /**
   * The connection as it is now, or a new one.
   * @throws RepriseError `storage_unavailable` when there is none to be had.
   */
  async session(): Promise<Session> {
    if (this.#isClosed) throw closed();
    if (this.#session !== null && !this.#session.isLost) return this.#session;
    this.#opening ??= this.#reopen().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  /** Gives a connection up whose state nobody knows. */
  drop(session: Session): void {
    session.destroy();
    if (this.#session === session) this.#session = null;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const session = this.#session;
    this.#session = null;
    if (session !== null && !session.isLost) await session.end();
  }

  async #reopen(): Promise<Session> {
    if (this.#failures > 0) {
      const delayMs = Math.min(RETRY_MS_MIN * 2 ** (this.#failures - 1), RETRY_MS_MAX);
      await this.#pauses.pause(delayMs);
    }
    try {
      const session = await this.#open();
      if (this.#isClosed) {
        session.destroy();
        throw closed();
      }
      this.#failures = 0;
      this.#session = session;
      return session;
    } catch (error) {
      this.#failures = Math.min(this.#failures + 1, 30);
      throw error;
    }
  }
}

export function closed(): RepriseError {
  return refuse("the store is closed");
}
