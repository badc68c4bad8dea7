// @reprise/sdk as an app gets it: packed, and installed into an empty project.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

export interface Manifest {
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, Condition>>>>;
  readonly [field: string]: unknown;
}

interface Condition {
  readonly types: string;
  readonly default: string;
}

export interface Project {
  readonly directory: string;
  /** Where the package lies. */
  readonly home: string;
  readonly manifest: Manifest;
  /** Specifiers of all entries that are code. */
  readonly entries: readonly string[];
  /** Writes a file of the project. */
  readonly write: (name: string, text: string) => void;
  /** Runs a program in the project and gives its output. @throws with the output when it fails. */
  readonly run: (command: string, args: readonly string[]) => string;
  readonly remove: () => void;
}

/** Runs a program and gives its output. @throws with the output when it fails. */
export function runIn(directory: string, command: string, args: readonly string[]): string {
  const result = spawnSync(command, args, { cwd: directory, encoding: "utf8" });
  if (result.status === 0) return result.stdout;
  const output = `${result.stdout}${result.stderr}`;
  throw new Error(`${command} ${args.join(" ")} ended with ${result.status}:\n${output}`);
}

/** Packs the SDK, installs it into a directory without a network, and gives the place where it lies. */
export function installSdk(directory: string): string {
  const home = join(directory, "node_modules/@reprise/sdk");
  mkdirSync(home, { recursive: true });
  const script = join(root, "scripts/pack-sdk.mjs");
  const lines = runIn(directory, process.execPath, [script, directory]).trim();
  const archive = lines.split("\n").at(-1) ?? "";
  // What `npm install` of an archive without dependencies does.
  runIn(directory, "tar", ["-xzf", archive, "--strip-components=1", "-C", home]);
  rmSync(archive);
  return home;
}

/** Installs the SDK into an empty project. */
export function openProject(): Project {
  const directory = mkdtempSync(join(tmpdir(), "reprise-app-"));
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  write("package.json", JSON.stringify({ name: "app", private: true }));
  const home = installSdk(directory);
  // What has been packed is what the script has written.
  const manifest = JSON.parse(readFileSync(join(home, "package.json"), "utf8")) as Manifest;
  const entries = Object.keys(manifest.exports)
    .filter((name) => name !== "./package.json")
    .map((name) => `@reprise/sdk${name.slice(1)}`);
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  const run = (command: string, args: readonly string[]): string => runIn(directory, command, args);
  return { directory, home, manifest, entries, write, run, remove };
}

/** The compiler of the repository. */
export const tsc = join(root, "node_modules/typescript/bin/tsc");
export const typeRoots = [join(root, "node_modules/@types")];
