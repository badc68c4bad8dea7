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
  case "--serve-app": {
    const { serveApp } = await import("./app-child.ts");
    await serveApp(rest);
    break;
  }
  case "--serve-sink": {
    const { serveSink } = await import("./sink-child.ts");
    await serveSink();
    break;
  }
  case "--serve-relay": {
    const { serveRelay } = await import("./relay-child.ts");
    await serveRelay();
    break;
  }
  default: {
    const { readOptions } = await import("./options.ts");
    let options: ReturnType<typeof readOptions> | null = null;
    try {
      options = readOptions(process.argv.slice(2));
    } catch (error) {
      // A fault of the command line is one sentence; any other ends the program with its stack.
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
    if (options === null) break;
    const { runBench } = await import("./run.ts");
    await runBench(options);
  }
}
