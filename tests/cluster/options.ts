import { parseArgs } from "node:util";

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
    part: values.only === undefined ? null : readPart(values.only),
    fault: values.fault ?? null,
  };
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
