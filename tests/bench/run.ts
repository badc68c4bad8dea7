import { writeFileSync } from "node:fs";
import { measureBulkResume } from "./bulk-resume.ts";
import { measureClaims } from "./claims.ts";
import { measureDashboard } from "./dashboard.ts";
import { withDatabaseServer } from "./database.ts";
import { measureFanOut, measureOfficialFanOut } from "./fan-out.ts";
import { measureInvoke } from "./invoke.ts";
import { measureLists } from "./lists.ts";
import { measureHistory } from "./long-history.ts";
import { measureLongRuns } from "./long-runs.ts";
import { measureMessages } from "./messages.ts";
import { measureNotify } from "./notify.ts";
import {
  type BenchName,
  type BenchOptions,
  RUN_BENCH_NAMES,
  type RunBenchName,
  STEP_BENCH_NAMES,
  type StepBenchName,
} from "./options.ts";
import { type Fact, type Measurement, printFacts, printStartUp, printTable } from "./report.ts";
import { measureRetention } from "./retention.ts";
import { measureStartUp } from "./start-up.ts";
import { measureSteps } from "./steps.ts";
import { measureStores } from "./stores.ts";
import { isTemporaryDirectoryInMemory } from "./temporary-directory.ts";

/** Measures what the options name, prints it and writes it to a file. */
export async function runBench(options: BenchOptions): Promise<void> {
  if (options.store === "postgres") await withDatabaseServer(() => measureAll(options));
  else await measureAll(options);
}

async function measureAll(options: BenchOptions): Promise<void> {
  if (isTemporaryDirectoryInMemory()) {
    console.log("The temporary directory is in memory: durable writes cost nothing here.");
  }
  if (options.profileDir === null) printStartUp(await measureStartUp());
  const measurements: Measurement[] = [];
  const facts: Fact[] = [];
  const stepNames = options.names.filter(isStepBench);
  if (stepNames.length > 0) measurements.push(...(await measureSteps(stepNames, options)));
  for (const name of options.names) {
    if (isStepBench(name)) continue;
    if (isRunBench(name)) facts.push(...(await measureRuns(name, options)));
    else facts.push(...(await measureMessages(name, options)));
  }
  if (measurements.length > 0) printTable(measurements);
  printFacts(facts);
  if (options.jsonFile !== null) {
    const results = [...measurements.map(({ result }) => result), ...facts];
    writeFileSync(options.jsonFile, `${JSON.stringify(results, null, 2)}\n`);
  }
}

function isStepBench(name: BenchName): name is StepBenchName {
  return STEP_BENCH_NAMES.some((known) => known === name);
}

function isRunBench(name: BenchName): name is RunBenchName {
  return RUN_BENCH_NAMES.some((known) => known === name);
}

function measureRuns(name: RunBenchName, options: BenchOptions): Promise<readonly Fact[]> {
  switch (name) {
    case "steps.fanout":
      return measureFanOut(options.profileDir);
    case "steps.fanout.official":
      return measureOfficialFanOut(options.profileDir);
    case "steps.history":
      return measureHistory(options.steps, options.profileDir);
    case "steps.long":
      return measureLongRuns(options.profileDir);
    case "dlq.resume":
      return measureBulkResume(options.deadLetters, options.profileDir);
    case "events.notify":
      return measureNotify(options.profileDir);
    case "runs.invoke":
      return measureInvoke(options.seconds, options.profileDir);
    case "messages.claim":
      return measureClaims(options.pending);
    case "retention":
      return measureRetention(options.rows);
    case "lists":
      return measureLists(options.runs);
    case "dashboard":
      return measureDashboard(options.runs);
    case "stores":
      return measureStores(options);
  }
}
