// `npm run crash -- --cycles N [--only HALF] [--seed N] [--mutant NAME]`. The server that is killed is this program again, in another
// role; what a role needs is loaded when it is known.

const [role, ...rest] = process.argv.slice(2);

if (role === "--serve") {
  const { readMutant } = await import("./options.ts");
  const { serveUntilKilled } = await import("./server-child.ts");
  serveUntilKilled(rest[0] === undefined ? null : readMutant(rest[0]));
} else {
  const { readOptions } = await import("./options.ts");
  const { runCrashTest } = await import("./crash-test.ts");
  let options: ReturnType<typeof readOptions> | null = null;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    // A fault of the command line is one sentence; any other ends the program with its stack.
    console.error(error instanceof Error ? error.message : error);
  }
  process.exitCode = options === null ? 1 : await runCrashTest(options);
}
