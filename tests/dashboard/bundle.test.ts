// What a browser loads first.

import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../packages/", import.meta.url));
const built = join(root, "server", "dashboard");
const FIRST_LOAD_BYTES_MAX = 350 * 1024;

/** The file, and everything that it needs before it runs. */
function withImports(name: string, found = new Set<string>()): ReadonlySet<string> {
  if (found.has(name)) return found;
  found.add(name);
  if (!name.endsWith(".js")) return found;
  const text = readFileSync(join(built, "assets", name), "utf8");
  for (const [, other = ""] of text.matchAll(/(?:from|import)\s*["']\.\/([\w.-]+)["']/g)) {
    withImports(other, found);
  }
  return found;
}

test("the first load is small: the page, its styles, and the largest of its rooms", () => {
  const html = readFileSync(join(built, "index.html"), "utf8");
  const entries = [...html.matchAll(/\.\/assets\/([\w.-]+)/g)].map(([, name = ""]) => name);
  expect(entries.length).toBeGreaterThan(1);
  const first = new Set(entries.flatMap((name) => [...withImports(name)]));
  const sizeOf = (names: Iterable<string>) =>
    [...names].reduce(
      (sum, name) => sum + gzipSync(readFileSync(join(built, "assets", name))).length,
      0,
    );
  const rooms = globSync("page-*.js", { cwd: join(built, "assets") });
  expect(rooms.length).toBeGreaterThan(10);
  const added = rooms.map((name) =>
    sizeOf([...withImports(name)].filter((other) => !first.has(other))),
  );
  const bytes = sizeOf(first) + Math.max(...added);
  expect(bytes).toBeGreaterThan(50 * 1024);
  expect(bytes).toBeLessThan(FIRST_LOAD_BYTES_MAX);
});

test("the built page holds no script and no style of its own", () => {
  const html = readFileSync(join(built, "index.html"), "utf8");
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
});

test("nothing but what the page needs is shipped: no source, and no map of it", () => {
  const names = globSync("**/*.*", { cwd: built });
  expect(names.length).toBeGreaterThan(20);
  expect(names.filter((name) => !/\.(?:js|css|html|svg)$/.test(name))).toEqual([]);
  const isMapped = (name: string) =>
    readFileSync(join(built, name), "utf8").includes("sourceMappingURL");
  expect(names.filter(isMapped)).toEqual([]);
});

test("no link of the sources gives a window to another page, and none leads to an address that others have written", () => {
  const sources = globSync("dashboard/src/**/*.tsx", { cwd: root });
  const text = sources.map((path) => readFileSync(join(root, path), "utf8")).join("\n");
  const leaving = /window\.open|location\.(?:assign|replace|href\s*=)/g;
  expect([...text.matchAll(leaving)].map(([found]) => found)).toEqual([]);
  for (const [tag] of text.matchAll(/<\w+[^<]*?\starget=[^<]*?>/g))
    expect(tag).toContain("noopener");
  const given = [...text.matchAll(/\bhref=(?:"([^"]*)"|\{`([^`]*)`\})/g)];
  expect(given.length).toBeGreaterThan(10);
  for (const [all, plain = "", made = ""] of given) expect(plain + made, all).toMatch(/^#\//);
});

test("every test that the page about security names is there", () => {
  const page = readFileSync(join(root, "..", "docs", "dashboard-security.md"), "utf8");
  const named = new Set([...page.matchAll(/`([\w/.-]+\.test\.ts)`/g)].map(([, name = ""]) => name));
  expect(named.size).toBeGreaterThan(12);
  const short = [
    ["api/", "packages/server/src/api/"],
    ["page/", "packages/dashboard/src/"],
  ] as const;
  const missing = [...named].filter((name) => {
    const path = short.reduce(
      (text, [begin, whole]) => (text.startsWith(begin) ? whole + text.slice(begin.length) : text),
      name,
    );
    return !existsSync(join(root, "..", path));
  });
  expect(missing).toEqual([]);
});
