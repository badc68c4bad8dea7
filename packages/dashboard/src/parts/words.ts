/** `1 run`, `2,000 runs`. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

const numbers = new Intl.NumberFormat("en");

/** `12,345`. */
export function formatCount(count: number): string {
  return numbers.format(count);
}
