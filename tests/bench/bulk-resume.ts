import type { MeasuredProcess } from "./measured-process.ts";
import { percentilesOf } from "./percentiles.ts";
import {
  type RawAnswer,
  type RawDelivery,
  type RawEndpoint,
  startRawEndpoint,
} from "./raw-endpoint.ts";
import type { Fact } from "./report.ts";
import { withMeasuredServer } from "./stage.ts";
import { lastRecord, newRunId, recordsTemplate, resultRecord, triggerItem } from "./wire.ts";

/** Recorded steps of each run that fails: a resume copies them. */
const STEPS = 3;

/** Runs that one request starts. */
const BATCH_RUNS = 100;

/** The largest page of a resume by filter. */
const PAGE_ENTRIES = 50;

const CLIENTS = 4;

const MEBIBYTE = 1024 * 1024;

const FAIL_FOR_GOOD: RawAnswer = {
  status: 489,
  headers: { "upstash-nonretryable-error": "true", "upstash-workflow-sdk-version": "1" },
  body: '{"error":"Error","message":"the shop is closed"}',
};

/** Runs that a label marks: they fail together and are resumed together. */
interface Lot {
  readonly label: string;
  readonly runs: number;
}

/** Measures resumes of dead letters by filter, in pages with a cursor. */
export async function measureBulkResume(
  deadLetters: number,
  profileDir: string | null,
): Promise<readonly Fact[]> {
  return withMeasuredServer(profileDir, async (server) => {
    const shop = await Shop.open(server);
    const bench = { server, shop };
    try {
      return [
        ...(await measureAccepts(bench, { label: "small", runs: 1_000 }, 1)),
        ...(await measureAccepts(bench, { label: "large", runs: deadLetters }, 1)),
        ...(await measureAccepts(bench, { label: "shared", runs: deadLetters }, CLIENTS)),
        ...(await measureEnds(bench, { label: "whole", runs: 1_000 })),
        fact("most memory of the server", (await server.usage()).rssBytesMax / MEBIBYTE, "MiB"),
      ];
    } finally {
      await shop.close();
    }
  });
}

function fact(what: string, value: number, unit: string): Fact {
  return { name: "dlq.resume", what, value, unit, ceiling: null };
}

interface Bench {
  readonly server: MeasuredProcess;
  readonly shop: Shop;
}

