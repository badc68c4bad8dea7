#!/usr/bin/env node
import { createProcessTerminal } from "./process-terminal.ts";

const oldestNode = [24, 16] as const;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  process.stderr.write(
    `reprise: Node ${oldestNode.join(".")} or newer is needed, this is ${process.version}\n`,
  );
  process.exitCode = 1;
} else {
  // Imported late: an older Node already fails on what the server imports, without saying why.
  const { runCommandLine } = await import("./command-line.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2), createProcessTerminal());
}
