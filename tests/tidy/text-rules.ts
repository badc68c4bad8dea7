// Rules for every file of the repository, whatever its language.

import type { Violation } from "./source.ts";

const vagueWords = [
  "util",
  "utils",
  "helper",
  "helpers",
  "common",
  "manager",
  "managers",
  "service",
  "services",
  "misc",
];

const isCode = (path: string): boolean => /\.(ts|mts|cts|tsx|js|mjs|cjs|jsx)$/.test(path);

/** A file is named in kebab-case after the noun inside; vague words name nothing. */
export function checkName(path: string): readonly Violation[] {
  const names = path.split("/");
  const fileName = names.at(-1) ?? "";
  const violations: Violation[] = [];
  // Units of systemd end in this word.
  const named = path.replace(/\.service$/, "");
  const vague = named.split(/[/.\-_]/).find((word) => vagueWords.includes(word.toLowerCase()));
  if (vague !== undefined) {
    violations.push({ rule: "vague-name", path, line: 1, message: `"${vague}" names nothing` });
  }
  if (isCode(path) && !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)+$/.test(fileName)) {
    violations.push({ rule: "file-name", path, line: 1, message: "is not in kebab-case" });
  }
  return violations;
}

/** Directories of one machine or one user. The character before keeps paths of URLs out. */
const machinePath = /(?:^|[^\w.~*})-])(?:\/(?:work|home|root|Users)\/\w|[A-Z]:\\Users\\)/;

/** Hosts that serve packages; the registry is the reader's choice. */
const registryHost =
  /\bregistry\.[\w-]+\.\w+|\bnpm\.pkg\.|https?:\/\/[\w.-]*(?:artifactory|verdaccio|nexus)/i;

/** What is committed works on every machine. */
export function checkPlaces(path: string, text: string): readonly Violation[] {
  return text.split("\n").flatMap((content, index): readonly Violation[] => {
    const place = { path, line: index + 1 };
    const violations: Violation[] = [];
    if (machinePath.test(content)) {
      violations.push({ rule: "machine-path", ...place, message: "names a path of one machine" });
    }
    if (registryHost.test(content)) {
      violations.push({ rule: "registry-host", ...place, message: "names the host of a registry" });
    }
    return violations;
  });
}
