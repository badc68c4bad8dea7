import { useSyncExternalStore } from "react";

export type Zone = "local" | "utc";
const STORED = "reprise.zone";
const listeners = new Set<() => void>();
const TICK_MS = 1_000;

/** One clock for the whole page. */
let now = Date.now();
setInterval(() => {
  now = Date.now();
  for (const listener of listeners) listener();
}, TICK_MS);

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const readZone = (): Zone => (localStorage.getItem(STORED) === "utc" ? "utc" : "local");

export function setZone(zone: Zone): void {
  localStorage.setItem(STORED, zone);
  for (const listener of listeners) listener();
}

export const useZone = (): Zone => useSyncExternalStore(subscribe, readZone);
/** Epoch milliseconds, anew each second. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

const MS_DIGITS = 3;
const FORMAT = { dateStyle: "short", timeStyle: "medium", hourCycle: "h23" } as const;

/** Made once: to make one takes a thousand times as long as to use it. */
const FORMATS: Readonly<Record<Zone, Intl.DateTimeFormat>> = {
  local: new Intl.DateTimeFormat("en-CA", FORMAT),
  utc: new Intl.DateTimeFormat("en-CA", { ...FORMAT, timeZone: "UTC" }),
};

/** @param isExact to the millisecond, for what is compared with logs of other programs. */
export function formatInstant(at: number, zone: Zone, isExact = false): string {
  const text = FORMATS[zone].format(at);
  const ms = isExact ? `.${String(Math.floor(at) % 1_000).padStart(MS_DIGITS, "0")}` : "";
  return `${text.replace(",", "")}${ms}${zone === "utc" ? " UTC" : ""}`;
}

/** For the title of whatever shows a time: to the millisecond, in both zones. */
export function describeInstant(at: number): string {
  return `${formatInstant(at, "local", true)} here, ${formatInstant(at, "utc", true)}`;
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
] as const;

/** `3 m 20 s`: the two largest units. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.max(0, Math.round(durationMs))} ms`;
  const parts: string[] = [];
  let rest = Math.round(durationMs / 1_000) * 1_000;
  for (const [unit, sizeMs] of UNITS) {
    const count = Math.floor(rest / sizeMs);
    rest -= count * sizeMs;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ");
}

const HOUR_MS = 3_600_000;
const FAR_MS = 10 * 24 * HOUR_MS;

/** As exact as a person needs it that far away: no seconds beside minutes, no hours beside many days. */
function formatDistance(awayMs: number): string {
  const text = formatDuration(awayMs);
  const isShort = awayMs < HOUR_MS || awayMs >= FAR_MS;
  return isShort ? text.split(" ").slice(0, 2).join(" ") : text;
}

function formatAge(at: number, from: number): string {
  const awayMs = at - from;
  if (Math.abs(awayMs) < 1_500) return "now";
  const text = formatDistance(Math.abs(awayMs));
  return awayMs > 0 ? `in ${text}` : `${text} ago`;
}

/** An instant as its age, with the date in both zones on hover and for screen readers. */
export function When({ at }: { readonly at: number }) {
  const from = useNow();
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={describeInstant(at)}
      className="whitespace-nowrap"
    >
      {formatAge(at, from)}
    </time>
  );
}

interface InstantProps {
  readonly at: number;
  /** To the millisecond. */
  readonly isExact?: boolean;
}

/** An instant as a date, with both zones on hover. */
export function Instant({ at, isExact = false }: InstantProps) {
  const zone = useZone();
  return (
    <time
      dateTime={new Date(at).toISOString()}
      title={describeInstant(at)}
      className="whitespace-nowrap tabular-nums"
    >
      {formatInstant(at, zone, isExact)}
    </time>
  );
}

/** An instant as a date, and how long ago it was. */
export function InstantAndAge({ at }: { readonly at: number }) {
  return (
    <>
      <Instant at={at} />{" "}
      <span className="text-soft">
        (<When at={at} />)
      </span>
    </>
  );
}
