import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutants.ts";

/** Modules of the product as a mutant leaves them, by their URLs. */
type Edited = ReadonlyMap<string, string>;

/** @throws Error when a text is not there exactly once: the mutant is then out of date and would prove nothing. */
function applyEdits(mutant: Mutant, read: (url: string) => string): Edited {
  const edited = new Map<string, string>();
  for (const { package: from = "@reprise/server", module, find, replace } of mutant.edits) {
    const url = new URL(`./${module}`, import.meta.resolve(from)).href;
    const source = edited.get(url) ?? read(url);
    const count = source.split(find).length - 1;
    if (count !== 1) {
      throw new Error(`mutant ${mutant.name}: ${module} has its text ${count} times: ${find}`);
    }
    edited.set(
      url,
      source.replace(find, () => replace),
    );
  }
  return edited;
}

function readModule(url: string): string {
  return readFileSync(fileURLToPath(url), "utf8");
}

/** What is wrong with mutants whose code has moved; nothing when each could be planted. */
export function findStale(mutants: readonly Mutant[]): readonly string[] {
  const known = new Map<string, string>();
  const read = (url: string) => {
    const source = known.get(url) ?? readModule(url);
    known.set(url, source);
    return source;
  };
  return mutants.flatMap((mutant) => {
    try {
      applyEdits(mutant, read);
      return [];
    } catch (error) {
      return [error instanceof Error ? error.message : String(error)];
    }
  });
}

/** Plants a bug: modules of the product that are loaded from here on get the mutant's edits. The product knows nothing of it. */
export function plant(mutant: Mutant): void {
  const edited = applyEdits(mutant, readModule);
  registerHooks({
    load: (url, context, nextLoad) => {
      const source = edited.get(url);
      return source === undefined
        ? nextLoad(url, context)
        : { format: "module", source, shortCircuit: true };
    },
  });
}
