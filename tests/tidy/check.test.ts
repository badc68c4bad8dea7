// Each rule finds the violation planted for it, and finds nothing in a tidy file.

import { describe, expect, test } from "vitest";
import { checkFile } from "./check.ts";
import {
  checkErrorPage,
  checkLinks,
  checkLockFile,
  checkManifest,
  readErrorCodes,
} from "./repository-rules.ts";

const core = "packages/server/src/core/message.ts";
const engine = "packages/server/src/engine/engine.ts";
const page = "packages/dashboard/src/pages/run/page.tsx";
const part = "packages/dashboard/src/parts/facts.tsx";
const lines = (count: number): string => "// a line\n".repeat(count);
const longFunction = `export function long(): void {\n${"  work();\n".repeat(70)}}\n`;
const machinePath = ["", "home", "someone", "reprise"].join("/");
const registry = ["https://registry", "example", "com/"].join(".");

function rulesBrokenBy(path: string, text: string): readonly string[] {
  return [...new Set(checkFile(path, text).map((violation) => violation.rule))];
}

interface Plant {
  readonly rule: string;
  readonly path: string;
  readonly text: string;
}

const plants: readonly Plant[] = [
  { rule: "floor", path: core, text: 'import { a } from "../host/host.ts";' },
  { rule: "floor", path: core, text: 'import type { A } from "../store/store.ts";' },
  { rule: "floor", path: engine, text: 'export { a } from "../api/app.ts"; run();' },
  { rule: "floor", path: engine, text: 'const main = await import("../main.ts");' },
  { rule: "floor", path: engine, text: 'type Main = import("../main.ts").Main;' },
  { rule: "floor", path: "packages/server/src/cellar/wine.ts", text: "run();" },
  { rule: "core-import", path: core, text: 'import { readFileSync } from "node:fs";' },
  { rule: "core-import", path: core, text: 'import { z } from "zod";' },
  { rule: "package-import", path: engine, text: 'import { a } from "@reprise/cli";' },
  { rule: "sdk-import", path: "packages/sdk/src/serve.ts", text: 'import { a } from "hono";' },
  {
    rule: "package-import",
    path: "packages/protocol/src/ids.ts",
    text: 'import { Buffer } from "node:buffer";',
  },
  {
    rule: "package-import",
    path: "packages/protocol/src/ids.test.ts",
    text: 'import { a } from "@reprise/server";',
  },
  { rule: "import-extension", path: engine, text: 'import { a } from "./lease";' },
  { rule: "import-extension", path: engine, text: 'import { a } from "./lease.js";' },
  { rule: "import-extension", path: "scripts/run.mjs", text: 'import { a } from "./setup";' },
  {
    rule: "import-home",
    path: "tests/crash/main.ts",
    text: 'import { a } from "../../packages/server/src/main.ts";',
  },
  { rule: "core", path: core, text: "export async function a(): Wish { return 1; }" },
  { rule: "core", path: core, text: "export const a = async () => 1;" },
  { rule: "core", path: core, text: "const a = await b;" },
  { rule: "core", path: core, text: "for await (const a of b) c(a);" },
  { rule: "core", path: core, text: "const now = Date.now();" },
  { rule: "core", path: core, text: "const day = new Date(0);" },
  { rule: "core", path: core, text: "const chance = Math.random();" },
  { rule: "core", path: core, text: "setTimeout(run, 1);" },
  { rule: "core", path: core, text: "export type A = Promise<string>;" },
  { rule: "core", path: core, text: "Promise.resolve();" },
  { rule: "door", path: engine, text: "const now = Date.now();" },
  { rule: "door", path: engine, text: "const now = new Date();" },
  { rule: "door", path: engine, text: "const now = Date();" },
  { rule: "door", path: engine, text: "const timer = setTimeout(run, 1);" },
  { rule: "door", path: engine, text: "const timer = globalThis.setInterval(run, 1);" },
  { rule: "door", path: engine, text: "const chance = Math.random();" },
  { rule: "door", path: engine, text: "const id = crypto.randomUUID();" },
  { rule: "door", path: engine, text: 'import { randomBytes } from "node:crypto";' },
  { rule: "door", path: engine, text: 'import { setTimeout } from "node:timers/promises";' },
  { rule: "door", path: engine, text: 'import { Pool } from "undici";' },
  { rule: "door", path: engine, text: "const answer = fetch(url);" },
  { rule: "file-size", path: engine, text: lines(401) },
  { rule: "function-size", path: engine, text: longFunction },
  { rule: "parameters", path: engine, text: "export const f = (a, b, c, d, e) => a;" },
  { rule: "parameters", path: engine, text: "interface A { f(a, b, c, d, e): void }" },
  { rule: "file-size", path: page, text: lines(401) },
  { rule: "function-size", path: page, text: longFunction },
  { rule: "any", path: engine, text: "export const a: any = 1;" },
  { rule: "any", path: engine, text: "export const a = new Map<string, any>();" },
  { rule: "cast", path: engine, text: "export const a = b as string;" },
  { rule: "cast", path: engine, text: "// Two lines above.\n\nexport const a = b as string;" },
  { rule: "cast", path: engine, text: "export const a = <string>b;" },
  { rule: "cast", path: page, text: "export const Page = () => <p>{b as string}</p>;" },
  { rule: "default-export", path: page, text: "export default function Page() {}" },
  { rule: "default-export", path: "examples/nextjs/app/desk.tsx", text: "export default Desk;" },
  { rule: "default-export", path: engine, text: "export default function run() {}" },
  { rule: "default-export", path: engine, text: "export { a as default };" },
  { rule: "barrel", path: engine, text: 'export { a } from "./lease.ts";' },
  { rule: "barrel", path: engine, text: 'export * from "./lease.ts"; run();' },
  { rule: "package-import", path: page, text: 'import { a } from "@reprise/server";' },
  { rule: "import-extension", path: page, text: 'import { a } from "./track";' },
  { rule: "import-extension", path: engine, text: 'import { a } from "./lease.tsx";' },
  { rule: "import-home", path: page, text: 'import "../../../../protocol/src/ids.ts";' },
  { rule: "page-import", path: page, text: 'import { a } from "../runs/columns.tsx";' },
  { rule: "page-import", path: page, text: 'type A = import("../runs/cancel.ts").A;' },
  { rule: "page-import", path: part, text: 'const a = await import("../pages/run/page.tsx");' },
  { rule: "page-import", path: part, text: 'import { a } from "../pages/run/page.tsx";' },
  { rule: "markup", path: page, text: "element.innerHTML = text;" },
  { rule: "markup", path: page, text: "Object.assign(element, { outerHTML: text });" },
  { rule: "markup", path: page, text: 'element["innerHTML"] = text;' },
  { rule: "markup", path: page, text: "element[`innerHTML`] = text;" },
  { rule: "markup", path: page, text: 'element.insertAdjacentHTML("beforeend", text);' },
  { rule: "markup", path: page, text: "export const A = () => <p dangerouslySetInnerHTML={b} />;" },
  {
    rule: "markup",
    path: page,
    text: "export const A = () => <p {...{ dangerouslySetInnerHTML }} />;",
  },
  { rule: "markup", path: page, text: "document.write(text);" },
  { rule: "markup", path: page, text: "window.document.writeln(text);" },
  { rule: "markup", path: page, text: "eval(text);" },
  { rule: "markup", path: page, text: "window.eval(text);" },
  { rule: "markup", path: page, text: "new Function(text)();" },
  { rule: "markup", path: page, text: "Function(text)();" },
  { rule: "markup", path: page, text: 'setTimeout("run()", 1);' },
  { rule: "reminder", path: engine, text: "// TODO: later\nrun();" },
  { rule: "reminder", path: engine, text: "/*\n * FIXME soon\n */\nrun();" },
  { rule: "focus", path: "tests/a.test.ts", text: 'test.only("a", run);' },
  { rule: "focus", path: "tests/a.test.ts", text: 'describe.skip("a", run);' },
  { rule: "focus", path: "tests/a.test.ts", text: 'it.concurrent.todo("a");' },
  { rule: "vague-name", path: "packages/server/src/engine/string-utils.ts", text: "run();" },
  { rule: "vague-name", path: "packages/server/src/api/services/run.ts", text: "run();" },
  { rule: "file-name", path: "packages/server/src/engine/GroupCommit.ts", text: "run();" },
  { rule: "file-name", path: "packages/server/src/engine/group_commit.ts", text: "run();" },
  { rule: "machine-path", path: "docs/guide.md", text: `Go to ${machinePath}.` },
  { rule: "machine-path", path: engine, text: `run("${machinePath}");` },
  { rule: "registry-host", path: "docs/guide.md", text: `Ask ${registry}.` },
];

