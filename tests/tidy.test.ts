// The whole repository keeps the rules of the house; `tidy/` holds the rules and shows that each one bites.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { expect, test } from "vitest";
import { checkFile } from "./tidy/check.ts";
import {
  checkErrorPage,
  checkLinks,
  checkLockFile,
  checkManifest,
  type LockFile,
  type Manifest,
  readErrorCodes,
} from "./tidy/repository-rules.ts";
import type { Violation } from "./tidy/source.ts";

const root = join(import.meta.dirname, "..");
const errorSource = "packages/protocol/src/errors.ts";
const errorPage = "docs/errors.md";

const read = (path: string): string => readFileSync(join(root, path), "utf8");

/** Files that are committed or about to be. */
function listFilesOfGit(): readonly string[] {
  // The checkout may belong to another user than the one who runs the tests, as in a container.
  const trust = ["-c", "safe.directory=*"];
  const args = [...trust, "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  return execFileSync("git", args, { cwd: root, encoding: "utf8" }).split("\0");
}

/** Files of an unpacked archive, which has no git: all but what set-up and builds leave behind. */
function listFilesOfArchive(): readonly string[] {
  const isMade = (path: string): boolean =>
    /(^|\/)(node_modules|dist|\.next|\.reprise)\//.test(path);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((path) => !isMade(path));
}

function listFiles(): readonly string[] {
  const paths = existsSync(join(root, ".git")) ? listFilesOfGit() : listFilesOfArchive();
  return [...new Set(paths)].filter((path) => path !== "" && existsSync(join(root, path)));
}

function print(violations: readonly Violation[]): readonly string[] {
  return violations.map(({ path, line, rule, message }) => `${path}:${line} ${rule}: ${message}`);
}

test("every file keeps the rules", () => {
  const files = listFiles();
  expect(files).toContain(errorSource);
  expect(print(files.flatMap((path) => checkFile(path, read(path))))).toEqual([]);
});

test("the lock file installs on every platform and from every registry", () => {
  // The file is written by npm, and a missing part would fail the check below.
  const lock = JSON.parse(read("package-lock.json")) as LockFile;
  expect(Object.keys(lock.packages).length).toBeGreaterThan(10);
  expect(print(checkLockFile(lock))).toEqual([]);
});

test("every dependency is pinned", () => {
  const manifests = listFiles().filter((path) => path.endsWith("package.json"));
  expect(manifests).toContain("package.json");
  const violations = manifests.flatMap((path) => {
    // npm itself refuses a manifest whose dependencies are not strings.
    const manifest = JSON.parse(read(path)) as Manifest;
    return checkManifest(path, manifest);
  });
  expect(print(violations)).toEqual([]);
});

test("every link between pages leads somewhere", () => {
  const files = listFiles();
  const pages = files.filter((path) => path.endsWith(".md"));
  expect(pages).toContain("README.md");
  const texts = new Map(pages.map((path) => [path, read(path)]));
  const violations = checkLinks(texts, (path) => existsSync(join(root, path)));
  expect(print(violations)).toEqual([]);
});

test("every error code has a heading in the page of errors", () => {
  const codes = readErrorCodes(read(errorSource));
  expect(codes.length).toBeGreaterThan(0);
  const page = existsSync(join(root, errorPage)) ? read(errorPage) : null;
  expect(page === null ? [] : print(checkErrorPage(codes, page))).toEqual([]);
});
