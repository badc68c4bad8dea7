import { WorkflowError } from "../errors.ts";
import { type Random, seededRandom } from "./random.ts";

/** Something that happens at an instant of the virtual clock. */
export interface Task {
  readonly key: number;
  readonly dueAt: number;
  /** Gives what has to happen once it is over; the order of these is the order in which branches end. */
  readonly begin: () => Promise<() => void>;
}

export interface AgendaOptions {
  /** Epoch milliseconds. */
  readonly now: number;
  /** Shuffles what happens at the same instant; null keeps the order in which it was asked for. */
  readonly seed: number | null;
  readonly onClock: ((now: Date) => void) | undefined;
}

interface Begun {
  readonly key: number;
  readonly end: Promise<() => void>;
}

/** Runs longer than this are taken for endless. */
const TASKS_MAX = 200_000;
/** Of four tasks that are due one begins only once another has ended. */
const HOLD_BACK = 0.25;

/** The virtual clock and what is due on it. Time stands still while something happens. */
export class Agenda {
  #now: number;
  readonly #random: Random | null;
  readonly #onClock: AgendaOptions["onClock"];
  #tasks: Task[] = [];
  #begun: Begun[] = [];
  #nextKey = 1;
  #count = 0;
  #fault: Error | null = null;

  constructor({ now, seed, onClock }: AgendaOptions) {
    this.#now = now;
    this.#random = seed === null ? null : seededRandom(seed);
    this.#onClock = onClock;
    onClock?.(new Date(now));
  }

  get now(): number {
    return this.#now;
  }

  newKey(): number {
    return this.#nextKey++;
  }

  /** @returns a function that takes the task back as long as it has not begun. */
  add(dueAt: number, begin: Task["begin"]): () => void {
    const task = { key: this.newKey(), dueAt: Math.max(dueAt, this.#now), begin };
    this.#tasks.push(task);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== task);
    };
  }

  /** Instant of the next task; null when there is none. */
  get nextAt(): number | null {
    if (this.#begun.length > 0) return this.#now;
    let nextAt: number | null = null;
    for (const { dueAt } of this.#tasks) {
      if (nextAt === null || dueAt < nextAt) nextAt = dueAt;
    }
    return nextAt;
  }

  /**
   * Lets everything happen until `instant`, or until `isEnough`; null: until nothing is left.
   * @returns whether it was enough.
   */
  async runUntil(instant: number | null, isEnough: () => boolean): Promise<boolean> {
    for (;;) {
      if (this.#fault !== null) throw this.#fault;
      if (isEnough()) return true;
      const { nextAt } = this;
      if (nextAt === null || (instant !== null && nextAt > instant)) break;
      this.#moveTo(nextAt);
      await this.#turn();
    }
    if (instant !== null) this.#moveTo(instant);
    return false;
  }

  /** Ends the test: it has not said what the kit needs to know. */
  fail(error: Error): void {
    this.#fault ??= error;
  }

  #moveTo(instant: number): void {
    if (instant <= this.#now) return;
    this.#now = instant;
    this.#onClock?.(new Date(instant));
  }

  /** Begins what is due, and lets one thing end. */
  async #turn(): Promise<void> {
    for (;;) {
      const due = this.#tasks.filter(({ dueAt }) => dueAt <= this.#now);
      if (due.length === 0 || this.#holdsBack()) break;
      const task = due[this.#pick(due.length)] as Task; // The index is within the list.
      this.#begin(task);
    }
    const [begun] = this.#begun.splice(this.#pick(this.#begun.length), 1);
    const end = await begun?.end;
    end?.();
  }

  #begin(task: Task): void {
    this.#count++;
    if (this.#count > TASKS_MAX) {
      throw new WorkflowError(`the run does not end: ${TASKS_MAX} deliveries have been made`);
    }
    this.#tasks = this.#tasks.filter((other) => other !== task);
    const end = task.begin();
    // Whoever awaits it later is told; until then nobody has to be.
    end.catch(() => {});
    this.#begun.push({ key: task.key, end });
  }

  #holdsBack(): boolean {
    return this.#random !== null && this.#begun.length > 0 && this.#random() < HOLD_BACK;
  }

  #pick(count: number): number {
    return this.#random === null ? 0 : Math.floor(this.#random() * count);
  }
}
