// `node scripts/pack-server.mjs <directory> [--with-node]`: puts the server and its command line into a new directory that runs by itself:
// compiled code, what it needs at run time, and nothing of the tests or tools. `bin/reprise` is the command; with `--with-node`, `bin/node`
// is the Node that runs this script.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { commandOf, root, runMain, SetUpError } from "./runtime.mjs";

/** Entry of each package; what no entry leads to is left out. */
const entries = { protocol: "index", server: "index", cli: "main" };

const readManifest = (directory) => JSON.parse(readFileSync(join(directory, "package.json")));

function pack(args) {
  const [target, ...more] = args.filter((arg) => arg !== "--with-node");
  if (target === undefined || more.length > 0 || target.startsWith("-")) {
    throw new SetUpError("expected the directory to make, and --with-node or nothing");
  }
  const home = resolve(target);
  if (existsSync(home) && readdirSync(home).length > 0) {
    throw new SetUpError(`${home} is not empty; name a directory that does not exist yet`);
  }
  const modules = join(home, "node_modules");
  placeCode(modules);
  for (const path of listDependencies()) {
    const options = { recursive: true, dereference: true, filter: isRunnable };
    cpSync(join(root, path), join(home, path), options);
  }
  mkdirSync(join(home, "bin"));
  const command = "node_modules/@reprise/cli/dist/main.js";
  chmodSync(join(home, command), 0o755);
  symlinkSync(join("..", command), join(home, "bin", "reprise"));
  copyFileSync(join(root, "deploy", "health-check.mjs"), join(home, "bin", "health-check.mjs"));
  copyFileSync(join(root, "LICENSE"), join(home, "LICENSE"));
  if (args.includes("--with-node")) copyFileSync(process.execPath, join(home, "bin", "node"));
  console.log(home);
  return 0;
}

/** Compiles into a place of its own, because others may run what is in `dist`. */
function placeCode(modules) {
  const staging = mkdtempSync(join(tmpdir(), "reprise-server-"));
  try {
    const settings = {
      extends: join(root, "tsconfig.base.json"),
      compilerOptions: {
        rootDir: join(root, "packages"),
        outDir: join(staging, "out"),
        composite: false,
        declaration: false,
        sourceMap: false,
        customConditions: ["source"],
        typeRoots: [join(root, "node_modules", "@types")],
      },
      files: Object.entries(entries).map(([name, entry]) =>
        join(root, "packages", name, "src", `${entry}.ts`),
      ),
    };
    const path = join(staging, "tsconfig.json");
    writeFileSync(path, JSON.stringify(settings));
    run(process.execPath, [commandOf("typescript", "tsc"), "-p", path]);
    for (const name of Object.keys(entries)) {
      const place = join(modules, "@reprise", name);
      cpSync(join(staging, "out", name, "src"), join(place, "dist"), { recursive: true });
      copyFileSync(join(root, "packages", name, "package.json"), join(place, "package.json"));
    }
    const dashboard = join(modules, "@reprise", "server", "dashboard");
    const bundle = [commandOf("vite"), "build", "--outDir", dashboard, "--emptyOutDir"];
    run(process.execPath, bundle, join(root, "packages", "dashboard"));
  } finally {
    rmSync(staging, { recursive: true });
  }
}

/** Everything that our packages need at run time, as paths below the root. Optional peers come along when they are installed. */
function listDependencies() {
  const found = new Set();
  const visit = (directory) => {
    const manifest = readManifest(join(root, directory));
    const isOurs = directory.startsWith("packages/");
    const wanted = [
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.optionalDependencies ?? {}),
      ...(isOurs ? Object.keys(manifest.peerDependencies ?? {}) : []),
    ];
    for (const name of wanted) {
      if (name.startsWith("@reprise/")) continue;
      const path = findModule(name, directory);
      if (path === null) {
        if (Object.hasOwn(manifest.dependencies ?? {}, name)) {
          throw new SetUpError(`${name}, which ${directory} needs, is not installed`);
        }
        continue;
      }
      if (found.has(path)) continue;
      found.add(path);
      visit(path);
    }
  };
  for (const name of Object.keys(entries)) visit(`packages/${name}`);
  return [...found];
}

/** Where Node finds a package that is asked for in a directory, or null. */
function findModule(name, directory) {
  for (let place = directory; ; place = dirname(place)) {
    const path = place === "." ? `node_modules/${name}` : `${place}/node_modules/${name}`;
    if (existsSync(join(root, path, "package.json"))) return path;
    if (place === ".") return null;
  }
}

/** Types, maps, tests and pages are left out, licenses are not. Nested packages that are needed have a path of their own. */
function isRunnable(path) {
  const name = basename(path);
  return (
    !/\.(?:d\.[cm]?ts|map|test\.[cm]?[jt]s)$|^(?:readme|changelog|history)\b/i.test(name) &&
    name !== "node_modules"
  );
}

function run(command, args, cwd = root) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.status === 0) return;
  const reason = result.error?.message ?? `${result.stdout}${result.stderr}`;
  throw new SetUpError(`${command} ${args.join(" ")} failed:\n${reason}`);
}

await runMain(() => pack(process.argv.slice(2)));
