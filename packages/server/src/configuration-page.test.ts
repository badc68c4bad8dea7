import { readFileSync } from "node:fs";
import { formatDuration, isRepriseError } from "@reprise/protocol";
import { expect, test } from "vitest";
import { parseServerConfig } from "./config.ts";
import { describeConfig } from "./describe-config.ts";
import { LIMIT_SETTINGS } from "./engine/limits.ts";

/** docs/configuration.md says what the parser does. */

const page = readFileSync(new URL("../../../docs/configuration.md", import.meta.url), "utf8");

const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `REPRISE_"))
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .map(([, name = "", preset = "", allowed = "", meaning = ""]) => {
    return { name: name.replaceAll("`", ""), preset, allowed, meaning };
  });

/** The names that the parser knows, from its own complaint about one that it does not. */
function knownNames(): readonly string[] {
  try {
    parseServerConfig({ REPRISE_NONSENSE: "1" });
  } catch (error) {
    if (!isRepriseError(error)) throw error;
    return error.message.split("known are ")[1]?.split(", ") ?? [];
  }
  return [];
}

test("the page lists every setting once, and none that is not there", () => {
  expect(rows.map(({ name }) => name).toSorted()).toEqual(knownNames().toSorted());
  expect(rows.length).toBeGreaterThan(30);
});

test.each(LIMIT_SETTINGS)("%s has the default and the range of the page", (name, preset, kind) => {
  const row = rows.find((one) => one.name === name);
  const isDuration = "msMax" in kind;
  expect(row).toMatchObject({
    preset: `\`${isDuration ? formatDuration(preset) : preset}\``,
    allowed: isDuration ? `up to \`${formatDuration(kind.msMax)}\`` : `${kind.min} to ${kind.max}`,
  });
  expect(row?.meaning).toMatch(/\.$/);
});

test("what is printed for a setting that is not given is the default of the page", () => {
  const printed = describeConfig({}).settings.map(({ name, value }) => [name, value]);
  const presets = rows.map(({ name, preset }) => [name, preset.replaceAll("`", "")]);
  expect(printed.toSorted()).toEqual(presets.toSorted());
});
