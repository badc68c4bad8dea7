import type { AppKind } from "./app-child.ts";
import { MeasuredProcess, type Usage } from "./measured-process.ts";
import type { BenchOptions, StepBenchName } from "./options.ts";
import { percentilesOf } from "./percentiles.ts";
import type { Measurement } from "./report.ts";
import { type Stage, startApp, withMeasuredServer } from "./stage.ts";
import { STEPS_PER_RUN } from "./wire.ts";

/** Time that a load has been running before it is measured. */
const SETTLE_MS = 700;

const KINDS: Readonly<Record<StepBenchName, AppKind>> = {
  "steps.classic": "raw",
  "steps.official": "official",
  "steps.sdk.classic": "classic",
  "steps.answered": "answered",
  "steps.warm": "warm",
  "steps.continued": "continued",
  "steps.connected": "connected",
};

/** What has been measured of one row so far. */
interface Tally {
  steps: number;
  seconds: number;
  serverCpuUs: number;
  appCpuUs: number;
  serverActiveMs: number;
  appActiveMs: number;
  readonly latenciesMs: number[];
}

/** Measures rows of steps side by side: each has a server and an app of its own, and they take turns. */
export async function measureSteps(
  names: readonly StepBenchName[],
  options: BenchOptions,
): Promise<readonly Measurement[]> {
  const bareServer = await MeasuredProcess.start(["--serve-bare"]);
  const appOptions = { stepsPerRun: STEPS_PER_RUN, profileDir: null };
  const bareApp = await startApp(bareServer, { kind: "raw", ...appOptions });
  const bare: Stage = { server: bareServer, app: bareApp };
  try {
    return await withStages(names, { options, stages: new Map() }, (stages) =>
      measureAll({ bare, stages }, options),
    );
  } finally {
    await close(bare);
  }
}

interface Stages {
  readonly options: BenchOptions;
  readonly stages: ReadonlyMap<StepBenchName, Stage>;
}

/** Opens the stages one after the other, and closes them behind `work`. */
async function withStages<R>(
  [name, ...rest]: readonly StepBenchName[],
  { options, stages }: Stages,
  work: (stages: ReadonlyMap<StepBenchName, Stage>) => Promise<R>,
): Promise<R> {
  if (name === undefined) return work(stages);
  const { profileDir } = options;
  const open = async (server: MeasuredProcess) => {
    const kind = KINDS[name];
    const app = await startApp(server, { kind, stepsPerRun: STEPS_PER_RUN, profileDir });
    const stage: Stage = { server, app };
    try {
      return await withStages(rest, { options, stages: new Map([...stages, [name, stage]]) }, work);
    } finally {
      await close(stage);
    }
  };
  return withMeasuredServer(profileDir, open, `server-${KINDS[name]}`);
}

async function close({ server, app }: Stage): Promise<void> {
  await server.stop();
  await app.stop();
}

async function measureAll(
  { bare, stages }: { readonly bare: Stage; readonly stages: ReadonlyMap<StepBenchName, Stage> },
  options: BenchOptions,
): Promise<readonly Measurement[]> {
  const most = Math.max(...options.concurrencies);
  for (const { app } of [bare, ...stages.values()]) {
    await app.ask(
      { type: "load", concurrency: most, settleMs: 1000 * options.warmUpSeconds },
      "done",
    );
    await app.ask({ type: "rest" }, "done");
  }
  const measurements: Measurement[] = [];
  for (const concurrency of options.concurrencies) {
    const ceiling = newTally();
    const tallies = new Map([...stages.keys()].map((name) => [name, newTally()]));
    for (let round = 0; round < options.rounds; round++) {
      const ms = (1000 * options.seconds) / options.rounds;
      await measureOne(bare, { concurrency, ms }, ceiling);
      for (const [name, stage] of stages) {
        await measureOne(stage, { concurrency, ms }, tallies.get(name) ?? newTally());
      }
    }
    const official = tallies.get("steps.official") ?? null;
    for (const [name, tally] of tallies) {
      measurements.push(toMeasurement({ name, concurrency, tally, ceiling, official }));
    }
  }
  return measurements;
}

function newTally(): Tally {
  return {
    steps: 0,
    seconds: 0,
    serverCpuUs: 0,
    appCpuUs: 0,
    serverActiveMs: 0,
    appActiveMs: 0,
    latenciesMs: [],
  };
}

async function measureOne(
  { server, app }: Stage,
  { concurrency, ms }: { readonly concurrency: number; readonly ms: number },
  tally: Tally,
): Promise<void> {
  await app.ask({ type: "load", concurrency, settleMs: SETTLE_MS }, "done");
  const [serverBefore, appBefore] = [await server.usage(), await app.usage()];
  const sample = await app.ask({ type: "record", ms }, "sample");
  const [serverAfter, appAfter] = [await server.usage(), await app.usage()];
  await app.ask({ type: "rest" }, "done");
  const cpuUs = (before: Usage, after: Usage) => after.cpuUs - before.cpuUs;
  const activeMs = (before: Usage, after: Usage) => after.activeMs - before.activeMs;
  tally.steps += sample.steps;
  tally.seconds += sample.seconds;
  tally.serverCpuUs += cpuUs(serverBefore, serverAfter);
  tally.appCpuUs += cpuUs(appBefore, appAfter);
  tally.serverActiveMs += activeMs(serverBefore, serverAfter);
  tally.appActiveMs += activeMs(appBefore, appAfter);
  for (const latencyMs of sample.latenciesMs) tally.latenciesMs.push(latencyMs);
}

interface Row {
  readonly name: StepBenchName;
  readonly concurrency: number;
  readonly tally: Tally;
  readonly ceiling: Tally;
  readonly official: Tally | null;
}

function toMeasurement({ name, concurrency, tally, ceiling, official }: Row): Measurement {
  const { p50, p99 } = percentilesOf(tally.latenciesMs);
  const { steps, seconds } = tally;
  const perSecond = steps / seconds;
  const result = {
    name,
    concurrency,
    perSecond,
    timesOfficial: official === null ? null : (perSecond * official.seconds) / official.steps,
    p50Ms: p50,
    p99Ms: p99,
    serverCpuUsPerOp: tally.serverCpuUs / steps,
    appCpuUsPerOp: tally.appCpuUs / steps,
    ceilingPerSecond: ceiling.steps / ceiling.seconds,
  };
  return {
    result,
    serverUtilization: tally.serverActiveMs / (1000 * seconds),
    appUtilization: tally.appActiveMs / (1000 * seconds),
    ceilingP50Ms: percentilesOf(ceiling.latenciesMs).p50,
    ceilingCpuUsPerOp: ceiling.serverCpuUs / ceiling.steps,
  };
}
