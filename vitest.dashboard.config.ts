import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** The dashboard in a real Chromium. One file after the other: a browser needs what two cores have. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["tests/dashboard/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    globalSetup: ["tests/dashboard/global-setup.ts"],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
