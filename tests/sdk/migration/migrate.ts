// An example app as its author would move it to @reprise/sdk: a copy in which nothing but the specifiers of imports has changed, beside the
// package as it is published.

import {
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { installSdk, runIn, tsc } from "../package/packed.ts";

const repository = fileURLToPath(new URL("../../../", import.meta.url));

/** What is made by tools, and not copied. */
const MADE = new Set(["node_modules", "dist", ".next", "next-env.d.ts"]);

export interface Migrated {
  /** Holds the directory of the example. */
  readonly home: string;
  /** Files with changed imports, and how many. */
  readonly changes: Readonly<Record<string, number>>;
  /** Checks the types with the settings of the example. @throws with the faults. */
  readonly checkTypes: () => void;
  readonly remove: () => void;
}

export function migrate(name: string): Migrated {
  // Inside the repository, so that the dependencies of the example are found where they are installed.
  const root = join(repository, "tests/dist/migration", `${name}-${process.pid}`);
  const home = join(root, "examples");
  const app = join(home, name);
  mkdirSync(home, { recursive: true });
  cpSync(join(repository, "examples", name), app, {
    recursive: true,
    filter: (path) => !MADE.has(basename(path)) && !path.endsWith(".tsbuildinfo"),
  });
  cpSync(join(repository, "tsconfig.base.json"), join(root, "tsconfig.base.json"));
  for (const place of ["packages", "scripts"]) {
    symlinkSync(join(repository, place), join(root, place), "dir");
  }
  installSdk(root);
  return {
    home,
    changes: changeImports(app),
    checkTypes: () => {
      const settings = globSync("tsconfig.build.json", { cwd: app })[0] ?? "tsconfig.json";
      const own = ["--composite", "false", "--incremental", "false", "--noEmit"];
      runIn(app, process.execPath, [tsc, "-p", settings, ...own]);
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** `@upstash/workflow` and `@upstash/workflow/x`, and the same of QStash. */
const OFFICIAL = /(["'])@upstash\/(workflow|qstash)(\/[\w-]+)?\1/g;

function changeImports(app: string): Readonly<Record<string, number>> {
  const changes: Record<string, number> = {};
  for (const file of globSync("**/*.{ts,tsx,mjs}", { cwd: app })) {
    const path = join(app, file);
    const text = readFileSync(path, "utf8");
    const changed = text.replace(OFFICIAL, (_match, quote, product, entry) => {
      changes[file] = (changes[file] ?? 0) + 1;
      const root = product === "qstash" && entry === undefined ? "/messages" : "";
      return `${quote}@reprise/sdk${root}${entry ?? ""}${quote}`;
    });
    if (changed !== text) writeFileSync(path, changed);
    if (changed.includes("@upstash/")) throw new Error(`${file} still names the official SDK`);
  }
  return changes;
}
