import type { MeasuredProcess } from "./measured-process.ts";
import { submitWait } from "./outside-wire.ts";
import { percentilesOf } from "./percentiles.ts";
import { type RawDelivery, type RawEndpoint, startRawEndpoint } from "./raw-endpoint.ts";
import type { Fact } from "./report.ts";
import { withMeasuredServer } from "./stage.ts";
import { lastRecord, newRunId, triggerItem } from "./wire.ts";

/** Notifications that are measured one after the other. */
const SINGLES = 300;

/** Runs that wait for one event. */
const WAITERS = 1_000;

/** Runs that one request starts. */
const BATCH_RUNS = 100;

/** Events that are notified at once in the measurement of the rate. */
const AT_ONCE = 50;

/** Measures the time from a notification to the delivery that goes on with the run. */
export async function measureNotify(profileDir: string | null): Promise<readonly Fact[]> {
  return withMeasuredServer(profileDir, async (server) => {
    const hall = await Hall.open(server);
    const bench = { server, hall };
    try {
      await measureSingles(bench, "warm-up");
      return [
        ...(await measureSingles(bench, "one at a time")),
        ...(await measureMany(bench)),
        // Those of the event that nobody notifies go on waiting.
        ...(await measureSingles(bench, `beside ${await hall.wait(WAITERS, () => "idle")} others`)),
        ...(await measureRate(bench)),
      ];
    } finally {
      await hall.close();
    }
  });
}

function fact(what: string, value: number, unit: string): Fact {
  return { name: "events.notify", what, value, unit, ceiling: null };
}

interface Bench {
  readonly server: MeasuredProcess;
  readonly hall: Hall;
}

/** Each run waits for an event of its own. */
async function measureSingles({ hall }: Bench, how: string): Promise<readonly Fact[]> {
  await hall.wait(SINGLES, (index) => `${encodeURIComponent(how)}-${index}`);
  const toAnswer: number[] = [];
  const toDelivery: number[] = [];
  for (let index = 0; index < SINGLES; index++) {
    const woken = hall.awaitWoken(1);
    const sentAt = performance.now();
    await hall.notify(`${encodeURIComponent(how)}-${index}`);
    toAnswer.push(performance.now() - sentAt);
    toDelivery.push(...(await woken).map((arrivedAt) => arrivedAt - sentAt));
  }
  const delivery = percentilesOf(toDelivery);
  return [
    fact(`p50 from notify to answer, ${how}`, percentilesOf(toAnswer).p50, "ms"),
    fact(`p50 from notify to first byte at the app, ${how}`, delivery.p50, "ms"),
    fact(`p99 from notify to first byte at the app, ${how}`, delivery.p99, "ms"),
  ];
}

/** All runs wait for the same event. */
async function measureMany({ server, hall }: Bench): Promise<readonly Fact[]> {
  await hall.wait(WAITERS, () => "everybody");
  const woken = hall.awaitWoken(WAITERS);
  const before = await server.usage();
  const sentAt = performance.now();
  await hall.notify("everybody");
  const answeredMs = performance.now() - sentAt;
  const arrivals = (await woken).map((arrivedAt) => arrivedAt - sentAt);
  const after = await server.usage();
  const { p50, p99, max } = percentilesOf(arrivals);
  const who = `${WAITERS} waiters`;
  return [
    fact(`from notify to answer, ${who}`, answeredMs, "ms"),
    fact(`p50 from notify to first byte at the app, ${who}`, p50, "ms"),
    fact(`p99 from notify to first byte at the app, ${who}`, p99, "ms"),
    fact(`last of ${who}`, max, "ms"),
    fact(`server CPU of a waiter, ${who}`, (after.cpuUs - before.cpuUs) / WAITERS, "us"),
  ];
}

/** Events of their own again, many notified at once. */
async function measureRate({ hall }: Bench): Promise<readonly Fact[]> {
  await hall.wait(WAITERS, (index) => `rate-${index}`);
  const woken = hall.awaitWoken(WAITERS);
  const startedAt = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < WAITERS) await hall.notify(`rate-${next++}`);
    }),
  );
  await woken;
  const seconds = (performance.now() - startedAt) / 1000;
  return [fact(`notified and delivered, ${AT_ONCE} at once`, WAITERS / seconds, "/s")];
}

/** An app whose runs wait for one event each, and then return. */
class Hall {
  readonly #eventIds = new Map<string, string>();
  #endpoint: RawEndpoint | null = null;
  #onWaiting = () => {};
  #onWoken = (_arrivedAt: number) => {};
  #onFault: (error: unknown) => void = () => {};

  static async open(server: MeasuredProcess): Promise<Hall> {
    const hall = new Hall();
    hall.#endpoint = await startRawEndpoint(server, {
      onDelivery: (delivery, endpoint) => hall.#handle(delivery, endpoint),
      onFault: (error) => hall.#onFault(error),
    });
    return hall;
  }

  /** Starts runs and resolves, with their number, when all of them wait. */
  async wait(runs: number, eventIdOf: (index: number) => string): Promise<number> {
    let waiting = 0;
    const all = new Promise<void>((resolve, reject) => {
      this.#onFault = reject;
      this.#onWaiting = () => {
        waiting += 1;
        if (waiting === runs) resolve();
      };
    });
    for (let started = 0; started < runs; started += BATCH_RUNS) {
      const items = Array.from({ length: Math.min(BATCH_RUNS, runs - started) }, (_, index) => {
        const runId = newRunId();
        this.#eventIds.set(runId, eventIdOf(started + index));
        return triggerItem(`${this.#open.url}/workflow`, runId);
      });
      await this.#open.batch(JSON.stringify(items));
    }
    await all;
    return runs;
  }

  /** When each of the next deliveries that go on with a run arrived. */
  awaitWoken(count: number): Promise<readonly number[]> {
    const arrivals: number[] = [];
    return new Promise((resolve, reject) => {
      this.#onFault = reject;
      this.#onWoken = (arrivedAt) => {
        arrivals.push(arrivedAt);
        if (arrivals.length === count) resolve(arrivals);
      };
    });
  }

  async notify(eventId: string): Promise<void> {
    await this.#open.request("POST", `/v2/notify/${eventId}`, '{"paid":true}');
  }

  async close(): Promise<void> {
    await this.#open.close();
  }

  get #open(): RawEndpoint {
    if (this.#endpoint === null) throw new Error("the hall is not open");
    return this.#endpoint;
  }

  async #handle({ runId, body, arrivedAt }: RawDelivery, endpoint: RawEndpoint): Promise<null> {
    if (lastRecord(body) === null) {
      await submitWait(endpoint, runId, this.#eventIds.get(runId) ?? "unknown");
      this.#onWaiting();
      return null;
    }
    this.#onWoken(arrivedAt);
    await endpoint.finish(runId);
    return null;
  }
}
