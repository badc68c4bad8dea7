import type { AppKind } from "./app-child.ts";
import { databaseCpuUs } from "./database.ts";
import { MeasuredProcess, type Usage } from "./measured-process.ts";
import type { BenchOptions, StepBenchName } from "./options.ts";
import { percentilesOf } from "./percentiles.ts";
import type { Measurement } from "./report.ts";
import { type Stage, startApp, withMeasuredServers } from "./stage.ts";
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
  databaseCpuUs: number;
  appCpuUs: number;
  serverActiveMs: number;
  appActiveMs: number;
  readonly latenciesMs: number[];
}

/** One server with its app, or several on one database. */
type Row = readonly Stage[];

/** Measures rows of steps side by side: each has a server and an app of its own, and they take turns. */
export async function measureSteps(
  names: readonly StepBenchName[],
  options: BenchOptions,
): Promise<readonly Measurement[]> {
  const bareServer = await MeasuredProcess.start(["--serve-bare"]);
  const appOptions = { stepsPerRun: STEPS_PER_RUN, profileDir: null };
  const bareApp = await startApp(bareServer, { kind: "raw", ...appOptions });
  const bare: Row = [{ server: bareServer, app: bareApp }];
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
  readonly stages: ReadonlyMap<StepBenchName, Row>;
}

/** Opens the stages one after the other, and closes them behind `work`. */
async function withStages<R>(
  [name, ...rest]: readonly StepBenchName[],
  { options, stages }: Stages,
  work: (stages: ReadonlyMap<StepBenchName, Row>) => Promise<R>,
): Promise<R> {
  if (name === undefined) return work(stages);
  const { profileDir, nodes: count } = options;
  const open = async (servers: readonly MeasuredProcess[]) => {
    const kind = KINDS[name];
    const row: Stage[] = [];
    try {
      for (const server of servers) {
        const app = await startApp(server, { kind, stepsPerRun: STEPS_PER_RUN, profileDir });
        row.push({ server, app });
      }
      return await withStages(rest, { options, stages: new Map([...stages, [name, row]]) }, work);
    } finally {
      await close(row);
    }
  };
  return withMeasuredServers({ profileDir, name: `server-${KINDS[name]}`, count }, open);
}

async function close(row: Row): Promise<void> {
  for (const { server } of row) await server.stop();
  for (const { app } of row) await app.stop();
}

async function measureAll(
  { bare, stages }: { readonly bare: Row; readonly stages: ReadonlyMap<StepBenchName, Row> },
  options: BenchOptions,
): Promise<readonly Measurement[]> {
  const most = Math.max(...options.concurrencies);
  for (const { app } of [...bare, ...[...stages.values()].flat()]) {
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
      await measureRow(bare, { concurrency, ms }, ceiling);
      for (const [name, row] of stages) {
        await measureRow(row, { concurrency, ms }, tallies.get(name) ?? newTally());
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
    databaseCpuUs: 0,
    appCpuUs: 0,
    serverActiveMs: 0,
    appActiveMs: 0,
    latenciesMs: [],
  };
}

interface Load {
  readonly concurrency: number;
  readonly ms: number;
}

/** All servers of a row at once: their work adds up, in the time of one. */
async function measureRow(row: Row, { concurrency, ms }: Load, tally: Tally): Promise<void> {
  const share = Math.max(1, Math.round(concurrency / row.length));
  for (const { app } of row) {
    await app.ask({ type: "load", concurrency: share, settleMs: SETTLE_MS }, "done");
  }
  const before = databaseCpuUs();
  const seconds = await Promise.all(row.map((stage) => measureOne(stage, ms, tally)));
  tally.databaseCpuUs += databaseCpuUs() - before;
  tally.seconds += Math.max(...seconds);
  for (const { app } of row) await app.ask({ type: "rest" }, "done");
}

/** Gives the seconds that it took. */
async function measureOne({ server, app }: Stage, ms: number, tally: Tally): Promise<number> {
  const [serverBefore, appBefore] = [await server.usage(), await app.usage()];
  const sample = await app.ask({ type: "record", ms }, "sample");
  const [serverAfter, appAfter] = [await server.usage(), await app.usage()];
  const cpuUs = (before: Usage, after: Usage) => after.cpuUs - before.cpuUs;
  const activeMs = (before: Usage, after: Usage) => after.activeMs - before.activeMs;
  tally.steps += sample.steps;
  tally.serverCpuUs += cpuUs(serverBefore, serverAfter);
  tally.appCpuUs += cpuUs(appBefore, appAfter);
  tally.serverActiveMs += activeMs(serverBefore, serverAfter);
  tally.appActiveMs += activeMs(appBefore, appAfter);
  for (const latencyMs of sample.latenciesMs) tally.latenciesMs.push(latencyMs);
  return sample.seconds;
}

interface Measured {
  readonly name: StepBenchName;
  readonly concurrency: number;
  readonly tally: Tally;
  readonly ceiling: Tally;
  readonly official: Tally | null;
}

function toMeasurement({ name, concurrency, tally, ceiling, official }: Measured): Measurement {
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
    databaseCpuUsPerOp: tally.databaseCpuUs / steps,
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