/** The resumed runs begin a day later, so that nothing but the resume is measured. */
async function measureAccepts(
  { server, shop }: Bench,
  lot: Lot,
  clients: number,
): Promise<readonly Fact[]> {
  await shop.fail(lot);
  const before = await server.usage();
  const startedAt = performance.now();
  const shares = await Promise.all(
    Array.from({ length: clients }, () => resumeAll(shop.endpoint, lot, ["upstash-delay", "1d"])),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const after = await server.usage();
  checkOnce(
    lot,
    shares.flatMap(({ runIds }) => runIds),
  );
  const { p50, p99 } = percentilesOf(shares.flatMap(({ pagesMs }) => pagesMs));
  const who = `${lot.runs} dead letters, ${clients} at once`;
  return [
    fact(`accepted resumes, ${who}`, lot.runs / seconds, "/s"),
    fact(`server CPU of a resume, ${who}`, (after.cpuUs - before.cpuUs) / lot.runs, "us"),
    fact(`p50 of a page of ${PAGE_ENTRIES}, ${who}`, p50, "ms"),
    fact(`p99 of a page of ${PAGE_ENTRIES}, ${who}`, p99, "ms"),
  ];
}

/** The resumed runs go on at once and come to their ends. */
async function measureEnds({ shop }: Bench, lot: Lot): Promise<readonly Fact[]> {
  await shop.fail(lot);
  const startedAt = performance.now();
  const ended = shop.awaitEnds(lot.runs);
  const { runIds } = await resumeAll(shop.endpoint, lot, []);
  checkOnce(lot, runIds);
  const accepted = (performance.now() - startedAt) / 1000;
  await ended;
  const seconds = (performance.now() - startedAt) / 1000;
  const who = `${lot.runs} dead letters that go on`;
  return [
    fact(`accepted resumes, ${who}`, lot.runs / accepted, "/s"),
    fact(`resumed runs that ended, ${who}`, lot.runs / seconds, "/s"),
  ];
}

function checkOnce({ runs, label }: Lot, runIds: readonly string[]): void {
  const distinct = new Set(runIds).size;
  if (runIds.length === runs && distinct === runs) return;
  throw new Error(`${runs} of ${label}: ${runIds.length} resumes gave ${distinct} runs`);
}

interface Share {
  readonly runIds: readonly string[];
  readonly pagesMs: readonly number[];
}

async function resumeAll(
  endpoint: RawEndpoint,
  { label }: Lot,
  headers: readonly string[],
): Promise<Share> {
  const runIds: string[] = [];
  const pagesMs: number[] = [];
  const query = `/v2/workflows/dlq/resume?count=${PAGE_ENTRIES}&label=${label}`;
  for (let cursor: string | null = null; cursor !== ""; ) {
    const path: string = cursor === null ? query : `${query}&cursor=${encodeURIComponent(cursor)}`;
    const startedAt = performance.now();
    const page = readPage(await endpoint.request("POST", path, undefined, headers));
    pagesMs.push(performance.now() - startedAt);
    runIds.push(...page.workflowRuns.map(({ workflowRunId }) => workflowRunId));
    cursor = page.cursor;
  }
  return { runIds, pagesMs };
}

function readPage(text: string) {
  // The answer of a resume, whose shape the conformance tests check.
  return JSON.parse(text) as {
    readonly workflowRuns: readonly { readonly workflowRunId: string }[];
    readonly cursor: string;
  };
}

/** An app whose runs fail for good behind their last step, until they are resumed. */
class Shop {
  readonly #failing = new Set<string>();
  #onFailed = () => {};
  #onEnded = () => {};
  #onFault: (error: unknown) => void = () => {};
  #endpoint: RawEndpoint | null = null;

  static async open(server: MeasuredProcess): Promise<Shop> {
    const shop = new Shop();
    shop.#endpoint = await startRawEndpoint(server, {
      onDelivery: (delivery, endpoint) => shop.#handle(delivery, endpoint),
      onFault: (error) => shop.#onFault(error),
    });
    return shop;
  }

  get endpoint(): RawEndpoint {
    if (this.#endpoint === null) throw new Error("the shop is not open");
    return this.#endpoint;
  }

  async close(): Promise<void> {
    await this.endpoint.close();
  }

  /** Starts the runs and waits until all of them have failed. */
  async fail({ label, runs }: Lot): Promise<void> {
    let failed = 0;
    const all = new Promise<void>((resolve, reject) => {
      this.#onFault = reject;
      this.#onFailed = () => {
        failed += 1;
        if (failed === runs) resolve();
      };
    });
    const headers = { "upstash-label": label, "upstash-retries": "0" };
    for (let started = 0; started < runs; started += BATCH_RUNS) {
      const runIds = Array.from({ length: Math.min(BATCH_RUNS, runs - started) }, newRunId);
      for (const runId of runIds) this.#failing.add(runId);
      const items = runIds.map((runId) => triggerItem(this.#url, runId, headers));
      await this.endpoint.batch(JSON.stringify(items));
    }
    await all;
    // The outcomes of the last attempts are taken in, and what they led to is written.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }

  /** Resolves when so many runs have ended from now on. */
  awaitEnds(runs: number): Promise<void> {
    let ended = 0;
    return new Promise((resolve, reject) => {
      this.#onFault = reject;
      this.#onEnded = () => {
        ended += 1;
        if (ended === runs) resolve();
      };
    });
  }

  get #url(): string {
    return `${this.endpoint.url}/workflow`;
  }

  async #handle(
    { runId, body, headers }: RawDelivery,
    endpoint: RawEndpoint,
  ): Promise<RawAnswer | null> {
    // The failure function of the run that has just failed.
    if (headers["upstash-workflow-is-failure"] === "true") return null;
    const stepId = (lastRecord(body)?.stepId ?? 0) + 1;
    if (stepId <= STEPS) {
      await endpoint.batch(recordsTemplate(this.#url, [resultRecord(stepId)])(runId));
      return null;
    }
    if (this.#failing.delete(runId)) {
      this.#onFailed();
      return FAIL_FOR_GOOD;
    }
    await endpoint.finish(runId);
    this.#onEnded();
    return null;
  }
}
