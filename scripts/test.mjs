// `npm test`: sets up, runs every stage and ends with the line `N passed, N failed`.
// `npm test -- <file or pattern>` runs only vitest, with these arguments; `npm run check` leaves the long stages out.
// `npm test -- --sdk` runs what the official SDK passes with ours, completely and in every mode.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { commandOf, root, runMain } from "./runtime.mjs";
import { setUp } from "./setup.mjs";
import { checkStage, countingStage, runStages, vitestStage } from "./stages.mjs";

const checks = () => [
  checkStage("biome", [commandOf("@biomejs/biome", "biome"), "ci", "--colors=off"]),
  checkStage("tsc", [commandOf("typescript", "tsc"), "-b"]),
  checkStage("knip", [commandOf("knip")]),
];

/** Programs that compute all the time, on every core, and await nobody; each is a stage as soon as its source is there. */
const simulations = [
  {
    source: "tests/simulation/main.ts",
    stage: countingStage("simulation", ["tests/dist/simulation/main.js", "--seeds", "1900"]),
  },
  {
    source: "tests/simulation/messages/world.ts",
    stage: countingStage("message simulation", [
      "tests/dist/simulation/main.js",
      "--messages",
      "--seeds",
      "1600",
    ]),
  },
];

/** Programs that mostly wait: for disks, for kills, for leases that run out. */
const campaigns = [
  {
    source: "tests/crash/main.ts",
    stage: countingStage("crash", ["tests/dist/crash/main.js", "--cycles", "20"]),
  },
  {
    source: "tests/crash/points/campaign.ts",
    stage: countingStage("crash points", ["tests/dist/crash/main.js", "--points", "--every", "25"]),
  },
  {
    source: "tests/cluster/main.ts",
    stage: countingStage("cluster", [
      "tests/dist/cluster/main.js",
      "--only",
      "faults",
      "--rounds",
      "4",
    ]),
  },
  {
    source: "examples/failed-run/start.mjs",
    stage: checkStage("example", ["examples/failed-run/start.mjs", "--once"]),
  },
];

/** What the official SDK passes, passed by ours; its results reach the server in one mode after the other. */
function sdkStages({ isShort }) {
  const fast = ["answered", "warm", "continued", "connected"];
  return ["classic", ...fast.map((mode) => (isShort ? `${mode}-short` : mode))].map((mode) =>
    vitestStage(`our SDK, ${mode}`, ["--config", "vitest.sdk.config.ts", "--mode", mode]),
  );
}

const isPresent = ({ source }) => existsSync(join(root, source));
const stagesOf = (programs) => programs.filter(isPresent).map(({ stage }) => stage);

/** Rounds of lanes of stages; see `runStages`. */
function chooseStages(args) {
  if (args[0] === "--sdk") return [[sdkStages({ isShort: false })]];
  if (args[0] === "--check") {
    const units = vitestStage("tidy and unit tests", ["packages/", "tests/tidy", ...args.slice(1)]);
    return [[[...checks(), units]]];
  }
  if (args.length > 0) return [[[vitestStage("tests", args)]]];
  return [
    [[vitestStage("tests", []), ...sdkStages({ isShort: true })]],
    [[vitestStage("dashboard", ["--config", "vitest.dashboard.config.ts"])]],
    [stagesOf(simulations)],
    // By themselves: kills that hit a server in the middle of its work are rare on a machine that has a lot to do.
    [stagesOf(campaigns)],
    [checks()],
  ];
}

await runMain(async () => {
  // A failed build does not end the run: vitest needs none, and the stage `tsc` counts the failure.
  const { nodePath } = await setUp();
  return runStages(nodePath, chooseStages(process.argv.slice(2)));
});
