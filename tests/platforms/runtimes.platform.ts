// Runtimes: each loads the published package itself, but for workers, which are bundled.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { adapterSuite, type StartApp } from "../sdk/adapters/adapter.suite.ts";
import { bundleProgram, platformsHome, startProgram } from "./programs.ts";

const home = platformsHome("runtimes");
const installed = (path: string): string => join(home, "node_modules", path);

/** How a runtime runs a file. */
interface Runtime {
  readonly program: string;
  readonly command: string;
  readonly args: readonly string[];
}

const runtimes: Readonly<Record<string, Runtime>> = {
  "Node 20": { program: "node", command: installed("node-20/bin/node"), args: [] },
  "Node 22": { program: "node", command: installed("node-22/bin/node"), args: [] },
  Bun: { program: "bun", command: installed("@oven/bun-linux-x64/bin/bun"), args: ["run"] },
  Deno: {
    program: "deno",
    command: installed("@deno/linux-x64-glibc/deno"),
    args: ["run", "--allow-all", "--node-modules-dir=manual", "--no-lock"],
  },
};

const entries: readonly string[] = Object.keys(
  // Written by the script that packs the SDK.
  (JSON.parse(readFileSync(installed("@reprise/sdk/package.json"), "utf8")) as { exports: object })
    .exports,
).filter((name) => name !== "./package.json");

for (const [name, { program, command, args }] of Object.entries(runtimes)) {
  const run = (...more: readonly string[]): string => {
    const result = spawnSync(command, more, { cwd: home, encoding: "utf8" });
    expect(result.status, `${result.error ?? ""}${result.stdout}${result.stderr}`).toBe(0);
    return result.stdout;
  };
  const version = spawnSync(command, ["--version"], { encoding: "utf8" }).stdout?.split("\n")[0];

  describe(`${name} (${version})`, () => {
    test("loads every entry by import and by require", () => {
      const file = join(home, "load.mjs");
      const names = entries.map((entry) => `@reprise/sdk${entry.slice(1)}`);
      const code = `import { createRequire } from "node:module";
        const require = createRequire(import.meta.url);
        for (const name of ${JSON.stringify(names)}) { await import(name); require(name); }
        console.log("all of them");`;
      writeFileSync(file, code);
      expect(run(...args, file)).toContain("all of them");
    });
    const start: StartApp = async ({ env }) => {
      const file = await bundleProgram(program);
      return startProgram({ command, args: [...args, file], env });
    };
    adapterSuite(`serves workflows`, start, { readsForwarded: program === "node" });
  });
}
