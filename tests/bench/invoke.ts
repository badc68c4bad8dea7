import { submitInvoke } from "./outside-wire.ts";
import { percentilesOf } from "./percentiles.ts";
import { type RawDelivery, type RawEndpoint, startRawEndpoint } from "./raw-endpoint.ts";
import type { Fact } from "./report.ts";
import { withMeasuredServer } from "./stage.ts";
import { lastRecord, newRunId, recordsTemplate, resultRecord, triggerTemplate } from "./wire.ts";

const PARENT_PATH = "/parent";
const CHILD_PATH = "/child";

/** Parents at once, one measurement each. */
const CONCURRENCIES = [1, 50] as const;

/** Measures a parent that invokes a child with one step and goes on with its result. */
export async function measureInvoke(
  seconds: number,
  profileDir: string | null,
): Promise<readonly Fact[]> {
  return withMeasuredServer(profileDir, async (server) => {
    const family = new Family();
    const endpoint = await startRawEndpoint(server, {
      onDelivery: (delivery, own) => family.handle(delivery, own),
      onFault: (error) => family.fail(error),
    });
    try {
      await family.runFor(endpoint, { seconds: 1, concurrency: 10 });
      const facts: Fact[] = [];
      for (const concurrency of CONCURRENCIES) {
        const before = await server.usage();
        const sample = await family.runFor(endpoint, { seconds, concurrency });
        const after = await server.usage();
        const { p50, p99 } = percentilesOf(sample.tripsMs);
        const trips = sample.tripsMs.length;
        const at = `${concurrency} at once`;
        facts.push(
          fact(`round trips, ${at}`, trips / sample.seconds, "/s"),
          fact(`p50 from invoke to the parent's next delivery, ${at}`, p50, "ms"),
          fact(`p99 from invoke to the parent's next delivery, ${at}`, p99, "ms"),
          fact(`server CPU of a round trip, ${at}`, (after.cpuUs - before.cpuUs) / trips, "us"),
        );
      }
      return facts;
    } finally {
      await endpoint.close();
    }
  });
}

function fact(what: string, value: number, unit: string): Fact {
  return { name: "runs.invoke", what, value, unit, ceiling: null };
}

interface Sample {
  readonly tripsMs: readonly number[];
  readonly seconds: number;
}

/** An app with a parent and a child. */
class Family {
  readonly #invokedAt = new Map<string, number>();
  readonly #ends = new Map<string, (tripMs: number) => void>();
  #reject: (error: unknown) => void = () => {};

  /** Keeps so many parents going, as one ends another starts, until the time is over. */
  async runFor(
    endpoint: RawEndpoint,
    { seconds, concurrency }: { readonly seconds: number; readonly concurrency: number },
  ): Promise<Sample> {
    const fault = new Promise<never>((_resolve, reject) => {
      this.#reject = reject;
    });
    const trigger = triggerTemplate(endpoint.url + PARENT_PATH);
    const tripsMs: number[] = [];
    const startedAt = performance.now();
    const endsAt = startedAt + seconds * 1000;
    const keepOne = async () => {
      while (performance.now() < endsAt) {
        const runId = newRunId();
        const trip = new Promise<number>((resolve) => this.#ends.set(runId, resolve));
        await endpoint.batch(trigger(runId));
        tripsMs.push(await trip);
      }
    };
    await Promise.race([Promise.all(Array.from({ length: concurrency }, keepOne)), fault]);
    return { tripsMs, seconds: (performance.now() - startedAt) / 1000 };
  }

  fail(error: unknown): void {
    this.#reject(error);
  }

  async handle(delivery: RawDelivery, endpoint: RawEndpoint): Promise<null> {
    const { runId, path, body, arrivedAt } = delivery;
    const isFirst = lastRecord(body) === null;
    if (path === CHILD_PATH) {
      const childUrl = endpoint.url + CHILD_PATH;
      if (isFirst) await endpoint.batch(recordsTemplate(childUrl, [resultRecord(1)])(runId));
      else await endpoint.finish(runId);
    } else if (isFirst) {
      this.#invokedAt.set(runId, performance.now());
      const [parentUrl, childUrl] = [endpoint.url + PARENT_PATH, endpoint.url + CHILD_PATH];
      await submitInvoke(endpoint, { parentId: runId, childId: newRunId(), parentUrl, childUrl });
    } else {
      const tripMs = arrivedAt - (this.#invokedAt.get(runId) ?? arrivedAt);
      this.#invokedAt.delete(runId);
      await endpoint.finish(runId);
      this.#ends.get(runId)?.(tripMs);
      this.#ends.delete(runId);
    }
    return null;
  }
}
