// A program as a person starts it: in a process of its own, without a terminal.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { until } from "../conformance/until.ts";

const readyPattern = /(?:running at|Local:)\s+(http:\/\/\S+)/;
const readyMsMax = 170_000;
const factMsMax = 100_000;
const pauseMs = 50;
const stopMsMax = 5_000;
/** Settings of the shell of the tests that would lead a program to another server. */
const foreignSettings = /^(?:QSTASH_|REPRISE_|UPSTASH_|US_EAST_1_|EU_CENTRAL_1_|PORT$)/;

export interface Program {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
}

/** Awaits a fact of a program that compiles before it answers, on a machine that has other work. */
export async function untilSeen<T>(
  what: string,
  ask: () => Promise<T | null | undefined | false>,
): Promise<T> {
  return until(what, ask, factMsMax, pauseMs);
}

/** Starts a file of the repository with the Node of the tests. */
export function startProgram(
  path: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>>,
): Program {
  const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
  const env = { ...process.env };
  for (const name of Object.keys(env)) {
    if (foreignSettings.test(name)) delete env[name];
  }
  const child = spawn(process.execPath, [file, ...args], {
    // As a script of npm, it also ends when the process of the tests is lost.
    env: { ...env, npm_lifecycle_event: "example", ...settings },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that what it has started can be ended with it.
    detached: true,
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
  }
  // `close` comes when nobody holds the output any more: what it has started has ended too.
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => resolve(code));
  });
  return { child, output: () => text, ended };
}

/** Gives the address that the program prints when it is ready. */
export async function addressOf({ output, ended }: Program): Promise<string> {
  const early = ended.then((code) => {
    throw new Error(`it ended before it was ready (${code}):\n${output()}`);
  });
  // Its end is expected once it has been ready.
  early.catch(() => {});
  const ready = until("a program", () => readyPattern.exec(output())?.[1], readyMsMax, pauseMs);
  return Promise.race([ready, early]);
}

export async function stopProgram({ child, ended }: Program): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => {
    // Without an id it has never run, and there is nothing to be killed.
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
  }, stopMsMax);
  await ended;
  clearTimeout(timer);
}
