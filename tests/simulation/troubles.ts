/** The state of the dependencies that steps call; it outlives the processes of the app. */
export class Troubles {
  readonly #counts = new Map<string, number>();
  readonly #healed = new Set<number>();
  #executions = 0;
  #notices = 0;

  /** How often this was called before. */
  count(program: number, name: string): number {
    const key = `${program} ${name}`;
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    return count;
  }

  isHealed(program: number): boolean {
    return this.#healed.has(program);
  }

  heal(program: number): void {
    this.#healed.add(program);
  }

  nextExecution(): number {
    this.#executions += 1;
    return this.#executions;
  }

  /** The number of a notification, by which it is known wherever its data appear. */
  nextNotice(): number {
    this.#notices += 1;
    return this.#notices;
  }
}
