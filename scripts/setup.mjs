// Set-up: installs the dependencies when they are missing or stale and builds what changed.
// `npm run setup` runs it alone; every other npm script runs it first.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
  childEnvironment,
  chooseNode,
  commandOf,
  findPackagedNode,
  requireSetUpNode,
  root,
  runMain,
  SetUpError,
} from "./runtime.mjs";

const stampPath = join(root, "node_modules", ".reprise-setup.json");
const lockPath = join(root, ".setup.lock");
const lockPollMs = 200;
const lockWaitMsMax = 10 * 60 * 1000;

// Progress goes to stderr, so that the output of a command that runs after the set-up stays clean.
const say = (line) => console.error(`[setup] ${line}`);
const secondsSince = (startedAt) => `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;

/** What the installed tree depends on. The Node that runs npm is not part of it, because no install script runs. */
function fingerprint() {
  return createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .update(`\0${process.platform}\0${process.arch}`)
    .digest("hex");
}

function readStamp() {
  try {
    return JSON.parse(readFileSync(stampPath, "utf8"));
  } catch {
    // Missing or unreadable both mean that the last install did not finish.
    return null;
  }
}

function npmCommand() {
  const script = process.env.npm_execpath;
  if (script && /^npm-cli\.c?js$/.test(basename(script))) return [process.execPath, script];
  return ["npm"];
}

function install() {
  const startedAt = Date.now();
  say("installing dependencies (npm ci; a first run downloads about 200 MB) ...");
  const [command, ...prefix] = npmCommand();
  // The development dependencies are the compiler and the tests; NODE_ENV=production must not leave them out.
  const args = ["ci", "--ignore-scripts", "--include=dev", "--include=optional"];
  // The outer npm may be old enough to warn about the engines of packages that only ever run on Node 24.
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(command, [...prefix, ...args, ...quiet], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    shell: prefix.length === 0 && process.platform === "win32",
  });
  if (result.error) throw new SetUpError(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    throw new SetUpError("npm ci failed; its message above says why. Run `npm run setup` again.");
  }
  const packaged = findPackagedNode();
  const trial = packaged && spawnSync(packaged, ["--version"], { encoding: "utf8" });
  const packagedNodeWorks = trial !== null && trial.status === 0;
  writeFileSync(stampPath, JSON.stringify({ fingerprint: fingerprint(), packagedNodeWorks }));
  say(`installed dependencies in ${secondsSince(startedAt)}`);
  return packagedNodeWorks;
}

/** Brings the compiled files up to date; the compiler itself knows what is stale. Returns whether it succeeded. */
function build(nodePath) {
  return compile(nodePath) && bundleDashboard(nodePath);
}

function compile(nodePath) {
  const startedAt = Date.now();
  const result = spawnSync(nodePath, [commandOf("typescript", "tsc"), "-b"], {
    cwd: root,
    stdio: ["ignore", 2, 2],
    env: childEnvironment(nodePath),
  });
  const isBuilt = result.status === 0;
  say(isBuilt ? `sources are built (${secondsSince(startedAt)})` : "the build failed");
  return isBuilt;
}

/** The dashboard is one bundle, which is made anew when one of its sources is younger or its tools are others. */
function bundleDashboard(nodePath) {
  const directory = join(root, "packages", "dashboard");
  const built = join(root, "packages", "server", "dashboard");
  const stampOfBundle = join(built, ".sources");
  const sources = digestOfDashboard(directory);
  if (readOrNull(stampOfBundle) === sources) return true;
  const startedAt = Date.now();
  const result = spawnSync(nodePath, [commandOf("vite"), "build", "--logLevel", "warn"], {
    cwd: directory,
    stdio: ["ignore", 2, 2],
    env: childEnvironment(nodePath),
  });
  const isBuilt = result.status === 0;
  if (isBuilt) writeFileSync(stampOfBundle, sources);
  say(isBuilt ? `dashboard is built (${secondsSince(startedAt)})` : "the dashboard's build failed");
  return isBuilt;
}

function digestOfDashboard(directory) {
  const hash = createHash("sha256").update(fingerprint());
  const files = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !path.startsWith(join(directory, "dist")) && !/\.tsbuildinfo$/.test(path));
  const protocol = join(root, "packages", "protocol", "src");
  const shared = readdirSync(protocol).map((name) => join(protocol, name));
  for (const path of [...files, ...shared].sort()) {
    hash.update(`\0${path.slice(root.length)}\0`).update(readFileSync(path));
  }
  return hash.digest("hex");
}

function readOrNull(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

function tryLock() {
  try {
    const file = openSync(lockPath, "wx");
    writeSync(file, String(process.pid));
    closeSync(file);
    return null;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  try {
    return Number(readFileSync(lockPath, "utf8"));
  } catch {
    // The holder let go between the two calls; the next try decides.
    return 0;
  }
}

/** Two terminals may start at once; `npm ci` empties `node_modules`, so only one set-up works at a time. */
async function withLock(work) {
  let hasSaidWait = false;
  const deadlineAt = Date.now() + lockWaitMsMax;
  for (let holder = tryLock(); holder !== null; holder = tryLock()) {
    // A holder writes its id right after it creates the file, so 0 is only ever seen for an instant.
    if (holder !== 0 && !isAlive(holder)) rmSync(lockPath, { force: true });
    else if (Date.now() > deadlineAt) {
      throw new SetUpError(
        `another set-up (process ${holder}) holds ${lockPath}; remove the file if it is gone`,
      );
    } else {
      if (!hasSaidWait) say(`waiting for the set-up of process ${holder} ...`);
      hasSaidWait = true;
      await sleep(lockPollMs);
    }
  }
  try {
    return work();
  } finally {
    rmSync(lockPath, { force: true });
  }
}

/**
 * Installs and builds what is missing or stale.
 * Returns the Node that runs the project and whether the sources compile.
 */
export async function setUp() {
  requireSetUpNode();
  return withLock(() => {
    const stamp = readStamp();
    const isFresh = stamp !== null && stamp.fingerprint === fingerprint();
    const packagedNodeWorks = isFresh ? stamp.packagedNodeWorks : install();
    const nodePath = chooseNode(packagedNodeWorks);
    return { nodePath, isBuilt: build(nodePath) };
  });
}

const isMain = process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url);
if (isMain) {
  await runMain(async () => {
    const { nodePath, isBuilt } = await setUp();
    if (isBuilt) say(`ready; the project runs on ${nodePath}`);
    return isBuilt ? 0 : 1;
  });
}
