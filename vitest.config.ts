import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

/**
 * Tests run from the sources: workspace packages resolve through their `source` export, so no build is needed. `module` is for
 * bundlers: Node cannot load what some packages have there.
 */
const conditions = ["source", "node", "development|production"];

/** `npm run platforms` runs its own tests alone: they need what it has installed. */
const include =
  process.env.REPRISE_PLATFORMS === undefined
    ? ["packages/*/src/**/*.test.ts", "tests/**/*.test.ts"]
    : ["tests/platforms/*.platform.ts"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include,
    exclude: ["**/node_modules/**", "**/dist/**", "tests/dashboard/**"],
    restoreMocks: true,
    // Tests wait for one another's servers more than they compute; by default Vitest leaves a core to itself.
    maxWorkers: availableParallelism() + 1,
    // Only what never ends takes so long: a machine with other work takes many times as long as one without.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
