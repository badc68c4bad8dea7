// `npm run bench [-- NAME] [-- --json FILE]`. The processes that are measured are this program again, in another role.
// What a role needs is loaded when it is known: the measured start of the server must not hold the benchmark.

const [role, ...rest] = process.argv.slice(2);

switch (role) {
  case "--serve-real": {
    const { serveReal } = await import("./server-child.ts");
    await serveReal(rest[0] ?? "");
    break;
  }
  case "--serve-bare": {
    const { serveBare } = await import("./bare-child.ts");
    await serveBare();
    break;
  }
  default: {
    const { readOptions } = await import("./options.ts");
    const { runBench } = await import("./run.ts");
    try {
      await runBench(readOptions(process.argv.slice(2)));
    } catch (error) {
      console.error(error);
      process.exitCode = 1;
    }
  }
}
