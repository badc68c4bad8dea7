import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutants.ts";

/**
 * Plants a bug: modules of the product that are loaded from here on get the mutant's edits. The product knows nothing of it.
 * @throws Error when a text is not there exactly once: the mutant is then out of date and would prove nothing.
 */
export function plant(mutant: Mutant): void {
  const edited = new Map<string, string>();
  for (const { package: from = "@reprise/server", module, find, replace } of mutant.edits) {
    const url = new URL(`./${module}`, import.meta.resolve(from)).href;
    const source = edited.get(url) ?? readFileSync(fileURLToPath(url), "utf8");
    const count = source.split(find).length - 1;
    if (count !== 1) {
      throw new Error(`mutant ${mutant.name}: ${module} has its text ${count} times: ${find}`);
    }
    edited.set(
      url,
      source.replace(find, () => replace),
    );
  }
  registerHooks({
    load: (url, context, nextLoad) => {
      const source = edited.get(url);
      return source === undefined
        ? nextLoad(url, context)
        : { format: "module", source, shortCircuit: true };
    },
  });
}
