import { randomFillSync } from "node:crypto";
import { createEgress } from "./egress.ts";
import type { EgressPolicy } from "./egress-policy.ts";
import type { Host, LogLevel, Timer } from "./host.ts";
import { systemElapsedMs } from "./system-clock.ts";
import type { Resolve } from "./system-dial.ts";
import { SystemFetch } from "./system-fetch.ts";
import { createSystemLog, descriptorWriter, openStandardError } from "./system-log.ts";

/** The real outside: this machine's clock, chance, network and standard error. */
export interface SystemHost extends Host {
  /** Closes every connection. Requests under way end with an error. */
  close(): Promise<void>;
}

export interface SystemHostOptions {
  /** Events below this level are dropped. Default: `info`. */
  readonly logLevel?: LogLevel;
  /** Takes one line of JSON without its line break. Default: writes it to standard error. */
  readonly writeLine?: (line: string) => void;
  /** What stands on every line of the log. */
  readonly logFields?: () => Readonly<Record<string, unknown>>;
  /** Hears of every event of the log, also of those that are held back. */
  readonly onEvent?: (level: LogLevel, event: string) => void;
  /** Hears of every line that nobody has read in time. */
  readonly onDrop?: () => void;
  /** Requests to one origin at the same time. More than about 50 made deliveries slower when it was measured. */
  readonly connectionsPerOrigin?: number;
  readonly originsMax?: number;
  readonly idleMs?: number;
  /** Where requests may go. Default: public addresses only. */
  readonly egress?: EgressPolicy;
  /** Answers for the addresses of a host name. Default: the system's resolver. */
  readonly resolve?: Resolve;
}

const CONNECTIONS_PER_ORIGIN = 50;
const ORIGINS_MAX = 1_000;
const IDLE_MS = 60_000;

/**
 * Longest sleep of one system timer. Far below what `setTimeout` can count (24 days), because it counts time since
 * boot: after a jump of the wall clock a timer is late by this much at most.
 */
const SLEEP_MS_MAX = 60_000;

/** Makes the host that everything but the simulation runs on. */
export function createSystemHost(options: SystemHostOptions = {}): SystemHost {
  const client = new SystemFetch({
    connectionsPerOrigin: options.connectionsPerOrigin ?? CONNECTIONS_PER_ORIGIN,
    originsMax: options.originsMax ?? ORIGINS_MAX,
    idleMs: options.idleMs ?? IDLE_MS,
    egress: createEgress(options.egress ?? { mode: "public-only", allow: [] }),
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  });
  const { onEvent, onDrop, logFields } = options;
  const log = createSystemLog({
    levelMin: options.logLevel ?? "info",
    writeLine: options.writeLine ?? standardError(onDrop),
    ...(onEvent === undefined ? {} : { onEvent }),
    ...(logFields === undefined ? {} : { fields: logFields }),
  });
  return {
    now: () => Date.now(),
    setTimer: (dueAt, callback) => startTimer(dueAt, callback),
    setDelay: (delayMs, callback) =>
      startTimer(systemElapsedMs() + delayMs, callback, { now: systemElapsedMs }),
    nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    randomBytes: randomSource(),
    fetch: (request) => client.fetch(request),
    log,
    close: () => client.close(),
  };
}

/** Drawn at once, because a call of the system's generator costs as much for a few bytes as for thousands. */
const RANDOM_BYTES_AHEAD = 4_096;

/** Random bytes, each given out once: what has been given out is wiped here. */
function randomSource(): (count: number) => Uint8Array {
  const ahead = new Uint8Array(RANDOM_BYTES_AHEAD);
  let used = ahead.length;
  return (count) => {
    if (count > ahead.length) return randomFillSync(new Uint8Array(count));
    if (used + count > ahead.length) {
      randomFillSync(ahead);
      used = 0;
    }
    const bytes = ahead.slice(used, used + count);
    ahead.fill(0, used, used + count);
    used += count;
    return bytes;
  };
}

interface TimerOptions {
  readonly sleepMsMax?: number;
  /** The clock by which it is due; the wall clock when not given. */
  readonly now?: () => number;
}

/** Calls back once, at or after `dueAt`, however far away that is. */
export function startTimer(
  dueAt: number,
  callback: () => void,
  { sleepMsMax = SLEEP_MS_MAX, now = Date.now }: TimerOptions = {},
): Timer {
  let handle: NodeJS.Timeout;
  const sleep = () => {
    const remainingMs = Math.max(0, dueAt - now());
    handle = setTimeout(wake, Math.min(remainingMs, sleepMsMax));
  };
  const wake = () => {
    // Also reached early, after a chunk or because the two clocks round differently.
    if (now() >= dueAt) callback();
    else sleep();
  };
  sleep();
  return { cancel: () => clearTimeout(handle) };
}

let writeStandardError: ((line: string) => void) | null = null;

/** One for the process, however many hosts it has: two would cut each other's lines. */
function standardError(onDrop?: () => void): (line: string) => void {
  writeStandardError ??= descriptorWriter(openStandardError(), onDrop);
  return writeStandardError;
}
