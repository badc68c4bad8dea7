import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Mutant } from "./mutants.ts";

/**
 * The modules of the server as the mutant wants them, by URL.
 * @throws Error when a text is not there exactly once: the mutant is then out of date and would prove nothing.
 */
export function mutate(mutant: Mutant): ReadonlyMap<string, string> {
  const edited = new Map<string, string>();
  for (const { module, find, replace } of mutant.edits) {
    const url = new URL(`./${module}`, import.meta.resolve("@reprise/server")).href;
    const source = edited.get(url) ?? readFileSync(fileURLToPath(url), "utf8");
    const count = source.split(find).length - 1;
    if (count !== 1) {
      throw new Error(
        `mutant ${mutant.name} is out of date: ${module} has this text ${count} times instead of once: ${find}`,
      );
    }
    edited.set(
      url,
      source.replace(find, () => replace),
    );
  }
  return edited;
}

/** Plants a bug: what is loaded from here on has it. The product itself knows nothing of mutants. */
export function plant(mutant: Mutant): void {
  const edited = mutate(mutant);
  registerHooks({
    load: (url, context, nextLoad) => {
      const source = edited.get(url);
      return source === undefined
        ? nextLoad(url, context)
        : { format: "module", source, shortCircuit: true };
    },
  });
}
