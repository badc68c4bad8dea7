import { parseArgs } from "node:util";
import { POINT_SCRIPT_NAMES } from "../flows/all-scripts.ts";
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
    every: readWhole("--every", values.every, 1),
    seed: readWhole("--seed", values.seed, 0),
    script: readName("--script", values.script, POINT_SCRIPT_NAMES),
    at: values.at === undefined ? null : readWhole("--at", values.at, 1),
    mutant: readName("--mutant", values.mutant, POINT_MUTANTS),
  };
}

export function readName<T extends string>(
  option: string,
  text: string | undefined,
  names: readonly T[],
): T | null {
  if (text === undefined) return null;
  const name = names.find((known) => known === text);
  if (name !== undefined) return name;
  throw new Error(`${option} must be one of ${names.join(", ")}, got ${text}`);
}

function readWhole(option: string, text: string, least: number): number {
  if (/^\d{1,6}$/.test(text) && Number(text) >= least) return Number(text);
  throw new Error(`${option} must be a whole number from ${least} to 999999, got ${text}`);
}
