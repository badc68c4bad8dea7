// `npm run sim`: plays seeds, finds what breaks a promise, and shows that planted bugs are found.

import { readFileSync } from "node:fs";
import { Marks } from "./marks.ts";
import { huntMutants } from "./mutant-hunt.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { findStale, plant } from "./plant.ts";
import { playSeeds, type SeedOrder, type SeedResult } from "./pool.ts";
import { readSdkOption, type SdkOption } from "./sdk-plan.ts";
import { findMutant, loadWorld, type Suite, suiteOf } from "./suite.ts";

const FAILURES_SHOWN = 3;
const FAILURES_MAX = 20;
const PROGRESS_MS = 10_000;
/** So many seeds reach every fault and every hard state. */
const SEEDS_THAT_REACH_ALL = 500;

interface Counts {
  passed: number;
  failed: number;
}

/** Of so many worlds one has several servers. */
const NODES_EVERY = 190;

/** A line is the number of a seed, and behind it the SDK of its world and the number of its servers. */
function readRegressionSeeds({ seedsFile }: Suite, nodes: number | null): readonly SeedOrder[] {
  // Compiled files lie in `dist`, beside which the text stays.
  const text = readFileSync(new URL(`../../simulation/${seedsFile}`, import.meta.url), "utf8");
  const lines = text.split("\n").map((line) => line.replace(/#.*/, "").trim());
  return lines
    .filter((line) => line !== "")
    .map((line) => {
      const [seed, sdk, own = 1] = line.split(/\s+/);
      return { seed: Number(seed), sdk: readSdkOption(sdk), nodes: nodes ?? Number(own) };
    });
}

/** Seeds in order, the ones that found bugs before first; null when enough were given out. */
function seedSource(options: Options): () => SeedOrder | null {
  const { kind, seeds, minutes, from, sdk, nodes } = options;
  const first = [...readRegressionSeeds(suiteOf(kind), nodes)];
  const endAt = minutes === null ? Number.POSITIVE_INFINITY : Date.now() + minutes * 60_000;
  const last = seeds === null ? Number.POSITIVE_INFINITY : from + seeds - 1;
  let next = from;
  return () => {
    const known = first.shift();
    if (known !== undefined) return known;
    if (next > last || Date.now() >= endAt) return null;
    const seed = next;
    next += 1;
    return { seed, sdk, nodes: nodes ?? nodesOf(seed) };
  };
}

function nodesOf(seed: number): number {
  if (seed % NODES_EVERY !== 0) return 1;
  return (seed / NODES_EVERY) % 2 === 0 ? 2 : 3;
}

async function playMany(options: Options, counts: Counts): Promise<void> {
  const startedAt = Date.now();
  let reportedAt = startedAt;
  const marks = new Marks();
  const source = seedSource(options);
  const rate = () =>
    `${(worlds / Math.max(0.001, (Date.now() - startedAt) / 1000)).toFixed(1)} worlds/s`;
  let worlds = 0;
  await playSeeds({
    kind: options.kind,
    mutant: options.mutant,
    isTwice: options.isTwice,
    nextSeed: () => (counts.failed >= FAILURES_MAX ? null : source()),
    onResult: (result) => {
      worlds += options.isTwice ? 2 : 1;
      marks.add(result.marks);
      if (result.violation === null) counts.passed += 1;
      else {
        counts.failed += 1;
        if (counts.failed <= FAILURES_SHOWN) printFailure(result, options);
      }
      if (Date.now() - reportedAt < PROGRESS_MS) return;
      reportedAt = Date.now();
      console.log(`${counts.passed} seeds passed, ${counts.failed} failed, ${rate()}`);
    },
  });
  console.log(`${counts.passed} seeds passed, ${counts.failed} failed, ${rate()}`);
  if (options.mutant === null) checkReach(marks, counts, options);
}

/** Seeds that never meet a fault prove nothing about it. */
function checkReach(marks: Marks, counts: Counts, { kind, sdk }: Options): void {
  const sorted = Object.entries(marks.toObject()).toSorted(([a], [b]) => (a < b ? -1 : 1));
  console.log(sorted.map(([name, count]) => `${name}: ${count}`).join(", "));
  if (counts.passed + counts.failed < SEEDS_THAT_REACH_ALL) return;
  const missing = suiteOf(kind).missingMarks(marks, sdk);
  if (missing.length === 0) counts.passed += 1;
  else {
    counts.failed += 1;
    console.log(`never reached: ${missing.join(", ")}`);
  }
}

function printFailure(result: SeedResult, { mutant, kind }: Options): void {
  const { seed, violation, report, sdk, nodes } = result;
  const extra =
    (mutant === null ? "" : ` --mutant ${mutant}`) +
    sdkFlag(sdk) +
    (nodes === 1 ? "" : ` --nodes ${nodes}`);
  console.log(`\nseed ${seed} violates "${violation?.checker}": ${violation?.message}`);
  console.log(`replay it with: npm run sim -- ${suiteOf(kind).flag}--seed ${seed}${extra}`);
  console.log(`${report.map((line) => `  ${line}`).join("\n")}\n`);
}

function sdkFlag(sdk: SdkOption): string {
  return sdk === "mixed" ? "" : ` --sdk ${sdk}`;
}

async function replay(
  seed: number,
  { kind, mutant, sdk, nodes }: Options,
  counts: Counts,
): Promise<void> {
  const planted = mutant === null ? null : findMutant(mutant, kind);
  if (planted !== null) plant(planted);
  const playSeed = await loadWorld(kind);
  const result = await playSeed(seed, {
    print: (line) => void process.stdout.write(`${line}\n`),
    sdk: planted?.sdk ?? sdk,
    nodes: nodes ?? planted?.nodes ?? 1,
    ...(planted === null ? {} : { checker: planted.checker }),
  });
  console.log(JSON.stringify(result.marks));
  console.log(`hash ${result.hash}, ${result.lines} lines`);
  if (result.violation === null) counts.passed += 1;
  else {
    counts.failed += 1;
    console.log(`seed ${seed} violates "${result.violation.checker}": ${result.violation.message}`);
  }
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const counts: Counts = { passed: 0, failed: 0 };
  // Code that has moved shows here, and not behind a hunt of many minutes.
  const stale = findStale(suiteOf(options.kind).mutants);
  for (const text of stale) console.log(text);
  counts.failed += stale.length;
  if (options.seed !== null) await replay(options.seed, options, counts);
  else {
    if (!options.isHuntingMutants) await playMany(options, counts);
    const isWhole = options.seeds !== null && options.seeds >= SEEDS_THAT_REACH_ALL;
    if (options.isHuntingMutants || (isWhole && options.mutant === null)) {
      await huntMutants(suiteOf(options.kind), counts, options.mutant);
    }
  }
  console.log(`RESULT passed=${counts.passed} failed=${counts.failed}`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

await main().catch((error: unknown) => {
  console.error(error instanceof Error ? `${error.message}\n${USAGE}` : error);
  if (error instanceof Error && error.cause !== undefined) console.error(error.cause);
  console.log("RESULT passed=0 failed=1");
  process.exitCode = 1;
});
