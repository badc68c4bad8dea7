import { globSync } from "node:fs";
import { defineConfig } from "vitest/config";
import type { SdkMode } from "./tests/conformance/sdk.ts";
import { isEssentialFile, isOwnFile, patternOf } from "./tests/conformance/sdk-modes.ts";
import base from "./vitest.config.ts";

/**
 * The tests that the official SDK passes, with ours in its place: nothing but the imports changes. `--mode` says how its results reach the
 * server: `classic`, `answered`, `warm`, `continued`, `connected`; with `-short` behind it only the files that matter most are run. What says
 * nothing about a mode is in the table of `tests/conformance/sdk-modes.ts`.
 */
export default defineConfig(({ mode }) => {
  const name = mode === "test" ? (process.env.REPRISE_SDK_MODE ?? "classic") : mode;
  // `tests/conformance/sdk.ts` refuses every other one.
  const sdkMode = name.replace(/-short$/, "") as SdkMode;
  const isChosen = name.endsWith("-short") ? isEssentialFile : isOwnFile;
  const files = globSync("tests/{conformance,failed-runs}/*.test.ts");
  return {
    ...base,
    resolve: {
      ...base.resolve,
      alias: [
        { find: /^@upstash\/workflow$/, replacement: "@reprise/sdk" },
        { find: /^@upstash\/workflow\/(.*)$/, replacement: "@reprise/sdk/$1" },
      ],
    },
    test: {
      ...base.test,
      include: files
        .map((path) => path.replaceAll("\\", "/"))
        .filter((path) => isChosen(`/${path}`)),
      testNamePattern: patternOf(sdkMode),
      // Their tests leave nothing behind, and loading everything anew for each file takes a third of the time.
      isolate: false,
      env: { REPRISE_SDK_MODE: sdkMode },
    },
  };
});
