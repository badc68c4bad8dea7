// The Node binary that runs the project, and how programs are started with it.
// Plain JavaScript without dependencies: these scripts run on any Node from 18 on, before anything is installed.

import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The oldest Node that runs the server: `node:sqlite` of older ones carries an SQLite with a WAL corruption bug. */
const oldestRuntime = [24, 16];
const oldestSetUp = [18, 0];
const parentPollMs = 250;

/** A fault that the reader can repair; its message is printed without a stack trace. */
export class SetUpError extends Error {}

function isAtLeast(version, [major, minor]) {
  const [actualMajor = 0, actualMinor = 0] = version.replace(/^v/, "").split(".").map(Number);
  return actualMajor > major || (actualMajor === major && actualMinor >= minor);
}

export function requireSetUpNode() {
  if (isAtLeast(process.version, oldestSetUp)) return;
  throw new SetUpError(
    `Node ${process.version} is too old to set the project up: it needs Node 18 or newer ` +
      "(https://nodejs.org/en/download). The server itself runs on the Node 24 that the set-up installs.",
  );
}

const platformName = process.platform === "win32" ? "win" : process.platform;
const packagedNodeName = `node-${platformName}-${process.arch}`;

/** Path of the Node 24 binary from the platform package, or null when npm installed none for this machine. */
export function findPackagedNode() {
  const name = process.platform === "win32" ? "node.exe" : "node";
  const path = join(root, "node_modules", packagedNodeName, "bin", name);
  return existsSync(path) ? path : null;
}

/** Picks the Node that runs the project: the packaged one when it works here, else the present one when it is new enough. */
export function chooseNode(packagedNodeWorks) {
  const packaged = findPackagedNode();
  if (packaged !== null && packagedNodeWorks) return packaged;
  if (isAtLeast(process.version, oldestRuntime)) return process.execPath;
  const fault =
    packaged === null
      ? `npm offers no Node 24 package for ${process.platform}-${process.arch}`
      : `the Node of the package ${packagedNodeName} does not start on this machine (musl instead of glibc, for example)`;
  throw new SetUpError(
    `${fault}, and the present Node is ${process.version}. ` +
      `Install Node ${oldestRuntime.join(".")} or newer (https://nodejs.org/en/download) and run the command again.`,
  );
}

/** The environment of every child: `node` and the installed commands come from the project. */
export function childEnvironment(nodePath) {
  const pathName = Object.keys(process.env).find((name) => name.toUpperCase() === "PATH") ?? "PATH";
  const entries = [dirname(nodePath), join(root, "node_modules", ".bin"), process.env[pathName]];
  return { ...process.env, [pathName]: entries.filter(Boolean).join(delimiter) };
}

/** Path of the script behind a command of an installed package, to be run with the chosen Node. */
export function commandOf(packageName, commandName = packageName) {
  const directory = join(root, "node_modules", packageName);
  const { bin } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  return join(directory, typeof bin === "string" ? bin : bin[commandName]);
}

export function exitCodeOf(code, signal) {
  return signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0);
}

/**
 * Calls `stop` with the signal that asks this process to end; returns how to stop listening.
 * npm passes SIGTERM on to its shell, which dies without passing it on, so the loss of the parent counts as one.
 */
export function onStopRequest(stop) {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, stop);
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop("SIGTERM");
  }, parentPollMs);
  // Without npm above, the starter may well leave on purpose: `node scripts/run.mjs start &` in a script.
  if (process.env.npm_lifecycle_event === undefined) clearInterval(watch);
  watch.unref();
  return () => {
    clearInterval(watch);
    for (const signal of signals) process.off(signal, stop);
  };
}

/** Runs a program in the foreground: it shares our terminal, gets our signals, and we end as it ends. */
export function runInForeground(nodePath, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(nodePath, args, { stdio: "inherit", env: childEnvironment(nodePath) });
    const hasTerminal = [process.stdin, process.stdout, process.stderr].some((s) => s.isTTY);
    const ignoreStops = onStopRequest((signal) => {
      // A terminal sends Ctrl-C to the whole foreground group, so the child already has it; a second
      // SIGINT would read as "stop at once".
      if (signal !== "SIGINT" || !hasTerminal) child.kill(signal);
    });
    child.on("error", reject);
    child.on("exit", (code, signal) => {
      ignoreStops();
      resolve(exitCodeOf(code, signal));
    });
  });
}

/** Runs `main` and ends the process with the exit code it gives; a repairable fault is one line on stderr. */
export async function runMain(main) {
  try {
    process.exitCode = await main();
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error;
    console.error(`\nreprise: ${error.message}`);
    process.exitCode = 1;
  }
}
