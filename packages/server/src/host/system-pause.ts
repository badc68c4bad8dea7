/** What the store of several nodes needs of time and chance: short pauses that differ, so that those who met do not meet again. */
export interface Pauses {
  /** Resolves after a time between half of `delayMs` and all of it. */
  readonly pause: (delayMs: number) => Promise<void>;
  /** Resolves after that time, if anything else keeps the process alive until then. */
  readonly expire: (delayMs: number) => Promise<void>;
}

export const systemPauses: Pauses = {
  pause: (delayMs) => {
    const jittered = delayMs * (0.5 + Math.random() / 2);
    return new Promise((resolve) => setTimeout(resolve, jittered));
  },
  expire: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs).unref()),
};
