// The stages of a test run: each starts a program with Node 24 and turns what it says into counts.

import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { failuresOfOutput, failuresOfReport, printFailures } from "./failures.mjs";
import { childEnvironment, commandOf, exitCodeOf, onStopRequest, root } from "./runtime.mjs";

const stageMsMax = 40 * 60 * 1000;
const killAfterMs = 10 * 1000;
/** What is kept of a program's output, to find what it said of its failures. */
const outputCharsKept = 1024 * 1024;
const isWindows = process.platform === "win32";

/** Whole trees are signalled, because a stage may have started servers of its own. */
function signalTree(child, signal) {
  if (isWindows) return child.kill(signal);
  try {
    return process.kill(-child.pid, signal);
  } catch {
    // The group is already gone.
    return false;
  }
}

/** Programs that run; a stop that is asked for waits for all of them. */
let runningCount = 0;

/** Starts a program in its own process group, hands its output to `print`, and gives its exit code and what it said last. */
function runProgram({ nodePath, print }, args) {
  return new Promise((resolve) => {
    let said = "";
    const keep = (chunk) => {
      said = (said + chunk.toString("utf8")).slice(-outputCharsKept);
    };
    runningCount++;
    let isTimedOut = false;
    const child = spawn(nodePath, args, {
      cwd: root,
      detached: !isWindows,
      stdio: ["ignore", "pipe", "pipe"],
      env: childEnvironment(nodePath),
    });
    child.stderr.on("data", (chunk) => {
      print(process.stderr, chunk);
      keep(chunk);
    });
    child.stdout.on("data", (chunk) => {
      print(process.stdout, chunk);
      keep(chunk);
    });
    const timer = setTimeout(() => {
      isTimedOut = true;
      signalTree(child, "SIGTERM");
      setTimeout(() => signalTree(child, "SIGKILL"), killAfterMs).unref();
    }, stageMsMax);
    const ignoreStops = onStopRequest((signal) => {
      signalTree(child, signal);
      process.exitCode = exitCodeOf(null, signal);
      child.once("close", () => {
        if (runningCount === 0) process.exit();
      });
    });
    let isFinished = false;
    const finish = (exitCode, fault) => {
      if (isFinished) return;
      isFinished = true;
      runningCount--;
      clearTimeout(timer);
      ignoreStops();
      const timeFault = `took longer than ${stageMsMax / 1000} s`;
      resolve({ exitCode, said, fault: isTimedOut ? timeFault : fault });
    };
    child.once("error", (error) => finish(1, `did not start: ${error.message}`));
    // What outlives the program would hold ports and files of the next stage.
    child.once("exit", () => signalTree(child, "SIGKILL"));
    child.once("close", (code, signal) =>
      finish(exitCodeOf(code, signal), signal === null ? null : `was ended by ${signal}`),
    );
  });
}

function exitFault({ exitCode, fault }) {
  return fault ?? (exitCode === 0 ? null : `ended with exit code ${exitCode}`);
}

/** A program that passes by exiting with 0. */
export function checkStage(name, args) {
  return {
    name,
    run: async (room) => {
      const outcome = await runProgram(room, args);
      const fault = exitFault(outcome);
      if (fault === null) return { passed: 1, failed: 0 };
      return { passed: 0, failed: 1, fault, failures: failuresOfOutput(outcome.said) };
    },
  };
}

/** A program that counts for itself and prints `RESULT passed=N failed=N` as its last line. */
export function countingStage(name, args) {
  return {
    name,
    run: async (room) => {
      const outcome = await runProgram(room, args);
      const match = [...outcome.said.matchAll(/^RESULT passed=(\d+) failed=(\d+)\s*$/gm)].at(-1);
      const passed = Number(match?.[1] ?? 0);
      const failed = Number(match?.[2] ?? 0);
      const fault =
        exitFault(outcome) ??
        (match === undefined ? "did not end with a RESULT line" : null) ??
        (passed + failed === 0 ? "tested nothing" : null);
      if (fault === null && failed === 0) return { passed, failed };
      const failures = failuresOfOutput(outcome.said);
      return { passed, failed: Math.max(1, failed), fault, failures };
    },
  };
}

