/** `1 run`, `2,000 runs`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const numbers = new Intl.NumberFormat("en");

/** `12,345`. */
export function formatCount(count: number): string {
  return numbers.format(count);
}

interface Limits {
  readonly parallelism?: number | undefined;
  readonly rate?: number | undefined;
  /** In seconds. */
  readonly period?: number | undefined;
}

/** `parallelism 2, rate 10 per 60 s`; empty without a limit. */
export function limitsOf({ parallelism, rate, period }: Limits): string {
  const limits = [
    parallelism === undefined ? "" : `parallelism ${parallelism}`,
    rate === undefined ? "" : `rate ${rate} per ${period ?? 1} s`,
  ];
  return limits.filter((limit) => limit !== "").join(", ");
}
