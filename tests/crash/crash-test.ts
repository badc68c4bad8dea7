import { runCrashes } from "./harness.ts";
import { MUTANT_TRACES, MUTANTS } from "./mutants.ts";
import type { CrashOptions } from "./options.ts";

const FAULTS_SHOWN_MAX = 20;
/** Kills that are enough to catch a server with a planted fault. */
const MUTANT_CYCLES = 5;

/** The sound server must pass; a server with a planted fault must not. Returns the exit code. */
export async function runCrashTest(options: CrashOptions): Promise<number> {
  console.log(`seed ${options.seed}`);
  const result = await runCrashes(options);
  for (const fault of result.faults.slice(0, FAULTS_SHOWN_MAX)) console.log(`FAULT ${fault}`);
  if (result.failed > 0) {
    const mutant = options.mutant === null ? "" : ` --mutant ${options.mutant}`;
    console.log(`npm run crash -- --cycles ${options.cycles} --seed ${options.seed}${mutant}`);
  }
  let { passed, failed } = result;
  if (options.mutant === null) {
    for (const mutant of MUTANTS) {
      const caught = await runCrashes({ cycles: MUTANT_CYCLES, seed: options.seed, mutant });
      const isCaught = caught.faults.some((fault) => fault.includes(MUTANT_TRACES[mutant]));
      console.log(
        `mutant ${mutant}: ${isCaught ? "caught" : "NOT CAUGHT"} (${caught.faults.length} faults)`,
      );
      if (isCaught) passed++;
      else failed++;
    }
  }
  console.log(`RESULT passed=${passed} failed=${failed}`);
  return failed === 0 ? 0 : 1;
}
