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

function report(name: string, startedAt: number, { statuses, ...rest }: FuzzReport): void {
  const seconds = (performance.now() - startedAt) / 1000;
  const shown = [...statuses]
    .toSorted(([a], [b]) => a - b)
    .map(([status, count]) => `${status}: ${count}`)
    .join(", ");
  const perSecond = (rest.requests / seconds).toFixed(0);
  console.log(
    `${name}: ${rest.requests} requests, ${perSecond} a second, slowest ${rest.slowestMs.toFixed(0)} ms, ${rest.faults.length} faults (${shown})`,
  );
}

const PROGRESS_EACH = 10_000;

async function structured(
  name: string,
  isCountingWrites: boolean,
  options: Pick<FuzzCommandOptions, "requests" | "seed" | "connections">,
): Promise<Part> {
  const startedAt = performance.now();
  return withTarget({ isDelivering: !isCountingWrites }, async (target) => {
    const final = await fuzz(target, {
      ...options,
      isCountingWrites,
      onProgress: (done, sofar) => {
        if (done % PROGRESS_EACH === 0) report(name, startedAt, sofar);
      },
    });
    report(name, startedAt, final);
    if (isCountingWrites) console.log(`${name}: ${final.compared} refusals compared`);
    return { count: final.requests, faults: final.faults };
  });
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
    await structured("one by one", true, { requests: compared, seed: seed + 1, connections: 1 }),
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
