import { databaseCpuUs, withoutDatabaseServer } from "./database.ts";
import { MeasuredProcess } from "./measured-process.ts";
import type { BenchOptions } from "./options.ts";
import { percentilesOf } from "./percentiles.ts";
import { Publisher } from "./publisher.ts";
import type { Fact } from "./report.ts";
import { startApp, withMeasuredServers } from "./stage.ts";
import { STEPS_PER_RUN } from "./wire.ts";

/** The embedded database against PostgreSQL on the same machine, in turns: what else the machine does meets both. */

const EMBEDDED = "embedded";

const SETTLE_MS = 300;
const PUBLISHES_AT_ONCE = 100;
const BATCHES_AT_ONCE = 8;
const BATCH_SIZE = 100;
const LONG_DELAY = { "upstash-delay": "10d" } as const;

interface Node {
  readonly server: MeasuredProcess;
  readonly app: MeasuredProcess;
  readonly publisher: Publisher;
}

/** Servers on one database. */
interface Contender {
  readonly name: string;
  readonly nodes: readonly Node[];
  /** Operations a second, one figure a round. */
  readonly rates: number[];
  operations: number;
  serverCpuUs: number;
  databaseCpuUs: number;
}

interface Exercise {
  readonly what: string;
  /** One node's share of it; gives how much it did. */
  readonly run: (node: Node, seconds: number, share: number) => Promise<number>;
}

export async function measureStores(options: BenchOptions): Promise<readonly Fact[]> {
  if (options.store !== "postgres") throw new Error("stores needs --store postgres");
  const sink = await MeasuredProcess.start(["--serve-sink"]);
  try {
    return await withContender("PostgreSQL", 1, sink, async (one) => {
      // Innermost: whoever starts within has no database server.
      const measure = (contenders: readonly Contender[]) =>
        withContender(EMBEDDED, 1, sink, (embedded) =>
          measureAll([embedded, ...contenders], options),
        );
      if (options.nodes === 1) return measure([one]);
      return withContender(`PostgreSQL, ${options.nodes} nodes`, options.nodes, sink, (several) =>
        measure([one, several]),
      );
    });
  } finally {
    await sink.stop();
  }
}

async function withContender<R>(
  name: string,
  count: number,
  sink: MeasuredProcess,
  work: (contender: Contender) => Promise<R>,
): Promise<R> {
  const open = (servers: readonly MeasuredProcess[]) => withNodes(name, servers, { sink, work });
  const options = { profileDir: null, name, count };
  if (name === EMBEDDED) return withoutDatabaseServer(() => withMeasuredServers(options, open));
  return withMeasuredServers(options, open);
}

async function withNodes<R>(
  name: string,
  servers: readonly MeasuredProcess[],
  { sink, work }: { sink: MeasuredProcess; work: (contender: Contender) => Promise<R> },
): Promise<R> {
  const nodes: Node[] = [];
  try {
    for (const server of servers) {
      const app = await startApp(server, {
        kind: "raw",
        stepsPerRun: STEPS_PER_RUN,
        profileDir: null,
      });
      nodes.push({ server, app, publisher: new Publisher(server, sink) });
    }
    return await work({ name, nodes, rates: [], operations: 0, serverCpuUs: 0, databaseCpuUs: 0 });
  } finally {
    for (const { server, app, publisher } of nodes) {
      await publisher.close();
      await server.stop();
      await app.stop();
    }
  }
}

async function measureAll(
  contenders: readonly Contender[],
  options: BenchOptions,
): Promise<readonly Fact[]> {
  const exercises = [...options.concurrencies.map(steps), publishes, batches];
  const facts: Fact[] = [];
  for (const exercise of exercises) {
    for (const contender of contenders) await play(exercise, contender, options.warmUpSeconds);
    for (const contender of contenders) clear(contender);
    const seconds = options.seconds / options.rounds;
    for (let round = 0; round < options.rounds; round++) {
      for (const contender of contenders) await play(exercise, contender, seconds);
    }
    facts.push(...contenders.flatMap((each) => factsOf(exercise, each, contenders[0] ?? each)));
  }
  return facts;
}

function steps(concurrency: number): Exercise {
  return {
    what: `steps, ${concurrency} runs at once`,
    run: async ({ app }, seconds, share) => {
      const ownCount = Math.max(1, Math.round(concurrency / share));
      await app.ask({ type: "load", concurrency: ownCount, settleMs: SETTLE_MS }, "done");
      const sample = await app.ask({ type: "record", ms: seconds * 1000 }, "sample");
      await app.ask({ type: "rest" }, "done");
      return sample.steps / sample.seconds;
    },
  };
}

const publishes: Exercise = {
  what: `messages, ${PUBLISHES_AT_ONCE} at once`,
  run: async ({ publisher }, seconds, share) => {
    const sample = await publisher.publishFor(
      seconds,
      PUBLISHES_AT_ONCE / share,
      Object.entries(LONG_DELAY).flat(),
    );
    return sample.accepted / sample.seconds;
  },
};

const batches: Exercise = {
  what: `messages in batches of ${BATCH_SIZE}`,
  run: async ({ publisher }, seconds, share) => {
    const startedAt = performance.now();
    const endsAt = startedAt + seconds * 1000;
    let accepted = 0;
    const lines = Array.from({ length: BATCHES_AT_ONCE / share }, async () => {
      while (performance.now() < endsAt) {
        await publisher.publishBatch(BATCH_SIZE, LONG_DELAY);
        accepted += BATCH_SIZE;
      }
    });
    await Promise.all(lines);
    return (1000 * accepted) / (performance.now() - startedAt);
  },
};

/** All nodes at once. */
async function play(exercise: Exercise, contender: Contender, seconds: number): Promise<void> {
  const { nodes } = contender;
  const serverCpu = async () => {
    let sum = 0;
    for (const { server } of nodes) sum += (await server.usage()).cpuUs;
    return sum;
  };
  const before = [await serverCpu(), databaseCpuUs()] as const;
  const rates = await Promise.all(nodes.map((node) => exercise.run(node, seconds, nodes.length)));
  const rate = rates.reduce((sum, each) => sum + each, 0);
  contender.rates.push(rate);
  contender.operations += rate * seconds;
  contender.serverCpuUs += (await serverCpu()) - before[0];
  contender.databaseCpuUs += databaseCpuUs() - before[1];
}

function clear(contender: Contender): void {
  contender.rates.length = 0;
  contender.operations = 0;
  contender.serverCpuUs = 0;
  contender.databaseCpuUs = 0;
}

function factsOf({ what }: Exercise, contender: Contender, first: Contender): readonly Fact[] {
  const { name, rates, serverCpuUs, databaseCpuUs: databaseUs } = contender;
  const fact = (text: string, value: number, unit: string, ceiling: number | null = null) => ({
    name: "stores",
    what: `${what}: ${text}`,
    value,
    unit,
    ceiling,
  });
  const median = percentilesOf(rates).p50;
  if (contender === first) return [fact(name, median, "/s")];
  const pairs = rates.map((rate, round) => (100 * rate) / (first.rates[round] ?? rate));
  const { p50, max } = percentilesOf(pairs);
  return [
    fact(name, median, "/s"),
    fact(`${name}, of ${first.name}, median of pairs`, p50, "%"),
    fact(`${name}, least of pairs`, Math.min(...pairs), "%"),
    fact(`${name}, most of pairs`, max, "%"),
    fact(
      `${name}, the database's share of CPU`,
      (100 * databaseUs) / (databaseUs + serverCpuUs),
      "%",
    ),
  ];
}
