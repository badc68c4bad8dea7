import type { Host, Timer } from "../host/host.ts";
import type { Store } from "../store/store.ts";
import { formatHint, parseHint } from "./hints.ts";

export interface SettingsWatchOptions {
  readonly host: Pick<Host, "now" | "setTimer" | "log">;
  readonly store: Store;
  readonly everyMs: number;
  /** Reads keys and tokens again. */
  readonly refresh: () => Promise<void>;
}

/** However rarely a node polls: a revoked token is nobody's so soon. */
const REFRESH_MS_MAX = 5_000;

/** Takes over the keys and tokens that other nodes have changed. */
export class SettingsWatch {
  readonly #options: SettingsWatchOptions;
  #timer: Timer | null = null;
  #unwatch: (() => void) | null = null;
  #isStopped = false;
  #refreshing: Promise<void> = Promise.resolve();

  constructor(options: SettingsWatchOptions) {
    this.#options = options;
  }

  start(): void {
    const { store } = this.#options;
    if (!store.isShared) return;
    this.#unwatch =
      store.hints?.watch((text) => {
        if (parseHint(text)?.type === "settings") this.#refresh();
      }) ?? null;
    this.#plan();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#unwatch?.();
    await this.#refreshing;
  }

  #plan(): void {
    const { host, everyMs } = this.#options;
    if (this.#isStopped) return;
    this.#timer = host.setTimer(host.now() + Math.min(everyMs, REFRESH_MS_MAX), () => {
      this.#refresh();
      void this.#refreshing.then(() => this.#plan());
    });
  }

  /** One after the other: an older answer must not come behind a newer one. */
  #refresh(): void {
    const { host, refresh } = this.#options;
    this.#refreshing = this.#refreshing.then(refresh).catch((error: unknown) => {
      host.log("warn", "settings_not_refreshed", { cause: String(error) });
    });
  }
}

/** Tells the other nodes that keys or tokens have changed. */
export function tellSettings(store: Pick<Store, "hints">): void {
  store.hints?.send(formatHint({ type: "settings" }));
}
