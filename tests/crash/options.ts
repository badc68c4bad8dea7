import { parseArgs } from "node:util";
import { PARTS, type Part } from "./load.ts";
import { MUTANTS, type Mutant } from "./mutants.ts";
import { readName, readWhole } from "./option-values.ts";

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
    mutant: readName("--mutant", values.mutant, MUTANTS),
    part: readName("--only", values.only, PARTS),
  };
}
