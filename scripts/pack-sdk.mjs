// `node scripts/pack-sdk.mjs <directory>`: packs @reprise/sdk as it is published, and prints the path of the archive.
//
// ESM comes from the compiler as it is, one file per module, so that bundlers take what is used. CJS is bundled from it, entry by entry
// with shared chunks, so that a class is the same class whichever entry it is required from.

import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { commandOf, root, runMain, SetUpError } from "./runtime.mjs";

const home = join(root, "packages", "sdk");

/** What is left for the app to install, if it uses the entry that asks for it. */
const isExternal = (name) => name.startsWith("node:") || name === "@reprise/server";

async function pack([target]) {
  if (target === undefined) throw new SetUpError("expected the directory for the archive");
  const staging = mkdtempSync(join(tmpdir(), "reprise-sdk-"));
  try {
    const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    const entries = entriesOf(manifest.exports);
    compile(staging, entries);
    await bundle(staging, entries);
    writeTypes(staging);
    copyFileSync(join(root, "LICENSE"), join(staging, "LICENSE"));
    copyFileSync(join(home, "README.md"), join(staging, "README.md"));
    const published = toPublished(manifest, entries);
    writeFileSync(join(staging, "package.json"), `${JSON.stringify(published, null, 2)}\n`);
    console.log(join(resolve(target), archive(staging, resolve(target))));
    return 0;
  } finally {
    rmSync(staging, { recursive: true });
  }
}

/** `./express` and `./dist/adapters/express` without its ending, for every entry. */
function entriesOf(exports) {
  return Object.entries(exports).map(([name, { source }]) => ({
    name,
    path: source.replace(/^\.\/src\//, "").replace(/\.ts$/, ""),
  }));
}

/** Compiles into a place of its own, because others may run what is in `dist`. */
function compile(staging, entries) {
  const settings = {
    extends: join(home, "tsconfig.json"),
    compilerOptions: {
      rootDir: join(home, "src"),
      outDir: join(staging, "dist"),
      composite: false,
      incremental: false,
      tsBuildInfoFile: null,
      sourceMap: false,
      typeRoots: [join(root, "node_modules", "@types")],
    },
    // What no entry leads to is not published.
    files: entries.map(({ path }) => join(home, "src", `${path}.ts`)),
    include: [],
    references: [],
  };
  const path = join(staging, "tsconfig.json");
  writeFileSync(path, JSON.stringify(settings));
  run(process.execPath, [commandOf("typescript", "tsc"), "-p", path], home);
  rmSync(path);
}

async function bundle(staging, entries) {
  const { rolldown } = await import("rolldown");
  const input = Object.fromEntries(
    entries.map(({ path }) => [path, join(staging, "dist", `${path}.js`)]),
  );
  const bundler = await rolldown({
    cwd: staging,
    input,
    external: isExternal,
    platform: "neutral",
  });
  await bundler.write({
    dir: join(staging, "dist", "cjs"),
    format: "cjs",
    exports: "named",
    entryFileNames: "[name].cjs",
    chunkFileNames: "shared/[name].cjs",
  });
  await bundler.close();
}

/** The types of CJS are those of ESM under another ending: TypeScript tells the two by it. Imports name what is there at run time. */
function writeTypes(staging) {
  const dist = join(staging, "dist");
  for (const file of globSync(join(dist, "**", "*.d.ts"))) {
    const target = join(dist, "cjs", relative(dist, file).replace(/\.d\.ts$/, ".d.cts"));
    const text = readFileSync(file, "utf8");
    mkdirSync(dirname(target), { recursive: true });
    const source = /((?:from|import)\s*\(?\s*"\.[^"]*)\.ts"/g;
    writeFileSync(target, text.replace(source, '$1.cjs"'));
    writeFileSync(file, text.replace(source, '$1.js"'));
  }
}

function toPublished(manifest, entries) {
  const { private: _private, devDependencies: _development, ...rest } = manifest;
  const exports = Object.fromEntries(
    entries.map(({ name, path }) => [
      name,
      {
        import: { types: `./dist/${path}.d.ts`, default: `./dist/${path}.js` },
        require: { types: `./dist/cjs/${path}.d.cts`, default: `./dist/cjs/${path}.cjs` },
      },
    ]),
  );
  // Compilers that do not read `exports` find the types of the other entries here.
  const subpaths = entries
    .filter(({ name }) => name !== ".")
    .map(({ name, path }) => [name.slice(2), [`./dist/cjs/${path}.d.cts`]]);
  return {
    ...rest,
    main: "./dist/cjs/index.cjs",
    types: "./dist/cjs/index.d.cts",
    typesVersions: { "*": Object.fromEntries(subpaths) },
    exports: { ...exports, "./package.json": "./package.json" },
    files: ["dist"],
  };
}

/** Gives the name of the archive. */
function archive(staging, target) {
  const args = ["pack", "--silent", "--ignore-scripts", "--pack-destination", target];
  const output = run("npm", args, staging);
  return output.trim().split("\n").at(-1);
}

function run(command, args, cwd) {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.status === 0) return result.stdout;
  const reason = result.error?.message ?? `${result.stdout}${result.stderr}`;
  throw new SetUpError(`${command} ${args.join(" ")} failed:\n${reason}`);
}

await runMain(() => pack(process.argv.slice(2)));
