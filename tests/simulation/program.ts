import type { Random } from "./random.ts";

/** A workflow that chance has written, and what must come out of it. */
export interface Program {
  readonly index: number;
  readonly steps: readonly ProgramStep[];
  readonly failureFunction: "none" | "works" | "throwsFirst" | "throwsUntilHealed";
  readonly trigger: TriggerPlan;
}

export interface TriggerPlan {
  /** Milliseconds after the start of the world. */
  readonly afterMs: number;
  readonly runId: string | null;
  readonly retries: number | null;
  readonly retryDelay: string | null;
  readonly delaySeconds: number | null;
  readonly label: string | null;
  /** How often the client sends the same trigger, more or less at once. */
  readonly times: number;
}

export type ProgramStep = SingleStep | ParallelGroup | { readonly kind: "cancel" };

export type SingleStep = RunStep | SleepStep;

export interface RunStep {
  readonly kind: "run";
  readonly name: string;
  readonly value: unknown;
  /** How long the work takes. */
  readonly workMs: number;
  readonly trouble: Trouble;
}

/** A sleep; `until` counts from the instant that the payload names. */
export interface SleepStep {
  readonly kind: "sleep" | "sleepUntil";
  readonly name: string;
  readonly seconds: number;
}

export interface ParallelGroup {
  readonly kind: "parallel";
  readonly branches: readonly SingleStep[];
}

export type Trouble =
  | { readonly type: "none" }
  | { readonly type: "throws"; readonly times: number }
  | { readonly type: "retryAfter"; readonly times: number; readonly seconds: number }
  | { readonly type: "throwsUntilHealed" }
  | { readonly type: "nonRetryableUntilHealed" };

export function createProgram(index: number, random: Random, horizonMs: number): Program {
  const names = new Names();
  const steps: ProgramStep[] = [];
  const count = random.integer(1, 5);
  for (let step = 0; step < count; step += 1) steps.push(createStep(names, random));
  if (random.chance(0.06)) steps.splice(random.integer(0, steps.length), 0, { kind: "cancel" });
  return {
    index,
    steps,
    failureFunction: random.pick(["none", "works", "works", "throwsFirst", "throwsUntilHealed"]),
    trigger: {
      afterMs: random.integer(0, Math.floor(horizonMs / 2)),
      runId: random.chance(0.3) ? `run-${index}` : null,
      retries: random.pick([null, 0, 1, 2, 3]),
      retryDelay: random.pick([null, "1000", "1000 * (1 + retried)", "pow(2, retried) * 500"]),
      delaySeconds: random.chance(0.15) ? random.integer(1, 60) : null,
      label: random.chance(0.3) ? `label-${index % 3}` : null,
      times: random.chance(0.15) ? 2 : 1,
    },
  };
}

class Names {
  #count = 0;

  next(kind: string): string {
    this.#count += 1;
    return `${kind} ${this.#count}`;
  }
}

function createStep(names: Names, random: Random): ProgramStep {
  if (!random.chance(0.35)) return createSingle(names, random);
  const width = random.chance(0.85) ? random.integer(2, 4) : random.integer(5, 10);
  const branches = Array.from({ length: width }, () => createSingle(names, random));
  return { kind: "parallel", branches };
}

function createSingle(names: Names, random: Random): SingleStep {
  const kind = random.pick(["run", "run", "run", "run", "sleep", "sleepUntil"] as const);
  const name = names.next(kind);
  if (kind !== "run") return { kind, name, seconds: random.pick([0, 1, 5, 30, 600]) };
  return {
    kind,
    name,
    value: createValue(random, 2),
    workMs: random.chance(0.6) ? 0 : random.integer(1, 200),
    trouble: createTrouble(random),
  };
}

function createTrouble(random: Random): Trouble {
  if (random.chance(0.75)) return { type: "none" };
  switch (random.integer(0, 3)) {
    case 0:
      return { type: "throws", times: random.integer(1, 4) };
    case 1:
      return { type: "retryAfter", times: random.integer(1, 3), seconds: random.integer(0, 90) };
    case 2:
      return { type: "throwsUntilHealed" };
    default:
      return { type: "nonRetryableUntilHealed" };
  }
}

function createValue(random: Random, depth: number): unknown {
  const kind = random.integer(0, depth > 0 ? 8 : 5);
  if (kind === 0) return undefined;
  if (kind === 1) return null;
  if (kind === 2) return random.integer(-5, 5);
  if (kind === 3) return random.chance(0.5);
  if (kind <= 5) return random.pick(["", "x", "ü → 漢 🎲", 'quote " and \\ ', "line\nbreak"]);
  const inner = Array.from({ length: random.integer(0, 3) }, () => createValue(random, depth - 1));
  if (kind === 6) return inner;
  return Object.fromEntries(inner.map((value, index) => [`key ${index}`, value]));
}
