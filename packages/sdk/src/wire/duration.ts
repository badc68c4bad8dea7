const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Milliseconds of a duration: a number of seconds, or texts such as `10s`, `1h30m`, `7d`.
 * @throws TypeError when it is neither.
 */
export function durationMs(duration: number | string, field: string): number {
  if (typeof duration === "number" && duration >= 0) return duration * 1_000;
  const text = String(duration);
  if (/^(?:\d+(?:ms|s|m|h|d))+$/.test(text)) {
    let sum = 0;
    for (const [, count, unit = ""] of text.matchAll(/(\d+)(ms|s|m|h|d)/g)) {
      sum += Number(count) * (UNIT_MS[unit] ?? 0);
    }
    return sum;
  }
  throw new TypeError(
    `${field} must be a number of seconds or a duration such as 10s, 5m, 2h or 7d, got ${JSON.stringify(duration)}`,
  );
}
