// `npm run platforms`: installs platforms that are too large for every test run, with pinned versions, and runs the tests of the adapters on
// them. Arguments are names of test files; without any, all of them run.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installSdk } from "../sdk/package/packed.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const source = join(root, "tests/platforms/packages");
const home = join(root, "node_modules/.cache/reprise-platforms");
const stamp = join(home, ".installed");

function run(command: string, args: readonly string[], cwd: string): number {
  const env = { ...process.env, REPRISE_PLATFORMS: home };
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: "inherit" });
  if (error !== undefined) throw error;
  return status ?? 1;
}

/** Installs what the lock file says, unless it is there. */
function installPlatforms(): void {
  const lock = readFileSync(join(source, "package-lock.json"));
  const digest = createHash("sha256").update(lock).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  mkdirSync(home, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) {
    cpSync(join(source, file), join(home, file));
  }
  console.log("installing the platforms (about 500 MB) ...");
  // The platforms are binaries of packages; none needs a script to be run.
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
  if (run("npm", args, home) !== 0) throw new Error("npm ci failed; its message above says why");
  writeFileSync(stamp, digest);
}

installPlatforms();
rmSync(join(home, "node_modules/@reprise"), { recursive: true, force: true });
installSdk(home);
const vitest = join(root, "node_modules/vitest/vitest.mjs");
process.exitCode = run(process.execPath, [vitest, "run", ...process.argv.slice(2)], root);
