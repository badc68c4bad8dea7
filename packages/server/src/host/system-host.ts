import { randomFillSync } from "node:crypto";
import { createEgress } from "./egress.ts";
import type { EgressPolicy } from "./egress-policy.ts";
import type { Host, LogLevel, Timer } from "./host.ts";
import type { Resolve } from "./system-dial.ts";
import { SystemFetch } from "./system-fetch.ts";

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

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Makes the host that everything but the simulation runs on. */
export function createSystemHost(options: SystemHostOptions = {}): SystemHost {
  const client = new SystemFetch({
    connectionsPerOrigin: options.connectionsPerOrigin ?? CONNECTIONS_PER_ORIGIN,
    originsMax: options.originsMax ?? ORIGINS_MAX,
    idleMs: options.idleMs ?? IDLE_MS,
    egress: createEgress(options.egress ?? { mode: "public-only", allow: [] }),
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  });
  const levelMin = LEVELS[options.logLevel ?? "info"];
  const writeLine = options.writeLine ?? standardError();
  return {
    now: () => Date.now(),
    setTimer: (dueAt, callback) => startTimer(dueAt, callback),
    nextTurn: () => new Promise((resolve) => setImmediate(resolve)),
    randomBytes: randomSource(),
    fetch: (request) => client.fetch(request),
    log: (level, event, fields) => {
      if (LEVELS[level] >= levelMin) writeLine(toLine(level, event, fields));
    },
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

/** Calls back once, at or after `dueAt`, however far away that is. */
export function startTimer(dueAt: number, callback: () => void, sleepMsMax = SLEEP_MS_MAX): Timer {
  let handle: NodeJS.Timeout;
  const sleep = () => {
    const remainingMs = Math.max(0, dueAt - Date.now());
    handle = setTimeout(wake, Math.min(remainingMs, sleepMsMax));
  };
  const wake = () => {
    // Also reached early, after a chunk or because the two clocks round differently.
    if (Date.now() >= dueAt) callback();
    else sleep();
  };
  sleep();
  return { cancel: () => clearTimeout(handle) };
}

/** A closed pipe or a full disk behind standard error must not stop deliveries, so its errors end here. */
function standardError(): (line: string) => void {
  if (process.stderr.listenerCount("error") === 0) process.stderr.on("error", () => {});
  return (line) => void process.stderr.write(`${line}\n`);
}

function toLine(level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): string {
  const head = { at: new Date().toISOString(), level, event };
  try {
    return JSON.stringify({ ...head, ...fields, ...head }, replaceValue);
  } catch (error) {
    // A circular field: the event is worth more than its fields.
    return JSON.stringify({ ...head, unwritable: String(error) });
  }
}

/** Values that JSON would drop or refuse. */
function replaceValue(_name: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (!(value instanceof Error)) return value;
  const code = "code" in value ? value.code : undefined;
  return { message: value.message, code, stack: value.stack, cause: value.cause };
}
