import { parseArgs } from "node:util";
import { readName, readWhole } from "../crash/option-values.ts";

export const PARTS = ["faults", "rolling", "states"] as const;
export type Part = (typeof PARTS)[number];

export interface ClusterOptions {
  /** Of faults, over all clusters. */
  readonly rounds: number;
  readonly seed: number;
  /** Null: first some rounds with two nodes, then the others with three. */
  readonly nodeCount: number | null;
  /** Null: all. */
  readonly part: Part | null;
  /** Part of the name of the only faults to take. */
  readonly fault: string | null;
}

/** Reads the command line; throws an Error that names the fault. */
export function readOptions(args: readonly string[]): ClusterOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: "string", default: "20" },
      seed: { type: "string" },
      nodes: { type: "string" },
      only: { type: "string" },
      fault: { type: "string" },
    },
  });
  return {
    rounds: readWhole("--rounds", values.rounds),
    seed: values.seed === undefined ? Date.now() % 1_000_000 : readWhole("--seed", values.seed),
    nodeCount: values.nodes === undefined ? null : readWhole("--nodes", values.nodes),
    part: readName("--only", values.only, PARTS),
    fault: values.fault ?? null,
  };
}
