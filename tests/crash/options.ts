import { parseArgs } from "node:util";
import { PARTS, type Part } from "./load.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";

export interface CrashOptions {
  /** For each part. */
  readonly cycles: number;
  readonly seed: number;
  readonly mutant: Mutant | null;
  /** Null: all. */
  readonly part: Part | null;
}

/** Reads the command line; throws an Error that names the fault. */
export function readOptions(args: readonly string[]): CrashOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      cycles: { type: "string", default: "30" },
      seed: { type: "string" },
      mutant: { type: "string" },
      only: { type: "string" },
    },
  });
  return {
    cycles: readWhole("--cycles", values.cycles),
    seed: values.seed === undefined ? Date.now() % 1_000_000 : readWhole("--seed", values.seed),
    mutant: values.mutant === undefined ? null : readMutant(values.mutant),
    part: values.only === undefined ? null : readPart(values.only),
  };
}

export function readMutant(text: string): Mutant {
  const mutant = MUTANTS.find((known) => known === text);
  if (mutant !== undefined) return mutant;
  throw new Error(`there is no mutant ${text}; known are ${MUTANTS.join(", ")}`);
}

function readPart(text: string): Part {
  const part = PARTS.find((known) => known === text);
  if (part !== undefined) return part;
  throw new Error(`--only must be one of ${PARTS.join(", ")}, got ${text}`);
}

function readWhole(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text);
  throw new Error(`${option} must be a whole number from 1 to 999999, got ${text}`);
}
