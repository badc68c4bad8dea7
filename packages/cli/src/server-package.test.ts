import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadServer } from "./server-package.ts";

test("the server is loaded when a command asks for it, and by no import", async () => {
  const files = globSync("*.ts", { cwd: import.meta.dirname }).filter(
    (file) => !file.includes(".test."),
  );
  const importing = files.filter((file) => {
    const text = readFileSync(join(import.meta.dirname, file), "utf8");
    return /^(?:import (?!type )[^;]*|\} )from "@reprise\/server"/m.test(text);
  });
  expect(files).toContain("server-commands.ts");
  expect(importing).toEqual([]);
  expect(await loadServer()).toHaveProperty("startServer");
});
