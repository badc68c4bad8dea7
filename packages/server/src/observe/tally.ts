/** Counts by the values of labels. Adding is a look-up and a sum: the exposition is made when somebody asks. */
export class Tally<L extends string> {
  readonly labelNames: readonly L[];
  readonly #counts = new Map<string, number>();

  constructor(labelNames: readonly L[]) {
    this.labelNames = labelNames;
  }

  /** @param values one for each label, joined by `|`; joined by the caller, who often has them joined already. */
  add(values: string, count = 1): void {
    this.#counts.set(values, (this.#counts.get(values) ?? 0) + count);
  }

  *entries(): Generator<readonly [Readonly<Record<string, string>>, number]> {
    for (const [joined, count] of this.#counts) {
      const values = joined.split("|");
      yield [
        Object.fromEntries(this.labelNames.map((name, at) => [name, values[at] ?? ""])),
        count,
      ];
    }
  }
}
