// Rules that compare files with each other: the lock file, the manifests and the pages of the documentation.

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
