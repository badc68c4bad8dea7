// Rules that compare files with each other: the lock file, the manifests and the pages of the documentation.

import { dirname, join } from "node:path/posix";
import { parseSource, type Violation } from "./source.ts";

type Dependencies = Readonly<Record<string, string>>;

export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly link?: boolean;
  readonly resolved?: string;
  readonly optionalDependencies?: Dependencies;
}

export interface Manifest {
  readonly dependencies?: Dependencies;
  readonly devDependencies?: Dependencies;
  readonly optionalDependencies?: Dependencies;
}

const lockPath = "package-lock.json";

/** Directories in which a package at `place` looks for its dependencies, nearest first. */
function searchPath(place: string): readonly string[] {
  if (place === "") return ["node_modules"];
  const parent = place.slice(0, Math.max(0, place.lastIndexOf("/node_modules/")));
  return [`${place}/node_modules`, ...searchPath(parent)];
}

/**
 * The lock file installs on every platform and from every registry. npm leaves an optional package out without a
 * word when the registry does not have it, and `npm ci` then fails for everyone.
 */
export function checkLockFile(lock: LockFile): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [place, locked] of Object.entries(lock.packages)) {
    if (locked.link !== true && locked.resolved !== undefined) {
      const message = `${place} records the address ${locked.resolved}`;
      violations.push({ rule: "lock-address", path: lockPath, line: 1, message });
    }
    for (const name of Object.keys(locked.optionalDependencies ?? {})) {
      const places = searchPath(place).map((directory) => `${directory}/${name}`);
      if (places.some((candidate) => candidate in lock.packages)) continue;
      const message = `${place || "the root"} needs ${name}, which has no entry`;
      violations.push({ rule: "lock-platform", path: lockPath, line: 1, message });
    }
  }
  return violations;
}

const EXACT_VERSION = /^(?:npm:(?:@[\w.-]+\/)?[\w.-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/;

/** Versions are exact, so that a fresh install is the one that was tested. */
export function checkManifest(path: string, manifest: Manifest): readonly Violation[] {
  const all = {
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  };
  return Object.entries(all)
    .filter(([, version]) => !EXACT_VERSION.test(version))
    .map(([name, version]) => {
      return { rule: "pin", path, line: 1, message: `${name} is not pinned: ${version}` };
    });
}

/** What a heading is called in a link, as the hosts of repositories do it. */
function anchorOf(heading: string): string {
  const words = heading.toLowerCase().replace(/\[([^\]]*)\]\([^)]*\)/g, "$1");
  return words
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");
}

/** A page without its blocks of code, which may show anything. Lines keep their numbers. */
function withoutCode(text: string): readonly string[] {
  const emptied = text.replace(/^```[\s\S]*?^```/gm, (code) => code.replace(/[^\n]/g, ""));
  return emptied.split("\n");
}

/**
 * A link to a page or a heading of this repository leads somewhere.
 * @param pages the text of every page by its path; `exists` knows all other files as well.
 */
export function checkLinks(
  pages: ReadonlyMap<string, string>,
  exists: (path: string) => boolean,
): readonly Violation[] {
  const anchors = new Map(
    [...pages].map(([path, text]) => {
      const headings = withoutCode(text).flatMap((line) => /^#+\s+(.*)$/.exec(line)?.[1] ?? []);
      return [path, new Set(headings.map(anchorOf))] as const;
    }),
  );
  const faultOf = (from: string, link: string): string | null => {
    const [place = "", anchor] = link.split("#");
    const path = place === "" ? from : join(dirname(from), place);
    if (!exists(path)) return `there is no ${path}`;
    const isKnown = anchor === undefined || anchors.get(path)?.has(anchor) !== false;
    return isKnown ? null : `${path} has no heading ${anchor}`;
  };
  return [...pages].flatMap(([path, text]) =>
    withoutCode(text).flatMap((line, index) =>
      [...line.replace(/`[^`]*`/g, "").matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
        const fault = /^[a-z]+:/.test(link) ? null : faultOf(path, link);
        return fault === null ? [] : [{ rule: "link", path, line: index + 1, message: fault }];
      }),
    ),
  );
}

/** The codes of the union type `ErrorCode`. */
export function readErrorCodes(text: string): readonly string[] {
  const { program } = parseSource("packages/protocol/src/errors.ts", text);
  for (const statement of program.body) {
    const declared = statement.type === "ExportNamedDeclaration" ? statement.declaration : null;
    if (declared?.type !== "TSTypeAliasDeclaration" || declared.id.name !== "ErrorCode") continue;
    if (declared.typeAnnotation.type !== "TSUnionType") continue;
    return declared.typeAnnotation.types.flatMap((type) =>
      type.type === "TSLiteralType" && type.literal.type === "Literal"
        ? [String(type.literal.value)]
        : [],
    );
  }
  return [];
}

/** Every error code has a heading of its own in the page of errors. */
export function checkErrorPage(codes: readonly string[], page: string): readonly Violation[] {
  const path = "docs/errors.md";
  const headings = [...page.matchAll(/^#{2,}\s+`?([a-z][a-z_]*)`?\s*$/gm)].map(([, code]) => code);
  const missing = codes.filter((code) => !headings.includes(code));
  return missing.map((code) => {
    return { rule: "error-page", path, line: 1, message: `the code ${code} has no heading` };
  });
}
