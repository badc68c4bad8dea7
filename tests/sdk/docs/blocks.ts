import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** TypeScript as the pages show it. */

export const repository = join(import.meta.dirname, "../../..");

export interface Block {
  readonly page: string;
  /** Line of the page on which the code begins, from 1. */
  readonly line: number;
  /** As its first line says (`// order.ts`), so that other blocks can import it; files of this kind named `*.test.ts` are run. */
  readonly file: string;
  readonly text: string;
}

const FENCE = /^```(?:ts|tsx|typescript)\n([\s\S]*?)^```$/gm;

export function blocksOf(page: string): readonly Block[] {
  const text = readFileSync(join(repository, "docs", page), "utf8");
  return [...text.matchAll(FENCE)].map(({ 1: code = "", index }, position) => {
    const line = text.slice(0, index).split("\n").length + 1;
    const named = /^\/\/ ([\w-]+(?:\.test)?\.ts)\n/.exec(code)?.[1];
    return { page, line, file: named ?? `block-${position + 1}.ts`, text: code };
  });
}

export interface Workshop extends Disposable {
  /** One directory for each page. */
  readonly directory: string;
}

/** Writes the blocks where packages are found as by an app. */
export function openWorkshop(blocks: readonly Block[]): Workshop {
  const directory = mkdtempSync(join(tmpdir(), "reprise-docs-"));
  symlinkSync(join(repository, "node_modules"), join(directory, "node_modules"));
  writeFileSync(join(directory, "package.json"), JSON.stringify({ type: "module" }));
  for (const { page, file, text } of blocks) {
    const home = join(directory, basename(page, ".md"));
    mkdirSync(home, { recursive: true });
    // Without an import it would be a script, whose names all scripts share.
    writeFileSync(join(home, file), `${text}\nexport {};\n`);
  }
  return {
    directory,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true }),
  };
}
