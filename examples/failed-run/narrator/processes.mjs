// The server and the app as child processes: started until they say that they run, and stopped for certain.

import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { createServer } from "node:net";

/** What was started and not stopped by us, oldest first; also what is still on its way up. */
const started = [];
const tailCharsMax = 4096;
const stopMsMax = 10_000;
/** Settings of the reader's shell that would point the example elsewhere. */
const foreignSettings = /^(?:QSTASH_|REPRISE_|UPSTASH_|US_EAST_1_|EU_CENTRAL_1_|NODE_ENV$|PORT$)/;

/** The environment of the example: ours without settings meant for other servers, plus `settings`. */
export function cleanEnvironment(settings = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !foreignSettings.test(name));
  return { ...Object.fromEntries(kept), ...settings };
}

/** Tells whether nobody listens on this port. */
export function isPortFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/**
 * Starts a program and resolves when a line of its output matches `readyPattern`.
 * Its output goes to `logPath`; the last part of it is in the error when the program ends early.
 */
export function startProcess({ name, args, env, logPath, readyPattern, readyMsMax }) {
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const log = createWriteStream(logPath, { flags: "a" });
  let output = "";
  const running = { name, child, logPath, output: () => output, ended: null };
  running.ended = new Promise((resolve) => {
    child.once("close", (code, signal) => {
      log.end();
      resolve(signal ?? code);
    });
  });
  started.push(running);
  return new Promise((resolve, reject) => {
    const fail = (fault) => reject(new Error(`${name} ${fault}\n${output.trimEnd()}`));
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      fail(`was not ready after ${readyMsMax / 1000} s`);
    }, readyMsMax);
    const read = (chunk) => {
      log.write(chunk);
      output = (output + chunk.toString("utf8")).slice(-tailCharsMax);
      const match = readyPattern.exec(output);
      if (match === null) return;
      clearTimeout(timer);
      resolve({ ...running, url: match[1] });
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("error", (error) => fail(`did not start: ${error.message}`));
    running.ended.then((end) => {
      clearTimeout(timer);
      fail(`ended before it was ready (${end})`);
    });
  });
}

/** Resolves with the first program that ends by itself. */
export function firstToEnd() {
  return Promise.race(started.map((running) => running.ended.then(() => running)));
}

/** Prints the last output of every program, for the reader of a failure. */
export function printOutputs() {
  for (const { name, output } of started) {
    console.error(`\nLast output of ${name}:\n${output().trimEnd() || "(none)"}`);
  }
}

/** Kills a program without a warning, as a power cut would. */
export async function killProcess({ child, ended }) {
  started.splice(
    started.findIndex((running) => running.child === child),
    1,
  );
  child.kill("SIGKILL");
  await ended;
}

/** Stops every program in the order of their start. `isAsked`: the terminal has sent Ctrl-C to them already. */
export async function stopAll(isAsked) {
  for (const running of started) await stopProcess(running, isAsked);
}

/** Asks a program to stop; one that does not is killed. */
async function stopProcess({ child, ended }, isAsked) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  // A second signal would read as "stop at once".
  if (!isAsked) child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopMsMax);
  await ended;
  clearTimeout(timer);
}
