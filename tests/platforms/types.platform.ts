// The types under the compilers and resolutions that the repository itself does not use.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runIn } from "../sdk/package/packed.ts";
import { platformsHome } from "./programs.ts";

const home = platformsHome("runtimes");
const tsc = join(home, "node_modules/typescript/bin/tsc");

/** What a project says; the ending of the file says the module system. */
const projects = {
  "CJS with node10": { file: "node10.ts", module: "commonjs", moduleResolution: "node10" },
  "CJS with node16": { file: "node16.cts", module: "node16" },
  "ESM with node16": { file: "node16.mts", module: "node16" },
  "a bundler": { file: "bundler.ts", module: "esnext", moduleResolution: "bundler" },
};

test.each(Object.entries(projects))("the types hold with TypeScript 5: %s", (_name, project) => {
  const { file, ...compilerOptions } = project;
  // Written by the script that packs the SDK.
  const { exports } = JSON.parse(
    readFileSync(join(home, "node_modules/@reprise/sdk/package.json"), "utf8"),
  ) as { readonly exports: object };
  const names = Object.keys(exports).filter((name) => name !== "./package.json");
  const lines = names.map(
    (name, index) => `import * as e${index} from "@reprise/sdk${name.slice(1)}"; void e${index};\n`,
  );
  const usage = `import { serve } from "@reprise/sdk/express";
    export const handler = serve<{ id: string }>(async (context) => {
      const id: string = context.requestPayload.id;
      // @ts-expect-error it is a text
      const count: number = id;
      return count;
    });`;
  writeFileSync(join(home, file), lines.join("") + usage);
  const settings = {
    compilerOptions: {
      target: "es2022",
      lib: ["es2022", "dom", "dom.iterable"],
      types: [],
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      ...compilerOptions,
    },
    files: [file],
  };
  const path = join(home, `${file}.json`);
  writeFileSync(path, JSON.stringify(settings));
  expect(runIn(home, process.execPath, [tsc, "-p", path])).toBe("");
});
