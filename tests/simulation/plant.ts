import { registerHooks } from "node:module";
import type { Mutant } from "./mutants.ts";

/**
 * Plants a bug: every module that is loaded from here on and whose path ends with the mutant's gets its text replaced. The
 * product itself knows nothing of it.
 * @throws Error when the text is not there exactly once: then the mutant is out of date and would prove nothing.
 */
export function plant(mutant: Mutant): void {
  registerHooks({
    load: (url, context, nextLoad) => {
      const loaded = nextLoad(url, context);
      if (!url.endsWith(`/packages/server/dist/${mutant.module}`)) return loaded;
      const source = toText(loaded.source);
      return { ...loaded, source: mutate(source, mutant), shortCircuit: true };
    },
  });
}

export function mutate(source: string, { name, module, find, replace }: Mutant): string {
  const count = source.split(find).length - 1;
  if (count !== 1) {
    throw new Error(
      `mutant ${name}: its text is ${count} times in ${module}; expected once: ${find}`,
    );
  }
  return source.replace(find, () => replace);
}

function toText(source: unknown): string {
  if (typeof source === "string") return source;
  if (source instanceof Uint8Array) return new TextDecoder().decode(source);
  throw new Error("a module without a text cannot be mutated");
}