function readVitestReport(path) {
  if (!existsSync(path)) return { passed: 0, failed: 1, skipped: 0, fault: "wrote no report" };
  const report = JSON.parse(readFileSync(path, "utf8"));
  // A file that fails before its first test is a failure that no test carries.
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((t) => t.status === "failed"),
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + report.numTodoTests,
    fault: brokenFiles > 0 ? `${brokenFiles} files failed outside of a test` : null,
    failures: failuresOfReport(report, root),
  };
}

/** Runs vitest with the given arguments: file patterns, `-t name` and the like. */
export function vitestStage(name, vitestArgs) {
  return {
    name,
    run: async (room) => {
      const directory = mkdtempSync(join(tmpdir(), "reprise-test-"));
      const reportPath = join(directory, "report.json");
      const reporters = [
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${reportPath}`,
      ];
      const args = [commandOf("vitest"), "run", ...reporters, ...vitestArgs];
      const outcome = await runProgram(room, args);
      const counts = readVitestReport(reportPath);
      rmSync(directory, { recursive: true, force: true });
      // Vitest also fails for errors that no test caught; they must not disappear in a clean count.
      const isUncounted = outcome.exitCode !== 0 && counts.failed === 0;
      const fault = counts.fault ?? (isUncounted ? exitFault(outcome) : null);
      // Errors that no test caught are in the output alone.
      const failures = counts.failures?.length ? counts.failures : failuresOfOutput(outcome.said);
      return { ...counts, failed: isUncounted ? 1 : counts.failed, fault, failures };
    },
  };
}

function printSummary(results) {
  const width = Math.max(...results.map((result) => result.name.length));
  console.log(`\n${"stage".padEnd(width)}    passed  failed      time`);
  for (const { name, passed, failed, skipped, seconds, fault } of results) {
    const counts = `${String(passed).padStart(8)}${String(failed).padStart(8)}`;
    const notes = [skipped ? `${skipped} skipped` : null, fault].filter(Boolean).join("; ");
    console.log(
      `${name.padEnd(width)}  ${counts}${seconds.toFixed(1).padStart(8)} s  ${notes}`.trimEnd(),
    );
  }
}

/** Holds back what a program says beside another one, until it has ended. */
function heldOutput() {
  const held = [];
  return {
    print: (stream, chunk) => held.push([stream, chunk]),
    release: () => {
      for (const [stream, chunk] of held) stream.write(chunk);
    },
  };
}

const liveOutput = { print: (stream, chunk) => stream.write(chunk), release: () => {} };

async function runStage(stage, { nodePath, title, output }) {
  output.print(process.stdout, `\n== ${title}\n`);
  const startedAt = Date.now();
  const result = await stage.run({ nodePath, print: output.print });
  output.release();
  return { ...result, name: stage.name, seconds: (Date.now() - startedAt) / 1000 };
}

/**
 * Runs every stage, whatever the ones before it gave, and prints the table and the totals. Returns the exit code.
 * @param rounds one after the other; the lanes of a round run beside one another, the stages of a lane in turn. Of the first lane is shown
 *   what it says, of the others when a stage of theirs is over.
 */
export async function runStages(nodePath, rounds) {
  const all = rounds.flat(2);
  const titleOf = (stage) => `${stage.name} (${all.indexOf(stage) + 1} of ${all.length})`;
  const results = [];
  for (const lanes of rounds) {
    const runLane = async (stages, lane) => {
      const done = [];
      for (const stage of stages) {
        const output = lane === 0 ? liveOutput : heldOutput();
        done.push(await runStage(stage, { nodePath, title: titleOf(stage), output }));
      }
      return done;
    };
    results.push(...(await Promise.all(lanes.map(runLane))).flat());
  }
  printFailures(results);
  printSummary(results);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 || passed === 0 ? 1 : 0;
}
