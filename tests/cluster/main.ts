// `npm run cluster -- --rounds N [--seed N] [--nodes N] [--only faults|rolling|states] [--fault NAME]`: real server processes on one
// PostgreSQL under load. Nodes, database and network fail; clients, destinations and the database are compared at the end.

import { quietConsole } from "../crash/quiet-console.ts";
import type { Tally } from "./campaign.ts";
import { runFaultRounds } from "./fault-rounds.ts";
import { type ClusterOptions, readOptions } from "./options.ts";
import { runRollingRestart } from "./rolling.ts";
import { runStates } from "./states.ts";

const FAULTS_SHOWN_MAX = 25;
const PASSES_MAX = 2;
const ROUNDS_PER_PASS = 10;

quietConsole();
process.exitCode = await main();

async function main(): Promise<number> {
  const options = readOrExplain();
  if (options === null) return 1;
  const { rounds, seed, part } = options;
  console.log(`seed ${seed}`);
  const total = { passed: 0, failed: 0 };
  if (part === null || part === "states") add(total, await report("bad states", runStates));
  if (part === null || part === "faults") {
    for (const { nodeCount, share } of clustersOf(options)) {
      const name = `${nodeCount} nodes, ${share} faults`;
      const plan = { nodeCount, rounds: share, seed: seed + nodeCount, only: options.fault };
      add(total, await report(name, () => runFaultRounds(plan)));
    }
  }
  if (part === null || part === "rolling") {
    const passes = Math.min(PASSES_MAX, Math.ceil(rounds / ROUNDS_PER_PASS));
    add(total, await report("rolling restart", () => runRollingRestart(passes, seed)));
  }
  if (total.failed > 0) console.log(`npm run cluster -- --rounds ${rounds} --seed ${seed}`);
  console.log(`RESULT passed=${total.passed} failed=${total.failed}`);
  return total.failed === 0 ? 0 : 1;
}

/** Half of the faults hit two nodes, the other half three. */
function clustersOf({ rounds, nodeCount }: ClusterOptions) {
  if (nodeCount !== null) return [{ nodeCount, share: rounds }];
  const half = Math.floor(rounds / 2);
  return [
    { nodeCount: 2, share: half },
    { nodeCount: 3, share: rounds - half },
  ].filter(({ share }) => share > 0);
}

async function report(name: string, run: () => Promise<Tally>): Promise<Tally> {
  console.log(`${name}:`);
  const startedAt = Date.now();
  const tally = await run();
  for (const fault of tally.faults.slice(0, FAULTS_SHOWN_MAX)) console.log(`FAULT ${fault}`);
  const more = tally.faults.length - FAULTS_SHOWN_MAX;
  if (more > 0) console.log(`and ${more} more`);
  const seconds = Math.round((Date.now() - startedAt) / 1_000);
  console.log(`${name}: ${tally.passed} passed, ${tally.failed} failed, ${seconds} s`);
  return tally;
}

function add(total: { passed: number; failed: number }, { passed, failed }: Tally): void {
  total.passed += passed;
  total.failed += failed;
}

/** A fault of the command line is one sentence. */
function readOrExplain(): ClusterOptions | null {
  try {
    return readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return null;
  }
}
