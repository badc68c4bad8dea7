// Who may import whom: floors inside the server, packages among each other, and how an import is written.

import { dirname, join } from "node:path/posix";
import type { VisitorObject } from "oxc-parser";
import type { Report, Rule, Source } from "./source.ts";

const serverRoot = "packages/server/src/";

/** Floors of the server from the bottom up; what lies directly in `src` composes the parts and is above all. */
const floors = ["core", "host", "store", "engine", "observe", "api", "operate"];

/** Which packages of the workspace a package may import. */
const allowedPackages: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  server: ["@reprise/protocol"],
  cli: ["@reprise/protocol", "@reprise/server"],
  dashboard: ["@reprise/protocol"],
  // What an app installs stands alone (`sdkImportRule`); the embedded server is asked for by its testing kit alone.
  sdk: ["@reprise/server"],
};

/** Calls `check` with every module name that the source imports or re-exports, also in types and dynamic imports. */
export function visitImports(check: (name: string, offset: number) => void): VisitorObject {
  return {
    ImportDeclaration: (node) => check(node.source.value, node.start),
    ExportAllDeclaration: (node) => check(node.source.value, node.start),
    ExportNamedDeclaration: (node) => {
      if (node.source !== null) check(node.source.value, node.start);
    },
    ImportExpression: (node) => {
      if (node.source.type === "Literal" && typeof node.source.value === "string") {
        check(node.source.value, node.start);
      }
    },
    TSImportType: (node) => check(node.source.value, node.start),
  };
}

export const isRelative = (name: string): boolean =>
  name.startsWith("./") || name.startsWith("../");

function resolveImport(source: Source, name: string): string {
  return join(dirname(source.path), name);
}

function floorOf(path: string): number {
  const [directory, rest] = path.slice(serverRoot.length).split("/");
  if (rest === undefined || directory === undefined) return floors.length;
  return floors.indexOf(directory);
}

const floorName = (floor: number): string => floors[floor] ?? "the top floor";

/** A file of the server imports from its own floor or below. */
export const floorRule: Rule = (source, report) => {
  if (!source.path.startsWith(serverRoot)) return {};
  const floor = floorOf(source.path);
  if (floor === -1) {
    report("floor", 0, `is in a directory that is no floor; the floors are ${floors.join(", ")}`);
    return {};
  }
  return visitImports((name, offset) => {
    if (!isRelative(name)) return;
    const target = resolveImport(source, name);
    if (!target.startsWith(serverRoot) || floorOf(target) <= floor) return;
    report(
      "floor",
      offset,
      `${floorName(floor)} imports ${name} from ${floorName(floorOf(target))}`,
    );
  });
};

/** The core decides and nothing else: it knows its own files and the words of the wire. */
export const coreImportRule: Rule = (source, report) => {
  if (!source.path.startsWith(`${serverRoot}core/`) || source.isTest) return {};
  return visitImports((name, offset) => {
    if (isRelative(name) || name === "@reprise/protocol") return;
    report(
      "core-import",
      offset,
      `core imports ${name}; only core and @reprise/protocol are allowed`,
    );
  });
};

function checkPackageImport(source: Source, name: string): string | null {
  const packageName = /^packages\/([^/]+)\//.exec(source.path)?.[1];
  const allowed = packageName === undefined ? undefined : allowedPackages[packageName];
  if (packageName === undefined || allowed === undefined) return null;
  const target = /^@reprise\/[^/]+/.exec(name)?.[0];
  if (target !== undefined && !allowed.includes(target)) {
    return `${packageName} imports ${target}; it may import ${allowed.join(", ") || "no package"}`;
  }
  const isForeign = target === undefined && !isRelative(name);
  if (packageName === "protocol" && isForeign && !source.isTest) {
    return `protocol imports ${name}; it has no dependency, not even on Node`;
  }
  return null;
}

const sdkRoot = "packages/sdk/src/";

/** The SDK depends on nothing and runs everywhere: Node only where a framework or a test brings it along. */
export const sdkImportRule: Rule = (source, report) => {
  if (!source.path.startsWith(sdkRoot) || source.isTest) return {};
  const room = source.path.slice(sdkRoot.length).split("/")[0] ?? "";
  const mayUse = (name: string): boolean =>
    isRelative(name) ||
    (name.startsWith("node:") && ["adapters", "testing"].includes(room)) ||
    (name === "@reprise/server" && room === "testing");
  return visitImports((name, offset) => {
    if (mayUse(name)) return;
    report(
      "sdk-import",
      offset,
      `the SDK imports ${name}; it has no dependency, and needs Web standards alone`,
    );
  });
};

/** Packages depend on each other in one direction; protocol is below all and depends on nothing. */
export const packageImportRule: Rule = (source, report) =>
  visitImports((name, offset) => {
    const fault = checkPackageImport(source, name);
    if (fault !== null) report("package-import", offset, fault);
  });

/** The directory that a relative import must not leave: the compiled files of another one lie elsewhere. */
function homeOf(path: string): string {
  const [top = "", name = ""] = path.split("/");
  return top === "packages" || top === "examples" ? `${top}/${name}/` : `${top}/`;
}

/** Endings of files that may be imported: what is shown to people brings elements, styles and pictures along. */
function endingsFor(path: string): readonly string[] {
  if (path.endsWith(".mjs")) return [".mjs", ".json"];
  const isShown = path.endsWith(".tsx") || path.startsWith("packages/dashboard/");
  return isShown ? [".ts", ".tsx", ".json", ".css", ".svg"] : [".ts", ".json"];
}

function checkRelativeImport(source: Source, name: string, offset: number, report: Report): void {
  const endings = endingsFor(source.path);
  if (!endings.some((ending) => name.endsWith(ending))) {
    report("import-extension", offset, `${name} must end with ${endings.join(", ")}`);
  }
  const home = homeOf(source.path);
  if (source.path.includes("/") && !resolveImport(source, name).startsWith(home)) {
    report("import-home", offset, `${name} leaves ${home}; import the package by its name`);
  }
}

/** Relative imports name the file as it is on disk and stay at home. */
export const relativeImportRule: Rule = (source, report) =>
  visitImports((name, offset) => {
    if (isRelative(name)) checkRelativeImport(source, name, offset, report);
  });
