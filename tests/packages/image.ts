import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseDockerfile } from "./dockerfile.ts";
import { readFile, repository } from "./settings.ts";

/** What `docker build` would make, without Docker: the build stage is done by hand, what the last stage says is read from the Dockerfile. */
export interface Image {
  /** What lies in `/opt/reprise`. */
  readonly home: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  remove(): void;
}

export function buildImage(): Image {
  const directory = mkdtempSync(join(tmpdir(), "reprise-image-"));
  const source = join(directory, "src");
  for (const path of contextFiles()) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    copyFileSync(join(repository, path), join(source, path));
  }
  linkModules(source);
  const home = join(directory, "reprise");
  const args = [join(source, "scripts/pack-server.mjs"), home];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  rmSync(source, { recursive: true });
  const remove = () => rmSync(directory, { recursive: true });
  return { home, ...readLastStage(), remove };
}

/** The files that `.dockerignore` lets through; the last line that matches decides. */
export function contextFiles(): readonly string[] {
  const lines = readFile(".dockerignore").split("\n");
  const rules = lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({ isIn: line.startsWith("!"), pattern: toPattern(line.replace(/^!/, "")) }));
  return globSync(["*", ".*", "{deploy,docs,examples,packages,scripts,tests}/**"], {
    cwd: repository,
    exclude: ({ name }) => /^(node_modules|dist|\.git|\.next|\.reprise)$/.test(name),
    withFileTypes: true,
  })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(repository.length + 1))
    .filter((path) => rules.findLast(({ pattern }) => pattern.test(path))?.isIn ?? true);
}

/** A pattern matches what lies below a directory as well. */
function toPattern(glob: string): RegExp {
  const text = glob
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*\*\/|\*/g, (star) => (star === "*" ? "[^/]*" : "(?:.*/)?"));
  return new RegExp(`^${text}(?:/|$)`);
}

/** In place of `npm ci`: what is installed here, with the packages of the copy. */
function linkModules(source: string): void {
  const modules = join(source, "node_modules");
  mkdirSync(join(modules, "@reprise"), { recursive: true });
  const installed = join(repository, "node_modules");
  for (const name of readdirSync(installed)) {
    if (name !== "@reprise") symlinkSync(join(installed, name), join(modules, name));
  }
  for (const name of readdirSync(join(source, "packages"))) {
    symlinkSync(join(source, "packages", name), join(modules, "@reprise", name));
  }
}

function readLastStage(): Pick<Image, "environment" | "command" | "healthCheck"> {
  const { instructions = [] } = parseDockerfile(readFile("Dockerfile")).at(-1) ?? {};
  const textOf = (name: string) => instructions.findLast((each) => each.name === name)?.text ?? "";
  // The rules have found lists there.
  const listOf = (text: string) => JSON.parse(text.slice(text.indexOf("["))) as string[];
  const environment = textOf("ENV")
    .split(" ")
    .map((pair) => pair.split("="));
  return {
    environment: Object.fromEntries(environment),
    command: [...listOf(textOf("ENTRYPOINT")), ...listOf(textOf("CMD"))],
    healthCheck: listOf(textOf("HEALTHCHECK")),
  };
}

/**
 * A root that nobody can write to, but for /tmp and /data; user 1000 without any capability: as `read_only`, `cap_drop` and
 * `no-new-privileges` of the compose file. $1 is the image, $2 the data, $3 the directory of Node; the command follows.
 */
const ENCLOSE = `
set -e
image=$1 data=$2 node=$3; shift 3
root=$(mktemp -d); mount -t tmpfs tmpfs "$root"
for part in usr bin lib lib64 etc; do
  [ -e "/$part" ] || continue
  mkdir "$root/$part"; mount --bind "/$part" "$root/$part"; mount -o remount,ro,bind "$root/$part"
done
mkdir -p "$root/opt/reprise" "$root/opt/node" "$root/data" "$root/tmp" "$root/proc" "$root/dev"
mount --bind "$image" "$root/opt/reprise"; mount -o remount,ro,bind "$root/opt/reprise"
mount --bind "$node" "$root/opt/node"; mount -o remount,ro,bind "$root/opt/node"
mount --bind "$data" "$root/data"; mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --rbind /proc "$root/proc"; mount --rbind /dev "$root/dev"
mount -o remount,ro "$root"
cd /
exec chroot "$root" setpriv --reuid 1000 --regid 1000 --clear-groups --no-new-privs \\
  --bounding-set=-all --inh-caps=-all "$@"
`;

/** Whether this process may make a root of its own. */
export const canEnclose =
  process.platform === "linux" &&
  process.getuid?.() === 0 &&
  spawnSync("unshare", ["--mount", "true"]).status === 0 &&
  spawnSync("setpriv", ["--version"]).status === 0;

export interface Process {
  readonly output: () => string;
  readonly ended: Promise<{ readonly code: number | null; readonly output: string }>;
  kill(signal: NodeJS.Signals): void;
}

/** Runs a command of an image: enclosed where that is allowed, as an ordinary process elsewhere. */
export function runInImage(
  image: Image,
  command: readonly string[],
  options: { readonly data: string; readonly environment?: Readonly<Record<string, string>> },
): Process {
  const { data } = options;
  const node = dirname(process.execPath);
  const settings: NodeJS.ProcessEnv = {
    NODE_ENV: "production",
    PATH: "/opt/node:/usr/sbin:/usr/bin:/sbin:/bin",
    ...image.environment,
    ...options.environment,
  };
  const bare = (text: string) => text.replace("/opt/reprise", image.home);
  const child = canEnclose
    ? spawn("unshare", ["--mount", "sh", "-c", ENCLOSE, "sh", image.home, data, node, ...command], {
        env: settings,
      })
    : spawn(process.execPath, command.slice(1).map(bare), {
        env: { ...settings, REPRISE_DATA_DIR: data },
      });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
    });
  }
  const ended = new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
  return { output: () => output, ended, kill: (signal) => void child.kill(signal) };
}
