import type { WorkflowContext } from "@upstash/workflow";
import { MeasuredProcess } from "./measured-process.ts";
import { startOfficialEndpoint } from "./official-endpoint.ts";
import { type RawDelivery, type RawEndpoint, startRawEndpoint } from "./raw-endpoint.ts";
import type { Fact } from "./report.ts";
import { withMeasuredServer } from "./stage.ts";
import {
  countItems,
  lastRecord,
  newRunId,
  planRecords,
  recordsTemplate,
  resultRecord,
  STEP_RESULT,
  type Template,
  triggerTemplate,
} from "./wire.ts";

/** Steps of the two groups that are compared, and how many runs of each are measured: as many steps take about as long. */
const SMALL = { steps: 100, runs: 10 } as const;
const LARGE = { steps: 1_000, runs: 2 } as const;

type Size = typeof SMALL | typeof LARGE;

/** What runs of one group and nothing else cost. */
interface Sample {
  readonly runs: number;
  readonly steps: number;
  readonly seconds: number;
  /** Of all deliveries, as the app got them. */
  readonly bytes: number;
  readonly cpuUs: number;
}

/** An app that runs one parallel group for each run. */
interface FanOutApp {
  /** Runs a group from the trigger to its accepted end; gives the bytes that were delivered. */
  run(steps: number): Promise<number>;
  close(): Promise<void>;
}

/** Measures one run after the other with a parallel group of 100 and of 1,000 steps, in an app without SDK. */
export async function measureFanOut(profileDir: string | null): Promise<readonly Fact[]> {
  return withMeasuredServer(profileDir, async (server) => {
    const bareServer = await MeasuredProcess.start(["--serve-bare"]);
    try {
      const bare = await measureSizes(bareServer, startRawFanOut);
      return toFacts("steps.fanout", await measureSizes(server, startRawFanOut), bare);
    } finally {
      await bareServer.stop();
    }
  });
}

/** The same with the SDK in the app, which is then the limit: it reads the whole list with every delivery. */
export async function measureOfficialFanOut(profileDir: string | null): Promise<readonly Fact[]> {
  return withMeasuredServer(profileDir, async (server) => {
    return toFacts("steps.fanout.official", await measureSizes(server, startOfficialFanOut), null);
  });
}

function toFacts(name: string, real: Sizes, bare: Sizes | null): readonly Fact[] {
  return [
    ...sizeFacts(name, real.small, bare?.small ?? null),
    ...sizeFacts(name, real.large, bare?.large ?? null),
    ...ratioFacts(name, real, bare),
  ];
}

interface Sizes {
  readonly small: Sample;
  readonly large: Sample;
}

/** Half of the small groups before the large ones and half behind them: the speed of a machine drifts. */
async function measureSizes(
  server: MeasuredProcess,
  start: (server: MeasuredProcess) => Promise<FanOutApp>,
): Promise<Sizes> {
  const app = await start(server);
  try {
    await app.run(SMALL.steps);
    const half = { ...SMALL, runs: SMALL.runs / 2 };
    const before = await measureRuns(app, server, half);
    const large = await measureRuns(app, server, LARGE);
    const behind = await measureRuns(app, server, half);
    return { small: add(before, behind), large };
  } finally {
    await app.close();
  }
}

function add(one: Sample, other: Sample): Sample {
  return {
    runs: one.runs + other.runs,
    steps: one.steps,
    seconds: one.seconds + other.seconds,
    bytes: one.bytes + other.bytes,
    cpuUs: one.cpuUs + other.cpuUs,
  };
}

async function measureRuns(
  app: FanOutApp,
  server: MeasuredProcess,
  { steps, runs }: { readonly steps: Size["steps"]; readonly runs: number },
): Promise<Sample> {
  const before = await server.usage();
  const startedAt = performance.now();
  let bytes = 0;
  for (let run = 0; run < runs; run++) bytes += await app.run(steps);
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await server.usage();
  return { runs, steps, seconds, bytes, cpuUs: after.cpuUs - before.cpuUs };
}

function sizeFacts(name: string, real: Sample, bare: Sample | null): readonly Fact[] {
  const at = `group of ${real.steps}`;
  const fact = (of: string, unit: string, figure: (sample: Sample) => number): Fact => ({
    name,
    what: `${of}, ${at}`,
    value: figure(real),
    unit,
    ceiling: bare === null ? null : figure(bare),
  });
  return [
    fact("time of a run", "ms", ({ seconds, runs }) => (1000 * seconds) / runs),
    fact("time per step", "us", usPerStep),
    fact("server CPU per step", "us", cpuUsPerStep),
    fact("delivered", "KiB/step", (sample) => sample.bytes / stepsOf(sample) / 1024),
  ];
}

