import type { MeasuredProcess, Usage } from "./measured-process.ts";
import { type RawDelivery, type RawEndpoint, startRawEndpoint } from "./raw-endpoint.ts";
import type { Fact } from "./report.ts";
import { withMeasuredServer } from "./stage.ts";
import { lastRecord, newRunId, recordsTemplate, resultRecord, triggerTemplate } from "./wire.ts";

/** Steps at the beginning and at the end whose rates are compared. */
const WINDOW_STEPS = 1_000;

const MEBIBYTE = 1024 * 1024;

/** What was known when a step was delivered. */
interface Mark {
  readonly at: number;
  readonly usage: Usage;
  readonly bytes: number;
}

/** Measures one run with very many steps, one after the other; lists that are too long to be sent are fetched. */
export async function measureHistory(
  steps: number,
  profileDir: string | null,
): Promise<readonly Fact[]> {
  return withMeasuredServer(profileDir, async (server) => {
    const marks = new Map<number, Mark>();
    const counts = { bytes: 0, fetched: 0, listBytes: 0 };
    const ended = Promise.withResolvers<void>();
    const endpoint = await startRawEndpoint(server, {
      onDelivery: async (delivery, own) => {
        counts.bytes += delivery.bytes;
        if (delivery.isFetched) counts.fetched += 1;
        counts.listBytes = delivery.body.byteLength;
        const stepId = (lastRecord(delivery.body)?.stepId ?? 0) + 1;
        if (marksAt(steps).includes(stepId - 1)) {
          const usage = await server.usage();
          marks.set(stepId - 1, { at: performance.now(), usage, bytes: counts.bytes });
        }
        await goOn(delivery, { stepId, steps, endpoint: own });
        if (stepId > steps) ended.resolve();
        return null;
      },
      onFault: ended.reject,
    });
    const appUrl = `${endpoint.url}/workflow`;
    try {
      await endpoint.batch(triggerTemplate(appUrl)(newRunId()));
      await ended.promise;
      return await toFacts({ steps, marks, counts }, server);
    } finally {
      await endpoint.close();
    }
  });
}

function marksAt(steps: number): readonly number[] {
  return [0, WINDOW_STEPS, steps - WINDOW_STEPS, steps];
}

async function goOn(
  { runId }: RawDelivery,
  goal: { readonly stepId: number; readonly steps: number; readonly endpoint: RawEndpoint },
): Promise<void> {
  const { stepId, steps, endpoint } = goal;
  if (stepId > steps) return endpoint.finish(runId);
  const appUrl = `${endpoint.url}/workflow`;
  await endpoint.batch(recordsTemplate(appUrl, [resultRecord(stepId)])(runId));
}

interface Course {
  readonly steps: number;
  readonly marks: ReadonlyMap<number, Mark>;
  readonly counts: {
    readonly bytes: number;
    readonly fetched: number;
    readonly listBytes: number;
  };
}

async function toFacts(
  { steps, marks, counts }: Course,
  server: MeasuredProcess,
): Promise<readonly Fact[]> {
  const name = "steps.history";
  const between = (from: number, to: number) => {
    const [start, end] = [marks.get(from), marks.get(to)];
    if (start === undefined || end === undefined) throw new Error(`step ${to} was not seen`);
    return {
      seconds: (end.at - start.at) / 1000,
      cpuUs: (end.usage.cpuUs - start.usage.cpuUs) / (to - from),
      bytes: (end.bytes - start.bytes) / (to - from),
    };
  };
  const first = between(0, WINDOW_STEPS);
  const last = between(steps - WINDOW_STEPS, steps);
  const all = between(0, steps);
  const fact = (what: string, value: number, unit: string): Fact => {
    return { name, what, value, unit, ceiling: null };
  };
  return [
    fact(`${steps} steps of one run`, all.seconds, "s"),
    fact(`first ${WINDOW_STEPS} steps`, WINDOW_STEPS / first.seconds, "/s"),
    fact(`last ${WINDOW_STEPS} steps`, WINDOW_STEPS / last.seconds, "/s"),
    fact(`server CPU of a step, first ${WINDOW_STEPS}`, first.cpuUs, "us"),
    fact(`server CPU of a step, last ${WINDOW_STEPS}`, last.cpuUs, "us"),
    fact(`bytes of a step, last ${WINDOW_STEPS}`, last.bytes / 1024, "KiB"),
    fact("bytes of the whole list", counts.listBytes / MEBIBYTE, "MiB"),
    fact("bytes of all deliveries", counts.bytes / MEBIBYTE, "MiB"),
    fact("lists that were fetched", counts.fetched, "lists"),
    fact("most memory of the server", (await server.usage()).rssBytesMax / MEBIBYTE, "MiB"),
  ];
}
