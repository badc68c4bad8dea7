import { type CrashPlan, runCrashes } from "./harness.ts";
import { HALVES, type Half } from "./load.ts";
import { type Mutant, mutantsOf, traceOf } from "./mutants.ts";
import type { CrashOptions } from "./options.ts";

const FAULTS_SHOWN_MAX = 20;
/** Kills that are mostly enough to catch a server with a planted fault; a machine with a lot to do gets several tries. */
const MUTANT_CYCLES = 4;
const MUTANT_TRIES = 4;

interface Tally {
  passed: number;
  failed: number;
}

/** The sound server must pass; a server with a planted fault must not. Returns the exit code. */
export async function runCrashTest(options: CrashOptions): Promise<number> {
  console.log(`seed ${options.seed}`);
  const tally: Tally = { passed: 0, failed: 0 };
  for (const half of HALVES) {
    if (options.half !== null && options.half !== half) continue;
    if (options.mutant !== null && traceOf(options.mutant, half) === null) continue;
    await runHalf({ ...options, half }, tally);
    if (options.mutant === null) await huntMutants(half, options.seed, tally);
  }
  console.log(`RESULT passed=${tally.passed} failed=${tally.failed}`);
  return tally.failed === 0 ? 0 : 1;
}

async function runHalf(plan: CrashPlan, tally: Tally): Promise<void> {
  const { half, cycles, seed, mutant } = plan;
  console.log(`${half}: ${cycles} kills`);
  const { faults, passed, failed } = await runCrashes(plan);
  for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) console.log(`FAULT ${fault}`);
  if (failed > 0) {
    const planted = mutant === null ? "" : ` --mutant ${mutant}`;
    console.log(`npm run crash -- --only ${half} --cycles ${cycles} --seed ${seed}${planted}`);
  }
  console.log(`${half}: ${passed} passed, ${failed} failed`);
  tally.passed += passed;
  tally.failed += failed;
}

async function huntMutants(half: Half, seed: number, tally: Tally): Promise<void> {
  for (const mutant of mutantsOf(half)) {
    let isCaught = false;
    for (let number = 0; number < MUTANT_TRIES && !isCaught; number++) {
      isCaught = await isCaughtBy({ half, cycles: MUTANT_CYCLES, seed: seed + number, mutant });
    }
    console.log(`mutant ${mutant}: ${isCaught ? "caught" : "NOT CAUGHT"}`);
    if (isCaught) tally.passed++;
    else tally.failed++;
  }
}

async function isCaughtBy(plan: CrashPlan & { readonly mutant: Mutant }): Promise<boolean> {
  const trace = traceOf(plan.mutant, plan.half);
  const { faults } = await runCrashes(plan);
  return faults.some((fault) => trace !== null && fault.includes(trace));
}
