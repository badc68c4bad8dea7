// The code of the pages is the code of the package: it has its types, and what is a test passes.

import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test, vi } from "vitest";
import { type Block, blocksOf, openWorkshop, repository } from "./blocks.ts";

// Compilers have the processor to themselves for a while: where others want it too, they take many times as long.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

/** Pages whose blocks stand for themselves. */
const WHOLE = ["testing.md"];
/** Pages that show parts: names that the reader knows are not declared. */
const PARTS = ["sdk.md", "connected-apps.md", "migration.md", "adapters.md"].filter((page) =>
  existsSync(join(repository, "docs", page)),
);

const bin = (name: string) => join(repository, "node_modules/.bin", name);

interface Ended {
  readonly code: number;
  readonly output: string;
}

async function run(command: string, args: readonly string[], cwd: string): Promise<Ended> {
  try {
    const env = { ...process.env, NO_COLOR: "1", PATH: `${bin("")}:${process.env.PATH}` };
    const { stdout, stderr } = await promisify(execFile)(command, args, { cwd, env });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const failed: object = error instanceof Error ? error : {};
    const code = "code" in failed ? failed.code : 1;
    const [stdout, stderr] = [
      "stdout" in failed && failed.stdout,
      "stderr" in failed && failed.stderr,
    ];
    return { code: Number(code), output: `${stdout}${stderr}` };
  }
}

/** Faults of the blocks by the line of their page. `unknown` names and packages are not counted for pages of parts. */
async function faultsOf(blocks: readonly Block[]): Promise<readonly string[]> {
  using workshop = openWorkshop(blocks);
  const { directory } = workshop;
  const config = {
    extends: join(repository, "tsconfig.base.json"),
    compilerOptions: {
      composite: false,
      incremental: false,
      noEmit: true,
      allowImportingTsExtensions: true,
      customConditions: ["source"],
      noUnusedLocals: false,
      noUnusedParameters: false,
      jsx: "preserve",
      types: ["node"],
      typeRoots: [join(repository, "node_modules/@types")],
      lib: ["es2024", "dom", "dom.iterable", "esnext.disposable"],
    },
    include: ["*/*.ts"],
  };
  writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(config));
  const { output } = await run(bin("tsc"), ["-p", "tsconfig.json", "--pretty", "false"], directory);
  const faults: string[] = [];
  for (const [, home, file, line, code = "", text] of output.matchAll(FAULT)) {
    const page = `${home}.md`;
    const block = blocks.find((each) => each.page === page && each.file === file);
    if (block === undefined || (PARTS.includes(page) && IN_PARTS.includes(code))) continue;
    faults.push(`docs/${page}:${block.line + Number(line) - 1} TS${code}: ${text}`);
  }
  return faults;
}

const FAULT = /^([\w-]+)\/([\w.-]+)\((\d+),\d+\): error TS(\d+): (.*)$/gm;

/** Cannot find a name, a module, a shorthand's value; what follows from that: implicit any, await in a script of parts. */
const IN_PARTS = ["2304", "2552", "2307", "18004", "7006", "7031", "7005", "2451", "2300", "2440"];

test("the code of the pages has the types of the package", async () => {
  const blocks = [...WHOLE, ...PARTS].flatMap(blocksOf);
  expect(blocks.length).toBeGreaterThan(5);
  expect(await faultsOf(blocks)).toEqual([]);
});

test("a fault in a page is found where it stands", async () => {
  const [block] = blocksOf("testing.md");
  if (block === undefined) throw new Error("the page has no code");
  const text = block.text.replace('"cooling-off period", "2d"', '"cooling-off period", "2 days"');
  const faults = await faultsOf([{ ...block, text }]);
  expect(faults).toEqual([expect.stringMatching(/^docs\/testing\.md:\d+ TS2345: .*"2 days"/)]);
  const shown = Number(faults[0]?.split(/[: ]/)[1]);
  expect(text.split("\n")[shown - block.line]).toContain("2 days");
});

test("the tests of the pages pass", async () => {
  const blocks = WHOLE.flatMap(blocksOf);
  const tests = blocks.filter(({ file }) => file.endsWith(".test.ts"));
  using workshop = openWorkshop(blocks);
  const { directory } = workshop;
  const conditions = ["source", "node", "development|production"];
  const resolve = { conditions };
  const options = {
    include: ["*/*.test.ts"],
    testTimeout: 60_000,
    isolate: false,
    fileParallelism: false,
  };
  const config = { resolve, ssr: { resolve }, test: options };
  writeFileSync(join(directory, "vitest.config.ts"), `export default ${JSON.stringify(config)};\n`);
  const { code, output } = await run(bin("vitest"), ["run", "--root", directory], directory);
  expect(code, output).toBe(0);
  for (const { file } of tests) expect(output).toContain(file);
});
