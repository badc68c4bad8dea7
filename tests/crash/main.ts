// `npm run crash -- --cycles N [--only PART] [--seed N] [--mutant NAME]` kills at random times;
// `npm run crash -- --points [--every N] [--seed N] [--script NAME] [--at N] [--mutant NAME]` kills at every crash point in turn.
// The server that is killed is this program again, in another role; what a role needs is loaded when it is known.

const args = process.argv.slice(2);
const [role, mutant] = args;

if (role === "--serve") {
  const [{ MUTANTS }, { readName }] = await Promise.all([
    import("./mutants.ts"),
    import("./option-values.ts"),
  ]);
  const { serveUntilKilled } = await import("./server-child.ts");
  serveUntilKilled(readName("--mutant", mutant, MUTANTS));
} else if (role === "--serve-points") {
  const { plantedOf } = await import("./points/point-mutants.ts");
  const { serveUntilPoint } = await import("./points/point-child.ts");
  serveUntilPoint(plantedOf(mutant));
} else if (role === "--sdk-app") {
  const { serveSdkApp } = await import("./sdk/app-child.ts");
  serveSdkApp();
} else {
  const { quietConsole } = await import("./quiet-console.ts");
  quietConsole();
  process.exitCode = await (args.includes("--points") ? killAtPoints() : killAtRandom());
}

async function killAtPoints(): Promise<number> {
  const { readPointOptions } = await import("./points/point-options.ts");
  const { runPoints } = await import("./points/campaign.ts");
  const plan = readOrExplain(() => readPointOptions(args));
  return plan === null ? 1 : runPoints(plan);
}

async function killAtRandom(): Promise<number> {
  const { readOptions } = await import("./options.ts");
  const { runCrashTest } = await import("./crash-test.ts");
  const options = readOrExplain(() => readOptions(args));
  return options === null ? 1 : runCrashTest(options);
}

/** A fault of the command line is one sentence; any other ends the program with its stack. */
function readOrExplain<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return null;
  }
}
