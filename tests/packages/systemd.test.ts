import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDurationMs } from "@reprise/protocol";
import { expect, test } from "vitest";
import { readFile, stopMs, unknownSettings } from "./settings.ts";

const text = readFile("deploy/systemd/reprise.service");

/** Every value of a key, in order. */
function valuesOf(key: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));
}

const environment = new Map(
  valuesOf("Environment").map((pair) => {
    const [name = "", ...value] = pair.split("=");
    return [name, value.join("=")] as const;
  }),
);

test("the unit sets what is a setting", () => {
  expect([...environment.keys()]).toContain("REPRISE_DATA_DIR");
  expect(unknownSettings(environment.keys())).toEqual([]);
});

test("the unit kills later than the server drains", () => {
  const [stop = ""] = valuesOf("TimeoutStopSec");
  const wantedMs = stopMs(Object.fromEntries(environment));
  expect(parseDurationMs(stop, "TimeoutStopSec")).toBeGreaterThanOrEqual(wantedMs);
});

test("the data lies in the one directory that the unit may write to", () => {
  expect(environment.get("REPRISE_DATA_DIR")).toBe(`/var/lib/${valuesOf("StateDirectory")[0]}`);
  expect(valuesOf("ProtectSystem")).toEqual(["strict"]);
  expect(valuesOf("ReadWritePaths")).toEqual([]);
});

test("the token is a credential, and its file the one that the server reads", () => {
  const names = valuesOf("LoadCredential").map((credential) => credential.split(":")[0]);
  expect(environment.get("REPRISE_TOKEN_FILE")).toBe(`%d/${names[0]}`);
});

test("the unit has a user of its own, and no privileges", () => {
  expect(valuesOf("DynamicUser")).toEqual(["yes"]);
  expect(valuesOf("NoNewPrivileges")).toEqual(["yes"]);
  expect(valuesOf("CapabilityBoundingSet")).toEqual([""]);
  expect(valuesOf("Restart")).toEqual(["always"]);
});

const hasSystemd = spawnSync("systemd-analyze", ["--version"]).status === 0;

/** `systemd-analyze` about the unit, with a program in place of the one that is not installed here. */
function analyze(verb: readonly string[], unit: string): string {
  const directory = mkdtempSync(join(tmpdir(), "reprise-unit-"));
  try {
    const path = join(directory, "reprise.service");
    writeFileSync(path, unit.replace(/^ExecStart=\S+/m, "ExecStart=/bin/true"));
    const { stdout, stderr } = spawnSync("systemd-analyze", [...verb, path], { encoding: "utf8" });
    return `${stdout}${stderr}`;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test.runIf(hasSystemd)("systemd knows every line of the unit", () => {
  // Other units of the machine may have faults of their own.
  const about = (unit: string) =>
    analyze(["verify"], unit)
      .split("\n")
      .filter((line) => line.includes("reprise.service"));
  expect(about(text)).toEqual([]);
  expect(about(text.replace("[Service]", "[Service]\nNonsense=1")).join()).toContain("Nonsense");
});

test.runIf(hasSystemd)("systemd calls the exposure of the unit low", () => {
  const exposure = (unit: string) => {
    const output = analyze(["security", "--offline=true", "--no-pager"], unit);
    return Number(/exposure level for reprise\.service: ([\d.]+)/.exec(output)?.[1]);
  };
  expect(exposure(text)).toBeLessThan(2);
  expect(exposure("[Service]\nExecStart=/bin/true\n")).toBeGreaterThan(9);
});
