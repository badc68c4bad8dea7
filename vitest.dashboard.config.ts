import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** The dashboard in a real Chromium. Two files at a time: a browser and its server need a core. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["tests/dashboard/*.test.ts"],
    exclude: ["**/node_modules/**", "**/dist/**"],
    globalSetup: ["tests/dashboard/global-setup.ts"],
    maxWorkers: 2,
    // Longer than a few things that are waited for one after the other, each as long as `expect.poll` waits: the one that never comes tells.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
