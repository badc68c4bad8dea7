import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/**
 * The tests that the official SDK passes, with ours in its place: nothing but the imports changes. `REPRISE_SDK_MODE` says how its
 * results reach the server.
 */
export default defineConfig({
  ...base,
  resolve: {
    ...base.resolve,
    alias: [
      { find: /^@upstash\/workflow$/, replacement: "@reprise/sdk" },
      { find: /^@upstash\/workflow\/(.*)$/, replacement: "@reprise/sdk/$1" },
    ],
  },
  test: { ...base.test, include: ["tests/{conformance,failed-runs}/**/*.test.ts"] },
});
