import { playSeeds, type SeedResult } from "./pool.ts";
import type { Suite } from "./suite.ts";

const SEEDS_MAX = 400;

/** Plants each bug in turn. It counts as caught when the checker that is meant for it is the one that cries. */
export async function huntMutants(
  suite: Suite,
  counts: { passed: number; failed: number },
  only: string | null,
): Promise<void> {
  for (const mutant of suite.mutants) {
    if (only !== null && only !== mutant.name) continue;
    const startedAt = Date.now();
    const caught: SeedResult[] = [];
    const others = new Map<string, number>();
    const { from = 1, sdk = "official", nodes = 1 } = mutant;
    let seed = from - 1;
    await playSeeds({
      kind: suite.kind,
      mutant: mutant.name,
      isTwice: false,
      nextSeed: () => {
        if (caught.length > 0 || seed >= from - 1 + SEEDS_MAX) return null;
        seed += 1;
        return { seed, sdk, nodes };
      },
      onResult: (result) => {
        const checker = result.violation?.checker;
        if (checker === mutant.checker) caught.push(result);
        else if (checker !== undefined) others.set(checker, (others.get(checker) ?? 0) + 1);
      },
    });
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
    const [first] = caught;
    if (first === undefined) {
      counts.failed += 1;
      const heard = Array.from(others, ([name, count]) => `${name} ${count} times`).join(", ");
      console.log(
        `mutant ${mutant.name} was not caught by "${mutant.checker}" in ${seed - from + 1} seeds; ${heard || "nobody cried"}`,
      );
    } else {
      counts.passed += 1;
      console.log(
        `mutant ${mutant.name} caught by "${mutant.checker}" with seed ${first.seed} (${seconds} s): ${first.violation?.message.slice(0, 120)}`,
      );
    }
  }
}
