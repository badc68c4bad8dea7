/** The wall clock tells whole milliseconds and is slewed: only what it is ahead by beyond this is a stop of the other clock. */
const AHEAD_MS_MAX = 50;

/** Two clocks that were read further apart than this say nothing about each other: somebody else had the processor in between. */
const APART_MS_MAX = 1;

/**
 * Milliseconds that have passed since it was made. It never goes back, and it goes on while the process is stopped or the machine
 * sleeps: the monotonic clock may stand still then, and what the wall clock has gone further by meanwhile is added.
 */
export function createElapsed(monotonicMs: () => number, wallMs: () => number): () => number {
  const beganAt = monotonicMs();
  let sleptMs = 0;
  let distanceMs = wallMs() - beganAt;
  let toldMs = 0;
  return () => {
    const before = monotonicMs();
    const wall = wallMs();
    const now = monotonicMs();
    const aheadMs = wall - now - distanceMs;
    if (now - before <= APART_MS_MAX) {
      // A wall clock that is set back says nothing about the time that has passed.
      if (aheadMs > AHEAD_MS_MAX) sleptMs += aheadMs;
      if (aheadMs > AHEAD_MS_MAX || aheadMs < 0) distanceMs += aheadMs;
    }
    toldMs = Math.max(toldMs, now - beganAt + sleptMs);
    return toldMs;
  };
}

/** What this machine says the time is. */
export function machineNow(): number {
  return Date.now();
}

export const systemElapsedMs = createElapsed(() => performance.now(), machineNow);
