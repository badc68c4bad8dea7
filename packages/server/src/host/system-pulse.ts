import { monitorEventLoopDelay } from "node:perf_hooks";

/** How late the event loop of this process is. */
export interface Pulse {
  /** The longest time that nothing could run in, of the last seconds. */
  readonly lagMs: number;
  /** Of the last seconds: half of all turns, 99 of 100, and all were as late or less. */
  readonly delays: Delays;
  stop(): void;
}

export interface Delays {
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Milliseconds that go on evenly, whatever happens to the wall clock. */
export function monotonicMs(): number {
  return performance.now();
}

const TICK_MS = 250;

/** What lies further back is forgotten, so that one long block is not held against the process for long. */
const WINDOW_MS = 5_000;

/** The monitor itself counts its interval, and a timer is never earlier. */
const RESOLUTION_MS = 20;

export function startPulse(): Pulse {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  let delays: Delays = { medianMs: 0, p99Ms: 0, maxMs: 0 };
  let tickedAt = performance.now();
  let windowStartedAt = tickedAt;
  let [longestMs, longestAt] = [0, tickedAt];
  const look = () => {
    const now = performance.now();
    const lateMs = Math.max(0, now - tickedAt - TICK_MS);
    if (lateMs >= longestMs || now - longestAt > WINDOW_MS) [longestMs, longestAt] = [lateMs, now];
    return now;
  };
  const timer = setInterval(() => {
    tickedAt = look();
    if (tickedAt - windowStartedAt < WINDOW_MS) return;
    windowStartedAt = tickedAt;
    delays = {
      medianMs: lateness(monitor.percentile(50)),
      p99Ms: lateness(monitor.percentile(99)),
      maxMs: lateness(monitor.max),
    };
    monitor.reset();
  }, TICK_MS);
  timer.unref();
  return {
    get lagMs() {
      look();
      return longestMs;
    },
    get delays() {
      return delays;
    },
    stop: () => {
      clearInterval(timer);
      monitor.disable();
    },
  };
}

function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}
