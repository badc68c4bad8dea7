import { parseDurationMs } from "@reprise/protocol";
import { InvalidArgumentError } from "commander";

/** From here on a number is an instant; below, it would be a duration without its unit. */
const EPOCH_MS_MIN = 100_000_000_000;

/**
 * Reads a point in time: `90m` (that long ago), `2026-01-31`, `2026-01-31T10:00Z` or epoch milliseconds.
 * @throws InvalidArgumentError for anything else.
 */
export function parseInstant(text: string, now: number): number {
  if (/^\d+$/.test(text)) {
    if (Number(text) >= EPOCH_MS_MIN && Number.isSafeInteger(Number(text))) return Number(text);
    throw new InvalidArgumentError(`A duration needs a unit, such as ${text}m; ${allowed}`);
  }
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) {
    const instant = Date.parse(text);
    if (!Number.isNaN(instant)) return instant;
    throw new InvalidArgumentError(`There is no such date; ${allowed}`);
  }
  return Math.round(now - parseAgoMs(text));
}

const allowed =
  "allowed are 90m or 2d (ago), 2026-01-31, 2026-01-31T10:00Z, or epoch milliseconds.";

function parseAgoMs(text: string): number {
  try {
    return parseDurationMs(text, "the time");
  } catch {
    // Its own message names only durations, and an instant can be more than that.
    throw new InvalidArgumentError(`It is no point in time; ${allowed}`);
  }
}

/** An instant for people: UTC, to the second. */
export function formatInstant(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z`;
}

export function formatMs(ms: number): string {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(1))} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  return `${Number((ms / 3_600_000).toFixed(1))} h`;
}