function ratioFacts(name: string, real: Sizes, bare: Sizes | null): readonly Fact[] {
  const fact = (of: string, figure: (sample: Sample) => number): Fact => ({
    name,
    what: `${of}, ${LARGE.steps} to ${SMALL.steps} steps`,
    value: figure(real.large) / figure(real.small),
    unit: "x",
    ceiling: bare === null ? null : figure(bare.large) / figure(bare.small),
  });
  return [fact("time per step", usPerStep), fact("server CPU per step", cpuUsPerStep)];
}

function stepsOf({ steps, runs }: Sample): number {
  return steps * runs;
}

function usPerStep(sample: Sample): number {
  return (1e6 * sample.seconds) / stepsOf(sample);
}

function cpuUsPerStep(sample: Sample): number {
  return sample.cpuUs / stepsOf(sample);
}

/** Resolves the runs that are waited for, once each. */
class Endings {
  readonly #waiting = new Map<string, { resolve: (bytes: number) => void; bytes: number }>();
  #reject: (error: unknown) => void = () => {};

  /** Bytes that were delivered until the end of the run. */
  of(runId: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#waiting.set(runId, { resolve, bytes: 0 });
    });
  }

  addBytes(runId: string, bytes: number): void {
    const run = this.#waiting.get(runId);
    if (run !== undefined) run.bytes += bytes;
  }

  end(runId: string): void {
    const run = this.#waiting.get(runId);
    if (run === undefined) {
      this.fail(new Error(`run ${runId} has joined twice`));
      return;
    }
    this.#waiting.delete(runId);
    run.resolve(run.bytes);
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}

async function startRawFanOut(server: MeasuredProcess): Promise<FanOutApp> {
  const endings = new Endings();
  const endpoint = await startRawEndpoint(server, {
    onDelivery: handle,
    onFault: (error) => endings.fail(error),
  });
  const groups = new Map([SMALL, LARGE].map(({ steps }) => [steps, new Group(endpoint, steps)]));
  const sizes = new Map<string, number>();

  async function handle(delivery: RawDelivery): Promise<null> {
    endings.addBytes(delivery.runId, delivery.bytes);
    const group = groupOf(sizes.get(delivery.runId) ?? 0);
    if (await group.handle(delivery, endpoint)) endings.end(delivery.runId);
    return null;
  }

  function groupOf(steps: number): Group {
    const group = groups.get(steps as Size["steps"]); // An unknown size finds nothing.
    if (group === undefined) throw new Error(`nobody runs groups of ${steps} steps`);
    return group;
  }

  return {
    run: async (steps) => {
      const runId = newRunId();
      sizes.set(runId, steps);
      const end = endings.of(runId);
      await endpoint.batch(groupOf(steps).trigger(runId));
      return end;
    },
    close: () => endpoint.close(),
  };
}

/** A workflow of one parallel group, as the SDK puts it on the wire. */
class Group {
  readonly #steps: number;
  readonly #plans: Template;
  readonly #results: readonly Template[];
  readonly trigger: Template;

  constructor({ url }: RawEndpoint, steps: number) {
    const appUrl = `${url}/workflow`;
    this.#steps = steps;
    this.#plans = recordsTemplate(appUrl, planRecords(steps));
    this.#results = Array.from({ length: steps }, (_, index) =>
      recordsTemplate(appUrl, [resultRecord(index + 1, steps)]),
    );
    this.trigger = triggerTemplate(appUrl);
  }

  /** True when this delivery was the join. */
  async handle({ runId, body }: RawDelivery, { batch, finish }: RawEndpoint): Promise<boolean> {
    const record = lastRecord(body);
    if (record === null) await batch(this.#plans(runId));
    const result = this.#results[(record?.targetStep ?? 0) - 1];
    if (result !== undefined) await batch(result(runId));
    // Behind the payload, a plan and a result for each step.
    const isJoin = countItems(body) === 1 + 2 * this.#steps;
    if (isJoin) await finish(runId);
    return isJoin;
  }
}

async function startOfficialFanOut(server: MeasuredProcess): Promise<FanOutApp> {
  const endings = new Endings();
  const joined = new Set<string>();
  const endpoint = await startOfficialEndpoint<number>(server, {
    route: async (context) => {
      const count = await runGroup(context);
      joined.add(context.workflowRunId);
      return count;
    },
    onDelivery: ({ runId, body }) => endings.addBytes(runId, body.byteLength),
    onAnswered: ({ runId }) => {
      if (joined.delete(runId)) endings.end(runId);
    },
    onFault: (error) => endings.fail(error),
  });
  return {
    run: async (steps) => {
      const runId = newRunId();
      const end = endings.of(runId);
      await endpoint.trigger(runId, steps);
      return end;
    },
    close: () => endpoint.close(),
  };
}

async function runGroup(context: WorkflowContext<number>): Promise<number> {
  const steps = Array.from({ length: context.requestPayload }, (_, index) =>
    context.run(`step-${index + 1}`, () => STEP_RESULT),
  );
  return (await Promise.all(steps)).length;
}
