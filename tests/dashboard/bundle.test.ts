// What a browser loads first, and what the sources may never do.

import { globSync, readFileSync } from "node:fs";
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

test("nothing writes markup into the document", () => {
  const sources = globSync("dashboard/src/**/*.{ts,tsx}", { cwd: root });
  expect(sources.length).toBeGreaterThan(100);
  const markup =
    /dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function\(/;
  const faulty = sources.filter((path) => markup.test(readFileSync(join(root, path), "utf8")));
  expect(faulty).toEqual([]);
});

test("the built page holds no script and no style of its own", () => {
  const html = readFileSync(join(built, "index.html"), "utf8");
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)/);
  expect(html).not.toMatch(/<style|\sstyle=|\son\w+=/);
});
