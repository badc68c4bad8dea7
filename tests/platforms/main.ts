// `npm run platforms`: installs platforms that are too large for every test run, with pinned versions, and runs the tests of the adapters on
// them. Arguments are names of test files; without any, all of them run.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installSdk } from "../sdk/package/packed.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const cache = join(root, "node_modules/.cache/reprise-platforms");

function run(command: string, args: readonly string[], cwd: string): number {
  const env = { ...process.env, REPRISE_PLATFORMS: cache };
  const { status, error } = spawnSync(command, args, { cwd, env, stdio: "inherit" });
  if (error !== undefined) throw error;
  return status ?? 1;
}

/** Installs what a lock file says, unless it is there, and the SDK as it is now. */
function installPlatforms(name: "runtimes" | "frameworks"): void {
  const source = join(root, "tests/platforms/packages", name);
  const home = join(cache, name);
  const stamp = join(home, ".installed");
  const lock = readFileSync(join(source, "package-lock.json"));
  const digest = createHash("sha256").update(lock).digest("hex");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== digest) {
    rmSync(home, { recursive: true, force: true });
    mkdirSync(home, { recursive: true });
    for (const file of ["package.json", "package-lock.json"]) {
      cpSync(join(source, file), join(home, file));
    }
    console.log(`installing ${name} (some hundred MB) ...`);
    // Not `npm ci`: it misses the binaries of other platforms, which the lock file leaves out. None needs a script to be run.
    const args = ["install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund"];
    if (run("npm", [...args, "--loglevel=error"], home) !== 0) {
      throw new Error("npm install failed; its message above says why");
    }
    writeFileSync(stamp, digest);
  }
  rmSync(join(home, "node_modules/@reprise"), { recursive: true, force: true });
  installSdk(home);
}

installPlatforms("runtimes");
installPlatforms("frameworks");
const vitest = join(root, "node_modules/vitest/vitest.mjs");
process.exitCode = run(process.execPath, [vitest, "run", ...process.argv.slice(2)], root);
