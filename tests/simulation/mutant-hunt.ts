import { type Mutant, mutants } from "./mutants.ts";
import { mutate } from "./plant.ts";
import { playSeeds, type SeedResult } from "./pool.ts";

const SEEDS_MAX = 300;

/** Plants each bug in turn: the checker that is made for it has to see it, all alone. */
export async function huntMutants(counts: { passed: number; failed: number }): Promise<void> {
  for (const mutant of mutants) {
    const startedAt = Date.now();
    const fault = await hunt(mutant).catch((error: unknown) => String(error));
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    if (typeof fault === "string") {
      counts.failed += 1;
      console.log(`mutant ${mutant.name} was NOT caught (${seconds} s): ${fault}`);
    } else {
      counts.passed += 1;
      const { seed, violation } = fault;
      console.log(
        `mutant ${mutant.name} was caught by "${mutant.checker}", seed ${seed} (${seconds} s): ${violation?.message.slice(0, 100)}`,
      );
    }
  }
}

/** The seed that caught the mutant, or why none did. */
async function hunt(mutant: Mutant): Promise<SeedResult | string> {
  mutate(mutant);
  const caught: SeedResult[] = [];
  const others = new Map<string, number>();
  let seed = 0;
  await playSeeds({
    mutant: mutant.name,
    isTwice: false,
    nextSeed: () => {
      if (caught.length > 0 || seed >= SEEDS_MAX) return null;
      seed += 1;
      return seed;
    },
    onResult: (result) => {
      const checker = result.violation?.checker;
      if (checker === mutant.checker) caught.push(result);
      else if (checker !== undefined) others.set(checker, (others.get(checker) ?? 0) + 1);
    },
  });
  const [first] = caught;
  if (first !== undefined) return first;
  const heard = Array.from(others, ([name, count]) => `"${name}" cried ${count} times`);
  return `"${mutant.checker}" was silent in ${seed} seeds; ${heard.join(", ") || "nobody cried"}`;
}
