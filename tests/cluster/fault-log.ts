/** What was done to the cluster, and when. */
export interface Strike {
  readonly name: string;
  readonly beganAt: number;
  /** Requests and deliveries that it hit. */
  readonly inFlight: number;
  /** Infinite while it lasts. */
  endedAt: number;
}

/** From a strike on things may be done again until everybody has been taken over; the rest is what a busy machine takes. */
const AFTERMATH_MS = 15_000;
/** What was under way when it hit. */
const BEFORE_MS = 500;

export class FaultLog {
  readonly strikes: Strike[] = [];

  /** No more than this can have been cut off. */
  get cutMax(): number {
    return this.strikes.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  begin(name: string, inFlight: number): Strike {
    const strike = { name, beganAt: Date.now(), inFlight, endedAt: Infinity };
    this.strikes.push(strike);
    return strike;
  }

  /** Whether something hit that explains why work from `from` on was done again at `to`. */
  explains(from: number, to: number): boolean {
    return this.strikes.some(
      ({ beganAt, endedAt }) => beganAt - BEFORE_MS <= to && from <= endedAt + AFTERMATH_MS,
    );
  }
}
