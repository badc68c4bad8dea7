/** The machine's own clock; what this process reads afterwards is moved. */
const TrueDate = Date;

/** Moves the clock of this process into the past and lets it come back, so that a day is told within seconds. */
export class DayClock {
  #behindMs: number;

  /** Everything in this process that asks for the time gets one that lies so far back. */
  constructor(behindMs: number) {
    this.#behindMs = behindMs;
    const now = () => TrueDate.now() - this.#behindMs;
    globalThis.Date = new Proxy(TrueDate, {
      construct: (target, values) =>
        values.length === 0 ? new target(now()) : Reflect.construct(target, values),
      get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
    });
  }

  /** Time passes; at most up to the present. */
  pass(ms: number): void {
    this.#behindMs = Math.max(0, this.#behindMs - ms);
  }

  get behindMs(): number {
    return this.#behindMs;
  }

  stop(): void {
    globalThis.Date = TrueDate;
  }
}
