// Runs one command of the project: sets up what is missing, then starts the command with Node 24.
// One process per npm script, because a shell that has resolved `node` once keeps using that path.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { commandOf, root, runInForeground, runMain, SetUpError } from "./runtime.mjs";
import { setUp } from "./setup.mjs";

/** Commands and the file each one starts. */
const entries = {
  start: "examples/failed-run/start.mjs",
  example: "scripts/example.mjs",
  reprise: "packages/cli/dist/main.js",
  sim: "tests/dist/simulation/main.js",
  crash: "tests/dist/crash/main.js",
  cluster: "tests/dist/cluster/main.js",
  bench: "tests/dist/bench/main.js",
  cron: "tests/dist/cron/main.js",
  fuzz: "tests/dist/fuzz/main.js",
  platforms: "tests/platforms/main.ts",
  postgres: "tests/dist/postgres/main.js",
  shots: "tests/dist/dashboard/shots.js",
};

async function run([command, ...args]) {
  const names = [...Object.keys(entries), "fix"].join(", ");
  if (command !== "fix" && !Object.hasOwn(entries, command ?? "")) {
    throw new SetUpError(`unknown command ${command ?? "(none)"}; expected one of ${names}`);
  }
  const { nodePath, isBuilt } = await setUp();
  if (command === "fix") {
    const biome = commandOf("@biomejs/biome", "biome");
    return runInForeground(nodePath, [biome, "check", "--write", ...args]);
  }
  if (!isBuilt)
    throw new SetUpError(`${command} did not start, because the sources do not compile`);
  const entry = join(root, entries[command]);
  if (!existsSync(entry)) {
    throw new SetUpError(
      `${command} cannot start: ${entries[command]} does not exist in this checkout`,
    );
  }
  return runInForeground(nodePath, [entry, ...args]);
}

await runMain(() => run(process.argv.slice(2)));
