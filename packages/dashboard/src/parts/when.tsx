import { useSyncExternalStore } from "react";

type Zone = "local" | "utc";
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

export function formatInstant(at: number, zone: Zone): string {
  const timeZone = zone === "utc" ? { timeZone: "UTC" } : {};
  const text = new Intl.DateTimeFormat("en-CA", {
    dateStyle: "short",
    timeStyle: "medium",
    hourCycle: "h23",
    ...timeZone,
  }).format(at);
  return `${text.replace(",", "")}${zone === "utc" ? " UTC" : ""}`;
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

function formatAge(at: number, from: number): string {
  const awayMs = at - from;
  if (Math.abs(awayMs) < 1_500) return "now";
  const text = formatDuration(Math.abs(awayMs));
  return awayMs > 0 ? `in ${text}` : `${text} ago`;
}

/** An instant as its age, with the date on hover and for screen readers. */
export function When({ at }: { readonly at: number }) {
  const zone = useZone();
  const from = useNow();
  const text = formatInstant(at, zone);
  return (
    <time dateTime={new Date(at).toISOString()} title={text} className="whitespace-nowrap">
      {formatAge(at, from)}
    </time>
  );
}

/** An instant as a date. */
export function Instant({ at }: { readonly at: number }) {
  const zone = useZone();
  return (
    <time dateTime={new Date(at).toISOString()} className="whitespace-nowrap tabular-nums">
      {formatInstant(at, zone)}
    </time>
  );
}
