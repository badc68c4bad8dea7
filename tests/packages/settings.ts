import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseDurationMs } from "@reprise/protocol";

/** What the files of `deploy` may name, and what they are held against. */

export const repository = join(import.meta.dirname, "../..");

export const readFile = (path: string): string => readFileSync(join(repository, path), "utf8");

const rows = readFile("docs/configuration.md")
  .split("\n")
  .filter((line) => line.startsWith("| `REPRISE_"))
  .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));

/** Every `REPRISE_*` variable of the page of the configuration, which a test of the server holds against the parser. */
export const settingNames: ReadonlySet<string> = new Set(rows.map(([, name = ""]) => name));

/** How long a stop may take with these settings before somebody may kill: docs/monitoring.md. */
export function stopMs(environment: Readonly<Record<string, string | undefined>>): number {
  const times = ["REPRISE_PRE_STOP", "REPRISE_DRAIN_TIMEOUT"].map((name) => {
    const text = environment[name] ?? rows.find(([, setting]) => setting === name)?.[2];
    if (text === undefined) throw new Error(`the page has no setting ${name}`);
    return parseDurationMs(text, name);
  });
  return times.reduce((sum, ms) => sum + ms, 15_000);
}

/** Names that are no setting; `_FILE` behind a name says where its value is. */
export function unknownSettings(names: Iterable<string>): readonly string[] {
  return [...names]
    .filter((name) => name.startsWith("REPRISE_"))
    .filter((name) => !settingNames.has(name.replace(/_FILE$/, "")));
}

/** Paths that probes may ask for; a test asks a real server for each, without a token. */
export const PROBE_PATHS = ["/livez", "/startupz", "/readyz"] as const;