describe("a planted violation is found", () => {
  test.each(plants)("$rule in $path: $text", ({ rule, path, text }) => {
    expect(rulesBrokenBy(path, text)).toContain(rule);
  });
});

const tidy: readonly Omit<Plant, "rule">[] = [
  { path: core, text: 'import { a } from "./run.ts";\nimport { b } from "@reprise/protocol";' },
  { path: core, text: "export const later = (now: number): number => now + 1;" },
  { path: engine, text: 'import { a } from "../core/run.ts";\nimport { b } from "./lease.ts";' },
  { path: engine, text: 'import { createHash } from "node:crypto";' },
  { path: engine, text: 'import type { Dispatcher } from "undici";' },
  { path: engine, text: "const at = host.now(); const text = new Date(at).toISOString();" },
  { path: engine, text: "host.setTimeout(run, 1); host.fetch(url);" },
  { path: engine, text: lines(400) },
  { path: engine, text: "export const f = (a, b, c, d) => a;" },
  { path: engine, text: "// The row was written by this class.\nexport const a = b as string;" },
  { path: engine, text: "export const a = b as string; // JSON keys are strings." },
  { path: engine, text: 'export const a = ["b"] as const;' },
  { path: engine, text: "// TODO(#12): later\nrun();" },
  { path: "packages/server/src/host/system-host.ts", text: "Date.now(); setTimeout(run, 1);" },
  { path: "packages/server/src/host/system-fetch.ts", text: "Date.now();" },
  { path: "packages/server/src/index.ts", text: 'export { start } from "./main.ts";' },
  { path: "packages/server/src/main.ts", text: 'import { app } from "./api/app.ts";' },
  { path: "packages/server/src/engine/engine.test.ts", text: `${longFunction}${lines(400)}` },
  { path: "packages/cli/src/main.ts", text: 'import { start } from "@reprise/server";' },
  { path: "vitest.config.ts", text: "export default {};" },
  { path: "examples/nextjs/app/page.tsx", text: "export default function Page() {}" },
  {
    path: page,
    text: 'import { a } from "../../parts/facts.tsx";\nimport { b } from "./track.tsx";',
  },
  { path: page, text: 'import "./page.css";\nimport icon from "./icon.svg";' },
  { path: "packages/dashboard/src/router.tsx", text: 'import("./pages/run/page.tsx");' },
  {
    path: part,
    text: "// Never innerHTML: React makes the elements.\nsetTimeout(() => run(), 1);",
  },
  { path: part, text: "export const write = (text: string) => file.write(text);" },
  { path: "docs/guide.md", text: "Open https://example.com/home/page and ~/work/x." },
];

