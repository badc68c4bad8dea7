import type { Host } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import { deleteSetting, listSettings, writeSetting } from "./settings.ts";
import { tellSettings } from "./settings-watch.ts";

const PREFIX = "endedSession:";
/** People log out a few times a day; whoever does it thousands of times makes room for himself. */
const ENDED_MAX = 1_000;

export interface EndedSessionsOptions {
  readonly store: Store;
  readonly host: Pick<Host, "now">;
  /** How many are kept. */
  readonly max?: number;
}

/**
 * The sessions that somebody has logged out of, until they would have been over anyway: a cookie that was copied before is worth
 * nothing behind that, at any server of the store.
 */
export class EndedSessions {
  readonly #options: EndedSessionsOptions;
  #until: ReadonlyMap<string, number>;
  /** Resolves behind the last change. */
  #changed: Promise<unknown> = Promise.resolve();

  private constructor(options: EndedSessionsOptions, until: ReadonlyMap<string, number>) {
    this.#options = options;
    this.#until = until;
  }

  static async open(options: EndedSessionsOptions): Promise<EndedSessions> {
    return new EndedSessions(options, await readEnded(options.store));
  }

  has(sessionId: string): boolean {
    return this.#until.has(sessionId);
  }

  /** On disk before it holds, like the end of a token. */
  end(sessionId: string, until: number): Promise<void> {
    return this.#inTurn(async () => {
      const { store, host, max = ENDED_MAX } = this.#options;
      const now = host.now();
      const kept = await readEnded(store);
      const over = [...kept].filter(([, end]) => end <= now).map(([id]) => id);
      const open = [...kept].filter(([, end]) => end > now).toSorted(([, a], [, b]) => a - b);
      const crowded = open.slice(0, Math.max(0, open.length + 1 - max)).map(([id]) => id);
      const gone = new Set([...over, ...crowded]);
      await store.transaction(async (transaction) => {
        for (const id of gone) await deleteSetting(transaction, PREFIX + id);
        await writeSetting(transaction, PREFIX + sessionId, String(until));
      });
      this.#until = new Map([...open.filter(([id]) => !gone.has(id)), [sessionId, until]]);
      tellSettings(store);
    });
  }

  /** Takes over what other servers of the store have ended. */
  refresh(): Promise<void> {
    return this.#inTurn(async () => {
      this.#until = await readEnded(this.#options.store);
    });
  }

  #inTurn(change: () => Promise<void>): Promise<void> {
    const changed = this.#changed.then(change);
    // Whoever asked for the change hears of its failure; the next one does not care.
    this.#changed = changed.catch(() => {});
    return changed;
  }
}

async function readEnded(store: Store): Promise<ReadonlyMap<string, number>> {
  const rows = await listSettings(store, PREFIX);
  return new Map(rows.map(({ name, value }) => [name.slice(PREFIX.length), Number(value)]));
}
