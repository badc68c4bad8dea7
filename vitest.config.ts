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
    exclude: ["**/node_modules/**", "**/dist/**"],
    restoreMocks: true,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
