// `npm run crash -- --cycles N [--seed N] [--mutant NAME]`. The server that is killed is this program again, in another
// role; what a role needs is loaded when it is known.

const [role, ...rest] = process.argv.slice(2);

if (role === "--serve") {
  const { readMutant } = await import("./options.ts");
  const { serveUntilKilled } = await import("./server-child.ts");
  serveUntilKilled(rest[0] === undefined ? null : readMutant(rest[0]));
} else {
  const { readOptions } = await import("./options.ts");
  const { runCrashTest } = await import("./crash-test.ts");
  try {
    process.exitCode = await runCrashTest(readOptions(process.argv.slice(2)));
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
