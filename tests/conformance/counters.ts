/** Counts how often each step was executed, and lets chosen steps fail until they are healed. */
export class Counters {
  readonly #counts = new Map<string, number>();
  readonly #broken: Set<string>;

  constructor(broken: readonly string[] = []) {
    this.#broken = new Set(broken);
  }

  /** The function of a step: counts, then fails or gives `result`. */
  step<T>(name: string, result: T): () => T {
    return () => {
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
      if (this.#broken.has(name)) throw new Error(`${name} is broken`);
      return result;
    };
  }

  isBroken(name: string): boolean {
    return this.#broken.has(name);
  }

  heal(): void {
    this.#broken.clear();
  }

  break(name: string): void {
    this.#broken.add(name);
  }

  all(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
