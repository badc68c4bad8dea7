import { parseArgs } from "node:util";
import { HALVES, type Half } from "./load.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";

export interface CrashOptions {
  /** For each half. */
  readonly cycles: number;
  readonly seed: number;
  readonly mutant: Mutant | null;
  /** Null: both. */
  readonly half: Half | null;
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
    half: values.only === undefined ? null : readHalf(values.only),
  };
}

export function readMutant(text: string): Mutant {
  const mutant = MUTANTS.find((known) => known === text);
  if (mutant !== undefined) return mutant;
  throw new Error(`there is no mutant ${text}; known are ${MUTANTS.join(", ")}`);
}

function readHalf(text: string): Half {
  const half = HALVES.find((known) => known === text);
  if (half !== undefined) return half;
  throw new Error(`--only must be one of ${HALVES.join(", ")}, got ${text}`);
}

function readWhole(option: string, text: string): number {
  if (/^\d{1,6}$/.test(text) && Number(text) > 0) return Number(text);
  throw new Error(`${option} must be a whole number from 1 to 999999, got ${text}`);
}
