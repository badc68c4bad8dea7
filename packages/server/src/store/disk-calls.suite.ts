import { execFile, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** One call to the disk: the name of its file says whether it is the log ("-wal"), the database or a directory. */
export interface DiskCall {
  readonly call: "sync" | "write";
  readonly file: string;
}

/** Calls of one kind that fail, counted from 1, both ends included. */
export interface DiskFault {
  readonly call: "sync" | "write";
  readonly error: "EIO" | "ENOSPC";
  readonly from: number;
  readonly to: number;
}

export interface DiskRun {
  readonly output: string;
  readonly calls: readonly DiskCall[];
}

const ERROR_NUMBERS: Readonly<Record<DiskFault["error"], number>> = { EIO: 5, ENOSPC: 28 };
/** Only what never ends takes so long: each of a thousand commits waits for the disk. */
const RUN_MS_MAX = 240_000;
const COMPILER = "cc";
const TRACER = "strace";
const execute = promisify(execFile);

/**
 * Runs a program in a process of its own, whose flushes and writes are seen from outside: whether an answer waited for
 * the disk cannot be read from any setting. Uses a small preloaded library when a C compiler is there, else strace.
 * @param directory an empty directory for the log of calls.
 */
export async function runWatched(
  program: string,
  directory: string,
  fault?: DiskFault,
): Promise<DiskRun> {
  const node = [process.execPath, "--conditions=source", "--input-type=module", "-e", program];
  if (isThere(COMPILER)) return runPreloaded(node, directory, fault);
  if (isThere(TRACER)) return runTraced(node, directory, fault);
  throw new Error(
    "durability is proven by counting flushes, which needs a C compiler or strace: apt-get install gcc libc6-dev",
  );
}

async function runPreloaded(
  command: readonly string[],
  directory: string,
  fault?: DiskFault,
): Promise<DiskRun> {
  const library = join(directory, "disk-calls.so");
  const source = fileURLToPath(new URL("./disk-calls.c", import.meta.url));
  if (!existsSync(library)) await execute(COMPILER, ["-shared", "-fPIC", "-o", library, source]);
  const log = join(directory, `calls-${process.hrtime.bigint()}`);
  const output = await run(command, {
    LD_PRELOAD: library,
    DISK_CALLS_LOG: log,
    DISK_CALLS_FAULT:
      fault === undefined
        ? ""
        : `${fault.call} ${ERROR_NUMBERS[fault.error]} ${fault.from} ${fault.to}`,
  });
  const calls = linesOf(log).map((line): DiskCall => {
    const [call, ...path] = line.split(" ");
    return { call: call === "sync" ? "sync" : "write", file: basename(path.join(" ")) };
  });
  return { output, calls };
}

async function runTraced(
  command: readonly string[],
  directory: string,
  fault?: DiskFault,
): Promise<DiskRun> {
  const log = join(directory, `calls-${process.hrtime.bigint()}`);
  const names = { sync: "fsync,fdatasync", write: "pwrite64" };
  const inject =
    fault === undefined
      ? []
      : [`-einject=${names[fault.call]}:error=${fault.error}:when=${fault.from}..${fault.to}`];
  const trace = ["-f", "-y", "-o", log, `-etrace=${names.sync},${names.write}`, ...inject, "--"];
  const output = await run([TRACER, ...trace, ...command], {});
  const calls = linesOf(log).flatMap((line): DiskCall[] => {
    const [, name, path] = /(fsync|fdatasync|pwrite64)\(\d+<([^>]*)>/.exec(line) ?? [];
    if (name === undefined || path === undefined) return [];
    return [{ call: name === "pwrite64" ? "write" : "sync", file: basename(path) }];
  });
  return { output, calls };
}

/** While it runs, the process of the tests stays able to say that it is alive. */
async function run(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string> {
  const [program = "", ...parameters] = command;
  const { stdout } = await execute(program, parameters, {
    env: { ...process.env, ...env },
    timeout: RUN_MS_MAX,
  });
  return stdout;
}

function isThere(program: string): boolean {
  return spawnSync(program, ["--version"]).status === 0;
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").filter(Boolean);
}
