// `npm run fuzz`: structured requests and changed bytes against the real server, on a database of its own.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type FuzzReport, fuzz } from "./fuzz.ts";
import { mutate } from "./mutation.ts";
import { type FuzzCommandOptions, readOptions, USAGE } from "./options.ts";
import { sampleRequests } from "./samples.ts";
import { openTarget, type Target, type TargetOptions } from "./target.ts";

interface Part {
  readonly count: number;
  readonly faults: readonly string[];
}

/** Runs one part against a server of its own, and looks at the database afterwards. */
async function withTarget(
  options: Omit<TargetOptions, "dataDir">,
  run: (target: Target) => Promise<Part>,
): Promise<Part> {
  const dataDir = await mkdtemp(join(tmpdir(), "reprise-fuzz-"));
  try {
    const target = await openTarget({ ...options, dataDir });
    const part = await run(target).finally(() => target.close());
    return { ...part, faults: [...part.faults, ...checkDatabase(join(dataDir, "reprise.db"))] };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

function checkDatabase(path: string): readonly string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  const rows = database.prepare("PRAGMA integrity_check").all();
  database.close();
  const [first] = rows.flatMap((row) => Object.values(row));
  return first === "ok" ? [] : [`the database is damaged: ${String(first)}`];
}

/** Requests to one server; then comes a fresh one, because lists that grow for ever say nothing new. */
const ROUND = 10_000;

/** Sends the requests round by round and prints a line after each. */
async function structured(
  name: string,
  isCountingWrites: boolean,
  options: Pick<FuzzCommandOptions, "requests" | "seed" | "connections">,
): Promise<Part> {
  const { requests, seed, connections } = options;
  const faults: string[] = [];
  let count = 0;
  for (let round = 0; count < requests && faults.length < FAULTS_MAX; round += 1) {
    const startedAt = performance.now();
    const part = await withTarget({ isDelivering: !isCountingWrites }, async (target) => {
      const result = await fuzz(target, {
        requests: Math.min(ROUND, requests - count),
        // Rounds share no chunk of the other one's seeds.
        seed: seed + round * ROUND,
        connections,
        isCountingWrites,
      });
      print(name, count, performance.now() - startedAt, result);
      return { count: result.requests, faults: result.faults };
    });
    count += part.count;
    faults.push(...part.faults);
  }
  return { count, faults };
}

const FAULTS_MAX = 20;

function print(name: string, before: number, durationMs: number, result: FuzzReport): void {
  const { requests, statuses, faults, compared, slowestMs } = result;
  const shown = [...statuses]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join(", ");
  const perSecond = (requests / (durationMs / 1000)).toFixed(0);
  const refusals = compared === 0 ? "" : `, ${compared} refusals compared`;
  console.log(
    `${name}: ${before + requests} requests, ${perSecond} a second, slowest ${slowestMs.toFixed(0)} ms${refusals}, ${faults.length} faults (${shown})`,
  );
}

async function changedBytes(options: FuzzCommandOptions): Promise<Part> {
  const { mutations, seed, connections } = options;
  if (mutations === 0) return { count: 0, faults: [] };
  return withTarget({ isDelivering: true }, async (target) => {
    const result = await mutate(target, sampleRequests(target, seed), {
      ...{ requests: mutations, seed, connections: 2 * connections },
    });
    console.log(
      `changed bytes: ${result.requests} requests, ${result.answers} answers, ${result.faults.length} faults`,
    );
    return { count: result.requests, faults: result.faults };
  });
}

async function run(options: FuzzCommandOptions): Promise<number> {
  const { requests, seed, connections, comparedOneOf } = options;
  console.log(`fuzz: seed ${seed}`);
  const compared = Math.floor(requests / comparedOneOf);
  const parts = [
    await structured("at once", false, { requests: requests - compared, seed, connections }),
    await structured("one by one", true, {
      requests: compared,
      seed: seed + 1_000_000,
      connections: 1,
    }),
    await changedBytes(options),
  ];
  const faults = parts.flatMap((part) => part.faults);
  for (const fault of faults) console.error(fault);
  if (faults.length > 0)
    console.error(`again with: npm run fuzz -- --requests ${requests} --seed ${seed}`);
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  console.log(`RESULT passed=${count - faults.length} failed=${faults.length}`);
  return faults.length === 0 ? 0 : 1;
}

let options: FuzzCommandOptions | null = null;
try {
  options = readOptions(process.argv.slice(2), Date.now() % 1_000_000);
} catch (error) {
  // A fault of the command line is one sentence; any other ends the program with its stack.
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
}
process.exitCode = options === null ? 1 : await run(options);
