import { performance } from "node:perf_hooks";
import { databaseCpuUs } from "./database.ts";
import { MeasuredProcess } from "./measured-process.ts";
import type { BenchOptions, MessageBenchName } from "./options.ts";
import { Publisher } from "./publisher.ts";
import type { Fact } from "./report.ts";
import { SENT_AT_HEADER } from "./sink-child.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

const MEBIBYTE = 1024 * 1024;

/** What one benchmark of messages works with: a server, the destination, and somebody who publishes. */
interface Stage {
  readonly server: MeasuredProcess;
  readonly sink: MeasuredProcess;
  readonly publisher: Publisher;
}

/** Measures messages of 1 KB that go through the server to a destination on this machine. */
export async function measureMessages(
  name: MessageBenchName,
  options: BenchOptions,
): Promise<readonly Fact[]> {
  return withTemporaryDirectory(async (directory) => {
    const profile = options.profileDir;
    const execArgv = profile === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profile}`];
    const start = () => MeasuredProcess.start(["--serve-real", directory], execArgv);
    const stage = await openStage(await start());
    try {
      return await measureOne(name, { ...stage, restart: start }, options);
    } finally {
      await closeStage(stage);
    }
  });
}

async function openStage(server: MeasuredProcess): Promise<Stage> {
  const sink = await MeasuredProcess.start(["--serve-sink"]);
  return { server, sink, publisher: new Publisher(server, sink) };
}

async function closeStage({ server, sink, publisher }: Stage): Promise<void> {
  await publisher.close();
  await server.stop();
  await sink.stop();
}

interface RestartableStage extends Stage {
  readonly restart: () => Promise<MeasuredProcess>;
}

function measureOne(
  name: MessageBenchName,
  stage: RestartableStage,
  options: BenchOptions,
): Promise<readonly Fact[]> {
  switch (name) {
    case "messages.publish":
      return measurePublish(stage, options);
    case "messages.batch":
      return measureBatch(stage, options);
    case "messages.timers":
      return measureTimers(stage, options);
    case "messages.burst":
      return measureBurst(stage);
    case "messages.hanging":
      return measureHanging(stage, options);
    case "messages.pending":
      return measurePending(stage, options);
  }
}

const LONG_DELAY = ["upstash-delay", "10d"];

async function measurePublish(stage: Stage, options: BenchOptions): Promise<readonly Fact[]> {
  const relay = await openStage(await MeasuredProcess.start(["--serve-relay"]));
  try {
    for (const each of [relay, stage]) await each.publisher.publishFor(options.warmUpSeconds, 100);
    const name = "messages.publish";
    const facts: Fact[] = [];
    for (const concurrency of options.concurrencies) {
      const at = `, ${concurrency} at once`;
      const bare = await acceptRate(relay, concurrency, options.seconds);
      const real = await acceptRate(stage, concurrency, options.seconds);
      facts.push(
        { name, what: `accepted${at}`, value: real.rate, unit: "/s", ceiling: bare.rate },
        {
          name,
          what: `server CPU of an accept${at}`,
          value: real.cpuUs,
          unit: "us",
          ceiling: bare.cpuUs,
        },
        ...databaseFacts(name, `an accept${at}`, real.databaseCpuUs),
        { name, what: `p50 of an accept${at}`, value: real.p50Ms, unit: "ms", ceiling: bare.p50Ms },
        { name, what: `p99 of an accept${at}`, value: real.p99Ms, unit: "ms", ceiling: bare.p99Ms },
      );
      const bareEnd = await deliverRate(relay, concurrency, options.seconds);
      const end = await deliverRate(stage, concurrency, options.seconds);
      facts.push(
        {
          name,
          what: `delivered end to end${at}`,
          value: end.rate,
          unit: "/s",
          ceiling: bareEnd.rate,
        },
        {
          name,
          what: `server CPU of a delivered message${at}`,
          value: end.cpuUs,
          unit: "us",
          ceiling: bareEnd.cpuUs,
        },
        ...databaseFacts(name, `a delivered message${at}`, end.databaseCpuUs),
        {
          name,
          what: `p50 from send to first byte at the destination${at}`,
          value: end.p50Ms,
          unit: "ms",
          ceiling: bareEnd.p50Ms,
        },
        {
          name,
          what: `p99 from send to first byte at the destination${at}`,
          value: end.p99Ms,
          unit: "ms",
          ceiling: bareEnd.p99Ms,
        },
      );
    }
    return facts;
  } finally {
    await closeStage(relay);
  }
}

/** What the database server does for it; nothing when the store is embedded. */
function databaseFacts(name: string, what: string, value: number): readonly Fact[] {
  if (value === 0) return [];
  return [{ name, what: `database CPU of ${what}`, value, unit: "us", ceiling: null }];
}

/** Messages that wait for days: accepting alone. */
async function acceptRate({ server, publisher }: Stage, concurrency: number, seconds: number) {
  const before = await server.usage();
  const databaseBefore = databaseCpuUs();
  const sample = await publisher.publishFor(seconds, concurrency, LONG_DELAY);
  const after = await server.usage();
  const databaseUs = databaseCpuUs() - databaseBefore;
  return {
    rate: sample.accepted / sample.seconds,
    cpuUs: (after.cpuUs - before.cpuUs) / sample.accepted,
    databaseCpuUs: databaseUs / sample.accepted,
    p50Ms: sample.p50Ms,
    p99Ms: sample.p99Ms,
  };
}

/** Messages that are delivered at once; the time runs until the last one has arrived. */
async function deliverRate({ server, publisher }: Stage, concurrency: number, seconds: number) {
  await publisher.reset();
  const before = await server.usage();
  const databaseBefore = databaseCpuUs();
  const sample = await publisher.publishFor(seconds, concurrency);
  const rest = await publisher.awaitArrivals(sample.accepted, 60);
  const after = await server.usage();
  const report = await publisher.report();
  return {
    rate: sample.accepted / (sample.seconds + rest),
    cpuUs: (after.cpuUs - before.cpuUs) / sample.accepted,
    databaseCpuUs: (databaseCpuUs() - databaseBefore) / sample.accepted,
    p50Ms: report.p50Ms,
    p99Ms: report.p99Ms,
  };
}

const BATCH_SIZE = 100;
const BATCHES_AT_ONCE = 8;

async function measureBatch(stage: Stage, options: BenchOptions): Promise<readonly Fact[]> {
  const name = "messages.batch";
  const startedAt = performance.now();
  const before = await stage.server.usage();
  const accepted = await fill(stage.publisher, options.seconds * 1000, Number.MAX_SAFE_INTEGER);
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await stage.server.usage();
  const cpuUs = (after.cpuUs - before.cpuUs) / accepted;
  return [
    {
      name,
      what: `accepted in batches of ${BATCH_SIZE}`,
      value: accepted / seconds,
      unit: "/s",
      ceiling: null,
    },
    { name, what: "server CPU of an accepted message", value: cpuUs, unit: "us", ceiling: null },
  ];
}

/** Publishes delayed messages in batches until there are enough or the time is over. */
async function fill(
  publisher: Publisher,
  ms: number,
  count: number,
  headers: Readonly<Record<string, string>> = { "upstash-delay": "10d" },
): Promise<number> {
  const endsAt = performance.now() + ms;
  let accepted = 0;
  await Promise.all(
    Array.from({ length: BATCHES_AT_ONCE }, async () => {
      while (accepted < count && performance.now() < endsAt) {
        accepted += BATCH_SIZE;
        await publisher.publishBatch(BATCH_SIZE, headers);
      }
    }),
  );
  return accepted;
}

const TIMERS_PER_SECOND = 1_000;
const TIMER_SECONDS = 20;
const TIMER_LEAD_SECONDS = 10;

/** So many messages due at each of so many seconds; their lateness is what the destination's clock says. */
async function measureTimers(
  { publisher }: Stage,
  _options: BenchOptions,
): Promise<readonly Fact[]> {
  const name = "messages.timers";
  await publisher.reset();
  const first = Math.ceil(Date.now() / 1000) + TIMER_LEAD_SECONDS;
  for (let second = first; second < first + TIMER_SECONDS; second++) {
    const headers = dueAt(second);
    for (let sent = 0; sent < TIMERS_PER_SECOND; sent += BATCH_SIZE) {
      await publisher.publishBatch(BATCH_SIZE, headers);
    }
  }
  await publisher.awaitArrivals(
    TIMERS_PER_SECOND * TIMER_SECONDS,
    TIMER_LEAD_SECONDS + TIMER_SECONDS + 30,
  );
  const report = await publisher.report();
  const at = `${TIMERS_PER_SECOND} due in each of ${TIMER_SECONDS} seconds`;
  return [
    { name, what: `p50 lateness, ${at}`, value: report.p50Ms, unit: "ms", ceiling: null },
    { name, what: "p99 lateness", value: report.p99Ms, unit: "ms", ceiling: null },
    { name, what: "greatest lateness", value: report.maxMs, unit: "ms", ceiling: null },
    {
      name,
      what: "least lateness (below 0 is early)",
      value: report.minMs,
      unit: "ms",
      ceiling: null,
    },
  ];
}

function dueAt(second: number): Readonly<Record<string, string>> {
  return {
    "upstash-not-before": String(second),
    [`upstash-forward-${SENT_AT_HEADER}`]: String(second * 1000),
  };
}

const BURST = 100_000;
const BURST_LEAD_SECONDS = 40;

/** All due in the same second. */
async function measureBurst({ server, publisher }: Stage): Promise<readonly Fact[]> {
  const name = "messages.burst";
  await publisher.reset();
  const second = Math.ceil(Date.now() / 1000) + BURST_LEAD_SECONDS;
  await fill(publisher, BURST_LEAD_SECONDS * 1000, BURST, dueAt(second));
  await new Promise((resolve) => setTimeout(resolve, second * 1000 - Date.now()));
  let rssBytes = 0;
  const seconds = await publisher.awaitArrivals(BURST, 300, async () => {
    rssBytes = Math.max(rssBytes, (await server.usage()).rssBytes);
  });
  return [
    {
      name,
      what: `${BURST} messages due in one second: drained in`,
      value: seconds,
      unit: "s",
      ceiling: null,
    },
    { name, what: "delivered meanwhile", value: BURST / seconds, unit: "/s", ceiling: null },
    {
      name,
      what: "most memory of the server meanwhile",
      value: rssBytes / MEBIBYTE,
      unit: "MiB",
      ceiling: null,
    },
  ];
}

const HANGING = 10_000;

/** A destination of its own that never answers, with a long line in front of it, beside a healthy one. */
async function measureHanging(stage: Stage, options: BenchOptions): Promise<readonly Fact[]> {
  const name = "messages.hanging";
  const { publisher, server } = stage;
  const hanging = await openStage(server);
  await publisher.publishFor(options.warmUpSeconds, 10);
  const alone = await deliverRate(stage, 10, options.seconds);
  for (let sent = 0; sent < HANGING; sent += 100) {
    await Promise.all(Array.from({ length: 100 }, () => hanging.publisher.publish([], "/hang")));
  }
  const beside = await deliverRate(stage, 10, options.seconds);
  await hanging.publisher.close();
  await hanging.sink.stop();
  const what = "p99 from send to first byte at a healthy destination";
  return [
    { name, what: `${what}, alone`, value: alone.p99Ms, unit: "ms", ceiling: null },
    {
      name,
      what: `beside ${HANGING} messages that hang`,
      value: beside.p99Ms,
      unit: "ms",
      ceiling: null,
    },
  ];
}

const FILL_MS_MAX = 900_000;

/** The same rates with and without a great many messages that wait, and a start with them. */
async function measurePending(
  stage: RestartableStage,
  options: BenchOptions,
): Promise<readonly Fact[]> {
  const name = "messages.pending";
  const { publisher, server } = stage;
  await publisher.publishFor(options.warmUpSeconds, 100);
  const accept = await acceptRate(stage, 100, options.seconds);
  const deliver = await deliverRate(stage, 100, options.seconds);
  const pending = await fill(publisher, FILL_MS_MAX, options.pending);
  const acceptBeside = await acceptRate(stage, 100, options.seconds);
  const deliverBeside = await deliverRate(stage, 100, options.seconds);
  const { rssBytes } = await server.usage();
  const fact = (what: string, unit: string, [value, ceiling]: readonly [number, number]): Fact => ({
    name,
    what: `${what} (ceiling: with none)`,
    value,
    unit,
    ceiling,
  });
  return [
    fact(`accepted with ${pending} pending`, "/s", [acceptBeside.rate, accept.rate]),
    fact("server CPU of an accept", "us", [acceptBeside.cpuUs, accept.cpuUs]),
    fact("delivered with them", "/s", [deliverBeside.rate, deliver.rate]),
    fact("server CPU of a delivered message", "us", [deliverBeside.cpuUs, deliver.cpuUs]),
    {
      name,
      what: "memory of the server with them",
      value: rssBytes / MEBIBYTE,
      unit: "MiB",
      ceiling: null,
    },
    ...(await measureRestart(stage)),
  ];
}

async function measureRestart({ server, restart }: RestartableStage): Promise<readonly Fact[]> {
  const name = "messages.pending";
  await server.stop();
  const startedAt = performance.now();
  const again = await restart();
  const stage = await openStage(again);
  await stage.publisher.publish();
  const seconds = (performance.now() - startedAt) / 1000;
  await stage.publisher.awaitArrivals(1, 60);
  const { rssBytes } = await again.usage();
  await closeStage(stage);
  return [
    {
      name,
      what: "start to first accepted message with them",
      value: seconds,
      unit: "s",
      ceiling: null,
    },
    {
      name,
      what: "memory after the start",
      value: rssBytes / MEBIBYTE,
      unit: "MiB",
      ceiling: null,
    },
  ];
}
