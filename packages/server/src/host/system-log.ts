import { constants, fstatSync, openSync, write as writeFile, writeSync } from "node:fs";
import type { LogLevel } from "./host.ts";

/** The log of the real host: lines of JSON, which are never waited for. */

export interface SystemLogOptions {
  /** Events below this level are dropped. */
  readonly levelMin: LogLevel;
  /** Takes one line of JSON without its line break. */
  readonly writeLine: (line: string) => void;
  /** Hears of every event from `levelMin` up, those that are held back included. */
  readonly onEvent?: (level: LogLevel, event: string) => void;
  /** What stands on every line. */
  readonly fields?: () => Readonly<Record<string, unknown>>;
}

const LEVELS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Lines of one event within a window; the rest is counted, and the count is told with the next line. */
const REPEATS_MAX = 50;
const WINDOW_MS = 10_000;

interface Repeats {
  windowStartedAt: number;
  count: number;
  heldBack: number;
}

export function createSystemLog(options: SystemLogOptions) {
  const { levelMin, writeLine, onEvent, fields: own } = options;
  // Events are texts of the program, so there are few of them.
  const repeats = new Map<string, Repeats>();
  return (level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>): void => {
    if (LEVELS[level] < LEVELS[levelMin]) return;
    onEvent?.(level, event);
    // Whoever asks for every change of a state wants all of them.
    const heldBack = level === "debug" ? 0 : passes(repeats, event);
    if (heldBack === null) return;
    const more = heldBack === 0 ? {} : { heldBack };
    writeLine(toLine(level, event, { ...own?.(), ...fields, ...more }));
  };
}

/** Null when the line is held back; else how many were held back since the last one. */
function passes(repeats: Map<string, Repeats>, event: string): number | null {
  const now = Date.now();
  const known = repeats.get(event);
  if (known === undefined || Math.abs(now - known.windowStartedAt) >= WINDOW_MS) {
    repeats.set(event, { windowStartedAt: now, count: 1, heldBack: 0 });
    return known?.heldBack ?? 0;
  }
  known.count++;
  if (known.count <= REPEATS_MAX) return 0;
  known.heldBack++;
  return null;
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

/** Lines that wait for a reader; a longer queue is cut at its end. */
const WAITING_CHARS_MAX = 4 * 1024 * 1024;

/** A pipe that is full, or a disk without a place, may have one again. */
const AGAIN_MS = 100;

/** A write that takes longer has nobody who reads: the end of the process does not wait for it. */
const STALLED_MS = 100;

/**
 * Standard error in a way that never waits: a pipe, opened once more. Files are not opened again, since two openings would write over
 * each other; where the system does not give a pipe again, its writes wait in a thread of their own.
 */
export function openStandardError(): number {
  try {
    if (!fstatSync(2).isFIFO()) return 2;
    return openSync("/proc/self/fd/2", constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return 2; // Only Linux gives it again, and only to its owner.
  }
}

type Written = (error: NodeJS.ErrnoException | null, count: number) => void;

/** A pipe that was opened once more takes what it has room for, at once; everything else is written by a thread. */
function put(descriptor: number, bytes: Buffer, done: Written): void {
  if (descriptor === 2) {
    writeFile(descriptor, bytes, done);
    return;
  }
  let count: number;
  try {
    count = writeSync(descriptor, bytes);
  } catch (error) {
    done(error as NodeJS.ErrnoException, 0); // What a failed call of the system throws.
    return;
  }
  done(null, count);
}

/** A write takes some microseconds of a thread's time, which has to get it first. */
const UNDER_WAY_MS = 100;

function pause(durationMs: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, durationMs);
}

/**
 * Writes lines to a file descriptor, one write at a time and without waiting: `process.stderr` waits for the readers of pipes, and
 * a reader that stops would stop the server. What nobody reads in time is dropped; deliveries go on.
 * @param onDrop hears of every line that is lost.
 */
export function descriptorWriter(
  descriptor: number,
  onDrop: () => void = () => {},
): (line: string) => void {
  let waiting: string[] = [];
  let waitingChars = 0;
  let rest: Buffer | null = null;
  let writingSince: number | null = null;
  const next = () => {
    if (rest === null) {
      if (waiting.length === 0) {
        writingSince = null;
        return;
      }
      rest = Buffer.from(waiting.join(""));
      waiting = [];
      waitingChars = 0;
    }
    writingSince ??= Date.now();
    put(descriptor, rest, (error, count) => {
      if (error === null) {
        rest = rest === null || count >= rest.byteLength ? null : rest.subarray(count);
        writingSince = Date.now();
        next();
      } else if (error.code === "EAGAIN" || error.code === "ENOSPC") {
        setTimeout(next, AGAIN_MS).unref();
      } else {
        // Closed for good, as far as anybody can tell; the next line tries again.
        rest = null;
        onDrop();
        next();
      }
    });
  };
  // The last words of a process are the ones that are looked for.
  process.on("exit", () => {
    // The process would wait for the thread that waits for the reader.
    const isStalled = writingSince !== null && Date.now() - writingSince > STALLED_MS;
    if (isStalled && descriptor === 2) process.kill(process.pid, "SIGKILL");
    if (isStalled) return;
    try {
      // What is under way in a thread comes first; nothing tells here when it is over.
      if (rest !== null && descriptor === 2) pause(UNDER_WAY_MS);
      else if (rest !== null) writeSync(descriptor, rest);
      if (waiting.length > 0) writeSync(descriptor, waiting.join(""));
    } catch {
      // Nobody is left who could be told.
    }
  });
  return (line) => {
    if (waitingChars + line.length > WAITING_CHARS_MAX) {
      onDrop();
      return;
    }
    waiting.push(`${line}\n`);
    waitingChars += line.length + 1;
    if (writingSince === null) next();
  };
}
