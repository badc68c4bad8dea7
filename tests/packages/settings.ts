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

/** The default of a setting that is a duration. */
export function defaultMs(setting: string): number {
  const preset = rows.find(([, name]) => name === setting)?.[2];
  if (preset === undefined) throw new Error(`the page has no setting ${setting}`);
  return parseDurationMs(preset, setting);
}

/** Names that are no setting; `_FILE` behind a name says where its value is. */
export function unknownSettings(names: Iterable<string>): readonly string[] {
  return [...names]
    .filter((name) => name.startsWith("REPRISE_"))
    .filter((name) => !settingNames.has(name.replace(/_FILE$/, "")));
}
