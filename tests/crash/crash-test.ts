import { type CrashPlan, runCrashes } from "./harness.ts";
import { PARTS, type Part } from "./load.ts";
import { type Mutant, mutantsOf, traceOf } from "./mutants.ts";
import type { CrashOptions } from "./options.ts";

const FAULTS_SHOWN_MAX = 20;
/** Kills that are mostly enough to catch a server with a planted fault; a machine with a lot to do gets several tries. */
const MUTANT_CYCLES = 4;
const MUTANT_TRIES = 8;

interface Tally {
  passed: number;
  failed: number;
}

/** The sound server must pass; a server with a planted fault must not. Returns the exit code. */
export async function runCrashTest(options: CrashOptions): Promise<number> {
  console.log(`seed ${options.seed}`);
  const tally: Tally = { passed: 0, failed: 0 };
  for (const part of PARTS) {
    if (options.part !== null && options.part !== part) continue;
    if (options.mutant !== null && traceOf(options.mutant, part) === null) continue;
    await runPart({ ...options, part }, tally);
    if (options.mutant === null) await huntMutants(part, options.seed, tally);
  }
  console.log(`RESULT passed=${tally.passed} failed=${tally.failed}`);
  return tally.failed === 0 ? 0 : 1;
}

async function runPart(plan: CrashPlan, tally: Tally): Promise<void> {
  const { part, cycles, seed, mutant } = plan;
  console.log(`${part}: ${cycles} kills`);
  const { faults, passed, failed } = await runCrashes(plan);
  for (const fault of faults.slice(0, FAULTS_SHOWN_MAX)) console.log(`FAULT ${fault}`);
  if (failed > 0) {
    const planted = mutant === null ? "" : ` --mutant ${mutant}`;
    console.log(`npm run crash -- --only ${part} --cycles ${cycles} --seed ${seed}${planted}`);
  }
  console.log(`${part}: ${passed} passed, ${failed} failed`);
  tally.passed += passed;
  tally.failed += failed;
}

async function huntMutants(part: Part, seed: number, tally: Tally): Promise<void> {
  for (const mutant of mutantsOf(part)) {
    let isCaught = false;
    for (let number = 0; number < MUTANT_TRIES && !isCaught; number++) {
      isCaught = await isCaughtBy({ part, cycles: MUTANT_CYCLES, seed: seed + number, mutant });
    }
    console.log(`mutant ${mutant}: ${isCaught ? "caught" : "NOT CAUGHT"}`);
    if (isCaught) tally.passed++;
    else tally.failed++;
  }
}

async function isCaughtBy(plan: CrashPlan & { readonly mutant: Mutant }): Promise<boolean> {
  const trace = traceOf(plan.mutant, plan.part);
  const { faults } = await runCrashes(plan);
  return faults.some((fault) => trace !== null && fault.includes(trace));
}
