import { parseArgs } from "node:util";
import { RUN_RECORDS_MAX } from "@reprise/protocol";

/** Names of what can be measured, in the order of the table. */
export const STEP_BENCH_NAMES = [
  "steps.classic",
  "steps.official",
  "steps.sdk.classic",
  "steps.answered",
  "steps.warm",
  "steps.continued",
  "steps.connected",
] as const;
export type StepBenchName = (typeof STEP_BENCH_NAMES)[number];

export const MESSAGE_BENCH_NAMES = [
  "messages.publish",
  "messages.batch",
  "messages.timers",
  "messages.burst",
  "messages.hanging",
  "messages.pending",
] as const;
export type MessageBenchName = (typeof MESSAGE_BENCH_NAMES)[number];

export const RUN_BENCH_NAMES = [
  "steps.fanout",
  "steps.fanout.official",
  "steps.history",
  "steps.long",
  "dlq.resume",
  "events.notify",
  "runs.invoke",
  "retention",
  "lists",
  "dashboard",
  "messages.claim",
  "stores",
] as const;
export type RunBenchName = (typeof RUN_BENCH_NAMES)[number];

export const BENCH_NAMES = [
  ...STEP_BENCH_NAMES,
  ...RUN_BENCH_NAMES,
  ...MESSAGE_BENCH_NAMES,
] as const;
export type BenchName = (typeof BENCH_NAMES)[number];

export interface BenchOptions {
  readonly names: readonly BenchName[];
  /** Runs at once, one measurement each. */
  readonly concurrencies: readonly number[];
  /** Length of one measurement. */
  readonly seconds: number;
  /** Parts of a measurement: rows take turns, because the speed of a machine drifts. */
  readonly rounds: number;
  /** Load before the first measurement: a server that has just started does half of its steady rate. */
  readonly warmUpSeconds: number;
  readonly jsonFile: string | null;
  /** Directory for CPU profiles of the server, or null for none. */
  readonly profileDir: string | null;
  /** Messages that wait in `messages.pending`. */
  readonly pending: number;
  /** Steps of the run in `steps.history`. */
  readonly steps: number;
  /** In each of the two larger parts of `dlq.resume`. */
  readonly deadLetters: number;
  /** In the database of `retention`. */
  readonly rows: number;
  /** And dead letters, in the database of `lists` and of `dashboard`. */
  readonly runs: number;
  readonly store: "embedded" | "postgres";
  /** Servers that share one database in the rows of steps, each with an app of its own. */
  readonly nodes: number;
}

/** Reads the command line; throws an Error that names the fault. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: "string" },
      seconds: { type: "string", default: "5" },
      rounds: { type: "string", default: "3" },
      "warm-up": { type: "string", default: "4" },
      concurrency: { type: "string", default: "1,10,200" },
      profile: { type: "string" },
      pending: { type: "string", default: "1000000" },
      steps: { type: "string", default: "10000" },
      "dead-letters": { type: "string", default: "10000" },
      rows: { type: "string", default: "1000000" },
      runs: { type: "string", default: "100000" },
      store: { type: "string", default: "embedded" },
      nodes: { type: "string", default: "1" },
    },
  });
  return {
    names: positionals.length === 0 ? BENCH_NAMES.filter(isForAll) : positionals.map(readName),
    concurrencies: values.concurrency
      .split(",")
      .map((text) => readNumber("--concurrency", text, 1000)),
    seconds: readNumber("--seconds", values.seconds, 600),
    rounds: Math.ceil(readNumber("--rounds", values.rounds, 100)),
    warmUpSeconds: readNumber("--warm-up", values["warm-up"], 600),
    jsonFile: values.json ?? null,
    profileDir: values.profile ?? null,
    pending: readNumber("--pending", values.pending, 10_000_000),
    steps: readNumber("--steps", values.steps, RUN_RECORDS_MAX - 1),
    deadLetters: readNumber("--dead-letters", values["dead-letters"], 1_000_000),
    rows: readNumber("--rows", values.rows, 10_000_000),
    runs: readNumber("--runs", values.runs, 10_000_000),
    ...readStore(values.store, values.nodes),
  };
}

/** Two stores at once are compared when that is asked for. */
function isForAll(name: BenchName): boolean {
  return name !== "stores";
}

function readStore(store: string, nodes: string): Pick<BenchOptions, "store" | "nodes"> {
  if (store !== "embedded" && store !== "postgres") {
    throw new Error(`--store must be embedded or postgres, got ${store}`);
  }
  const count = Math.ceil(readNumber("--nodes", nodes, 16));
  if (count > 1 && store === "embedded") throw new Error("--nodes needs --store postgres");
  return { store, nodes: count };
}

function readName(text: string): BenchName {
  const name = BENCH_NAMES.find((known) => known === text);
  if (name !== undefined) return name;
  throw new Error(`there is no benchmark ${text}; known are ${BENCH_NAMES.join(", ")}`);
}

function readNumber(option: string, text: string, max: number): number {
  const number = Number(text);
  if (number > 0 && number <= max) return number;
  throw new Error(`${option} must be a number above 0 and at most ${max}, got ${text}`);
}
