/** Counts of what happened in worlds: a test that never reaches a hard state tests nothing, so these are asserted too. */
export class Marks {
  readonly #counts = new Map<string, number>();

  hit(name: string, count = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  toObject(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  add(counts: Readonly<Record<string, number>>): void {
    for (const [name, count] of Object.entries(counts)) this.hit(name, count);
  }
}
