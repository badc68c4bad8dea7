import { writeFileSync } from "node:fs";
import { measureBulkResume } from "./bulk-resume.ts";
import { measureFanOut, measureOfficialFanOut } from "./fan-out.ts";
import { measureInvoke } from "./invoke.ts";
import { type App, Load } from "./load.ts";
import { measureHistory } from "./long-history.ts";
import { MeasuredProcess } from "./measured-process.ts";
import { measureMessages } from "./messages.ts";
import { measureNotify } from "./notify.ts";
import { startOfficialApp } from "./official-app.ts";
import {
  type BenchName,
  type BenchOptions,
  RUN_BENCH_NAMES,
  type RunBenchName,
  STEP_BENCH_NAMES,
  type StepBenchName,
} from "./options.ts";
import { startRawApp } from "./raw-app.ts";
import { type Fact, type Measurement, printFacts, printStartUp, printTable } from "./report.ts";
import { withMeasuredServer } from "./stage.ts";
import { measureStartUp } from "./start-up.ts";
import { isTemporaryDirectoryInMemory } from "./temporary-directory.ts";

/** Time that a load has been running before it is measured. */
const SETTLE_MS = 1_000;

/** Measures what the options name, prints it and writes it to a file. */
export async function runBench(options: BenchOptions): Promise<void> {
  if (isTemporaryDirectoryInMemory()) {
    console.log("The temporary directory is in memory: durable writes cost nothing here.");
  }
  if (options.profileDir === null) printStartUp(await measureStartUp());
  const measurements: Measurement[] = [];
  const facts: Fact[] = [];
  for (const name of options.names) {
    if (isStepBench(name)) measurements.push(...(await measure(name, options)));
    else if (isRunBench(name)) facts.push(...(await measureRuns(name, options)));
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
    case "dlq.resume":
      return measureBulkResume(options.deadLetters, options.profileDir);
    case "events.notify":
      return measureNotify(options.profileDir);
    case "runs.invoke":
      return measureInvoke(options.seconds, options.profileDir);
  }
}

/** A server with its app and the load that drives both. */
interface Stage {
  readonly server: MeasuredProcess;
  readonly app: App;
  readonly load: Load;
}

async function measure(
  name: StepBenchName,
  options: BenchOptions,
): Promise<readonly Measurement[]> {
  return withMeasuredServer(options.profileDir, async (server) => {
    const app = await startApp(name, server);
    const real: Stage = { server, app, load: new Load(app) };
    const bareServer = await MeasuredProcess.start(["--serve-bare"]);
    const bareApp = await startRawApp(bareServer);
    const bare: Stage = { server: bareServer, app: bareApp, load: new Load(bareApp) };
    try {
      return await measureAll(name, { real, bare }, options);
    } finally {
      await close(real);
      await close(bare);
    }
  });
}

function startApp(name: StepBenchName, server: MeasuredProcess): Promise<App> {
  switch (name) {
    case "steps.classic":
      return startRawApp(server);
    case "steps.official":
      return startOfficialApp(server);
  }
}

async function close({ server, app }: Stage): Promise<void> {
  await server.stop();
  await app.close();
}

/** Half of the ceiling is measured before what it is the ceiling of, half behind it: the speed of a machine drifts. */
async function measureAll(
  name: StepBenchName,
  { real, bare }: { readonly real: Stage; readonly bare: Stage },
  options: BenchOptions,
): Promise<readonly Measurement[]> {
  const most = Math.max(...options.concurrencies);
  for (const stage of [real, bare]) await runFor(stage, most, options.warmUpSeconds * 1000);
  const measurements: Measurement[] = [];
  for (const concurrency of options.concurrencies) {
    const before = await measureOne(bare, concurrency, options.seconds / 2);
    const one = await measureOne(real, concurrency, options.seconds);
    const behind = await measureOne(bare, concurrency, options.seconds / 2);
    const bareSteps = before.steps + behind.steps;
    const result = {
      name,
      concurrency,
      perSecond: one.steps / one.seconds,
      p50Ms: one.p50Ms,
      p99Ms: one.p99Ms,
      serverCpuUsPerOp: one.cpuUs / one.steps,
      ceilingPerSecond: bareSteps / (before.seconds + behind.seconds),
    };
    measurements.push({
      result,
      appUtilization: one.appUtilization,
      ceilingP50Ms: (before.p50Ms + behind.p50Ms) / 2,
      ceilingCpuUsPerOp: (before.cpuUs + behind.cpuUs) / bareSteps,
    });
  }
  return measurements;
}

async function runFor({ load }: Stage, concurrency: number, ms: number): Promise<void> {
  load.start(concurrency);
  await pause(ms);
  await load.stop();
}

async function measureOne({ server, load }: Stage, concurrency: number, seconds: number) {
  load.start(concurrency);
  await pause(SETTLE_MS);
  const before = await server.usage();
  const loopBefore = performance.eventLoopUtilization();
  const sample = await load.record(() => pause(seconds * 1000));
  const { utilization } = performance.eventLoopUtilization(loopBefore);
  const after = await server.usage();
  await load.stop();
  return { ...sample, cpuUs: after.cpuUs - before.cpuUs, appUtilization: utilization };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
