// What is published: entries that load in both module systems, types that stand alone, and sizes.

import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type OutputChunk, rolldown } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openProject, type Project, tsc, typeRoots } from "./packed.ts";
import { undocumented } from "./undocumented.ts";

const SERVE_BYTES_MAX = 20 * 1024;

let project: Project;
beforeAll(() => {
  project = openProject();
});
afterAll(() => project?.remove());

test("the package depends on nothing", () => {
  const { manifest } = project;
  expect(manifest).toMatchObject({ name: "@reprise/sdk", type: "module", sideEffects: false });
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "scripts"]) {
    expect(manifest, field).not.toHaveProperty(field);
  }
  expect(JSON.stringify(manifest)).not.toContain("src/");
  expect(project.entries.length).toBeGreaterThan(20);
});

test("every entry can be imported and required, and gives the same names", () => {
  const names = JSON.stringify(project.entries);
  project.write(
    "load.cjs",
    `(async () => {
      for (const name of ${names}) {
        const required = require(name);
        const imported = await import(name);
        const keys = (module) => Object.keys(module).filter((key) => key !== "__esModule").sort().join();
        if (keys(required) === "") throw new Error(name + " exports nothing");
        if (keys(required) !== keys(imported)) {
          throw new Error(name + ": " + keys(required) + " and " + keys(imported));
        }
      }
      console.log("all of them");
    })();`,
  );
  expect(project.run(process.execPath, ["load.cjs"])).toBe("all of them\n");
});

test("in CJS an error is of the same class whichever entry it is required from", () => {
  project.write(
    "same.cjs",
    `const { SignatureError } = require("@reprise/sdk");
     const { Receiver } = require("@reprise/sdk/messages");
     const receiver = new Receiver({ currentSigningKey: "a", nextSigningKey: "b" });
     receiver.verify({ signature: "x.y.z", body: "" }).catch((error) => {
       console.log(error instanceof SignatureError);
     });`,
  );
  expect(project.run(process.execPath, ["same.cjs"])).toBe("true\n");
});

const usage = `
import { Client, serve } from "@reprise/sdk";
import { serve as serveExpress } from "@reprise/sdk/express";
import { Receiver } from "@reprise/sdk/messages";

const handler = serve<{ id: string }>(async (context) => {
  const paid: number = await context.run("pay", () => context.requestPayload.id.length);
  // @ts-expect-error what a step gives has the type of what it returns
  const text: string = paid;
  return text;
});
export const answer: Promise<Response> = handler(new Request("http://localhost"));
export const listener = serveExpress(async (context) => context.workflowRunId);
export const client = new Client({ token: "t" });
export const receiver = new Receiver();
`;

/** Settings of projects that take the types as they are; the last one has the types of Node in place of the browser's. */
const settings = {
  "ESM with nodenext": { file: "usage.mts", module: "nodenext" },
  "CJS with node16": { file: "usage.cts", module: "node16" },
  "a bundler": { file: "usage.ts", module: "esnext", moduleResolution: "bundler" },
  "ESM with Node's types": {
    file: "node.mts",
    module: "nodenext",
    lib: ["es2023"],
    types: ["node"],
  },
};

test.each(Object.entries(settings))("the types hold in a strict project: %s", (name, settings) => {
  const { file, ...compilerOptions } = settings;
  const imports = project.entries.map((entry, index) => `export * as e${index} from "${entry}";\n`);
  project.write(file, imports.join("") + usage);
  project.write(
    `${file}.json`,
    JSON.stringify({
      compilerOptions: {
        target: "es2022",
        lib: ["es2023", "dom", "dom.iterable"],
        types: [],
        typeRoots,
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
        ...compilerOptions,
      },
      files: [file],
    }),
  );
  expect(project.run(process.execPath, [tsc, "-p", `${file}.json`]), name).toBe("");
});

/** Bundles code for the browser, as small as it gets. */
async function bundle(code: string): Promise<OutputChunk> {
  project.write("entry.mjs", code);
  const input = join(project.directory, "entry.mjs");
  const bundler = await rolldown({ input, platform: "browser", cwd: project.directory });
  const { output } = await bundler.generate({ format: "esm", minify: true });
  expect(output).toHaveLength(1);
  return output[0];
}

const modulesOf = ({ modules }: OutputChunk): readonly string[] =>
  Object.entries(modules)
    .filter(([, { renderedLength }]) => renderedLength > 0)
    .map(([path]) => path.replace(/^.*\/dist\//, ""));

test("serve is small", async () => {
  const { code, imports, dynamicImports } = await bundle('export { serve } from "@reprise/sdk";');
  const bytes = gzipSync(code, { level: 9 }).byteLength;
  console.log(`serve alone: ${code.length} bytes minified, ${bytes} bytes gzipped`);
  expect(bytes).toBeLessThan(SERVE_BYTES_MAX);
  expect([...imports, ...dynamicImports]).toEqual([]);
});

test("who takes a part gets that part", async () => {
  const receiver = await bundle('export { Receiver } from "@reprise/sdk/messages";');
  expect(modulesOf(receiver)).toContain("messages/receiver.js");
  expect(modulesOf(receiver).join()).not.toMatch(/workflow\/|client/);
  const client = await bundle('export { Client } from "@reprise/sdk";');
  expect(modulesOf(client).join()).not.toMatch(/workflow\/|receiver/);
  const serve = await bundle('export { serve } from "@reprise/sdk";');
  expect(modulesOf(serve).join()).not.toMatch(/client\/client|messages\/client/);
});

test("every public name says what it is", () => {
  const files = Object.values(project.manifest.exports).flatMap((target) =>
    typeof target === "string" ? [] : [target.import?.types ?? ""],
  );
  const faults = files.flatMap((file) => undocumented(join(project.home, file)));
  const short = faults.map((fault) => fault.replace(/^.*\/dist\//, ""));
  expect([...new Set(short)]).toEqual([]);
});
