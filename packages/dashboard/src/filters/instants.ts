const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const DAY_MS = 86_400_000;

interface InstantRules {
  readonly now: number;
  readonly isUtc: boolean;
  /** A day means its end. */
  readonly isEnd?: boolean;
}

/** Reads `2h` (ago), `today`, `2026-11-20`, `2026-11-20T10:00` with or without a zone, and epoch milliseconds; null for other texts. */
export function readInstant(text: string, { now, isUtc, isEnd = false }: InstantRules) {
  const ago = /^(\d{1,6})([smhdw])$/.exec(text);
  if (ago !== null) return now - Number(ago[1]) * (UNITS_MS[ago[2] ?? ""] ?? 0);
  if (/^\d{11,14}$/.test(text)) return Number(text);
  if (text === "now") return now;
  const day = text === "today" ? dayOf(now, isUtc) : /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : null;
  if (day !== null) {
    const at = Date.parse(`${day}T00:00:00${isUtc ? "Z" : ""}`);
    if (Number.isNaN(at)) return null;
    return isEnd ? at + DAY_MS - 1 : at;
  }
  if (!/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}/.test(text)) return null;
  const hasZone = /(?:Z|[+-]\d{2}:?\d{2})$/.test(text);
  const at = Date.parse(hasZone || !isUtc ? text : `${text}Z`);
  return Number.isNaN(at) ? null : at;
}

function dayOf(at: number, isUtc: boolean): string {
  const shiftMs = isUtc ? 0 : new Date(at).getTimezoneOffset() * 60_000;
  return new Date(at - shiftMs).toISOString().slice(0, 10);
}