describe("a tidy file is left in peace", () => {
  test.each(tidy)("$path: $text", ({ path, text }) => {
    expect(checkFile(path, text)).toEqual([]);
  });
});

test("a violation carries its line", () => {
  const [violation] = checkFile(engine, "run();\n\nexport const a: any = 1;\n");
  expect(violation).toMatchObject({ rule: "any", path: engine, line: 3 });
});

test("a file that does not parse is an error, not a tidy file", () => {
  expect(() => checkFile(engine, "export const = ;")).toThrow(/does not parse/);
});

test("a lock file without a platform or with an address is found", () => {
  const complete = {
    "": {},
    "packages/cli": {},
    "node_modules/@reprise/cli": { resolved: "packages/cli", link: true },
    "node_modules/a": { optionalDependencies: { "a-linux": "1.0.0" } },
    "node_modules/a-linux": {},
    "node_modules/b/node_modules/a": { optionalDependencies: { "a-linux": "1.0.0" } },
  };
  expect(checkLockFile({ packages: complete })).toEqual([]);
  const { "node_modules/a-linux": _removed, ...incomplete } = complete;
  expect(checkLockFile({ packages: incomplete }).map(({ rule }) => rule)).toEqual([
    "lock-platform",
    "lock-platform",
  ]);
  const addressed = { "node_modules/a": { resolved: "https://packages.example/a.tgz" } };
  expect(checkLockFile({ packages: addressed })).toMatchObject([{ rule: "lock-address" }]);
});

test("a version range in a manifest is found", () => {
  expect(checkManifest("package.json", { dependencies: { a: "1.2.3" } })).toEqual([]);
  expect(checkManifest("package.json", { dependencies: { a: "1.2.3-beta.4" } })).toEqual([]);
  const ranged = { dependencies: { a: "^1.2.3" }, devDependencies: { b: "latest" } };
  expect(checkManifest("package.json", ranged)).toHaveLength(2);
});

test("a link that leads nowhere is found", () => {
  const pages = new Map([
    ["docs/a.md", "# A page\n\n## `GET /x`, a *thing*\n\n```\n# no heading\n[no](link.md)\n```\n"],
    ["README.md", "[a](docs/a.md) [b](docs/a.md#get-x-a-thing) [c](https://a.test/b) `[d](e)`"],
  ]);
  const exists = (path: string) => pages.has(path);
  expect(checkLinks(pages, exists)).toEqual([]);
  const linked = "[a](#gone)\n[b](b.md) [c](../README.md#no-heading) [d](#no-heading) [e](#a-page)";
  pages.set("docs/a.md", `${pages.get("docs/a.md")}${linked}`);
  expect(checkLinks(pages, exists)).toMatchObject([
    { line: 9, message: "docs/a.md has no heading gone" },
    { line: 10, message: "there is no docs/b.md" },
    { line: 10, message: "README.md has no heading no-heading" },
    { line: 10, message: "docs/a.md has no heading no-heading" },
  ]);
});

test("an error code without a heading is found", () => {
  const codes = readErrorCodes('export type ErrorCode = "run_ended" | "not_found";');
  expect(codes).toEqual(["run_ended", "not_found"]);
  expect(checkErrorPage(codes, "# Errors\n\n## run_ended\n\n## `not_found`\n")).toEqual([]);
  expect(checkErrorPage(codes, "# Errors\n\n## run_ended\n")).toMatchObject([
    { rule: "error-page", message: "the code not_found has no heading" },
  ]);
});
