import { parseArgs } from "node:util";
import { readSdkOption, type SdkOption } from "./sdk-plan.ts";

/** Workflows driven by the SDK, or messages without a run: two kinds of world that share nothing but their clock and their wires. */
export type WorldKind = "workflows" | "messages";

/** What the command line asks for. */
export interface Options {
  readonly kind: WorldKind;
  /** Replays this seed alone and prints all that happens. */
  readonly seed: number | null;
  readonly seeds: number | null;
  readonly minutes: number | null;
  /** Which SDK the apps of workflows have. */
  readonly sdk: SdkOption;
  readonly from: number;
  /** Servers on one database; null: one, and several in some worlds. */
  readonly nodes: number | null;
  /** Plays each seed twice and compares. */
  readonly isTwice: boolean;
  /** Plants this bug. */
  readonly mutant: string | null;
  /** Plants every bug, one after the other. */
  readonly isHuntingMutants: boolean;
}

export const USAGE = `usage: npm run sim -- [--messages] [--seed N | --seeds N | --minutes M | --mutants] [--from K] [--twice] [--mutant NAME] [--sdk NAME] [--nodes N]
  --messages     plays worlds of messages, queues, keys, schedules and URL groups instead of workflows
  --seed N       replays one seed and prints all that happens
  --seeds N      plays N seeds, then the seeds of seeds.txt, then every planted bug
  --minutes M    plays new seeds for M minutes
  --sdk NAME     SDK and mode of the app: official, classic, answered, warm, continued, connected or mixed (default)
  --nodes N      N servers on one database (default: one, and two or three in every 190th world)
  --from K       first seed (default 1)
  --twice        plays each seed twice; both must be the same
  --mutant NAME  plants a bug: the seeds are expected to fail
  --mutants      shows that every planted bug is caught; with --mutant that one alone`;

/** @throws Error with a sentence for people when the arguments make no sense. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      messages: { type: "boolean", default: false },
      seed: { type: "string" },
      seeds: { type: "string" },
      minutes: { type: "string" },
      sdk: { type: "string" },
      from: { type: "string" },
      nodes: { type: "string" },
      twice: { type: "boolean", default: false },
      mutant: { type: "string" },
      mutants: { type: "boolean", default: false },
    },
  });
  const seed = readWhole("seed", values.seed);
  const seeds = readWhole("seeds", values.seeds);
  const minutes = readWhole("minutes", values.minutes);
  return {
    kind: values.messages ? "messages" : "workflows",
    seed,
    seeds: seed === null && minutes === null && !values.mutants ? (seeds ?? 200) : seeds,
    minutes,
    sdk: readSdkOption(values.sdk),
    from: readWhole("from", values.from) ?? 1,
    nodes: readNodes(values.nodes),
    isTwice: values.twice,
    mutant: values.mutant ?? null,
    isHuntingMutants: values.mutants,
  };
}

function readNodes(text: string | undefined): number | null {
  const count = readWhole("nodes", text);
  return count === null ? null : Math.max(1, count);
}

function readWhole(name: string, text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Error(`--${name} must be a whole number, got ${text}`);
}
