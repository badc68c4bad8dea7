import { parseArgs } from "node:util";
import { POINT_SCRIPT_NAMES } from "../flows/all-scripts.ts";
import { readName, readWhole } from "../option-values.ts";
import type { PointPlan } from "./campaign.ts";
import { POINT_MUTANTS } from "./point-mutants.ts";

/** Reads the command line behind `--points`; throws an Error that names the fault. */
export function readPointOptions(args: readonly string[]): PointPlan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      points: { type: "boolean" },
      every: { type: "string", default: "1" },
      seed: { type: "string", default: String(Date.now() % 1_000) },
      script: { type: "string" },
      at: { type: "string" },
      mutant: { type: "string" },
    },
  });
  return {
    every: readWhole("--every", values.every),
    seed: readWhole("--seed", values.seed, 0),
    script: readName("--script", values.script, POINT_SCRIPT_NAMES),
    at: values.at === undefined ? null : readWhole("--at", values.at),
    mutant: readName("--mutant", values.mutant, POINT_MUTANTS),
  };
}
