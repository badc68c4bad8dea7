import { join } from "node:path";
import { devServerConfig, openSqliteStore, type Store, startServer } from "@reprise/server";
import { largeRuns } from "./large-runs.ts";
import { deadLetterOf, LABELS, OLDEST_AT, type RowsOfRun, rowsOfRun, URLS } from "./listed-rows.ts";
import { percentilesOf } from "./percentiles.ts";
import type { Fact } from "./report.ts";
import { withTemporaryDirectory } from "./temporary-directory.ts";

const RUNS_AT_ONCE = 1_000;
/** Requests of each kind. */
const REQUESTS = 20;

/** Measures the first pages that a dashboard asks for, over so many runs and as many dead letters; client and server are one process. */
export async function measureLists(runs: number): Promise<readonly Fact[]> {
  return withTemporaryDirectory(async (directory) => {
    await fillLists(directory, runs);
    const server = await startServer(
      devServerConfig({ port: 0, dataDir: directory, logLevel: "error" }),
    );
    try {
      const facts: Fact[] = [fact("runs, and dead letters", runs, "rows")];
      for (const [what, path] of questions(runs)) {
        facts.push(...(await measure(what, `${server.url}${path}`, server.token)));
      }
      return facts;
    } finally {
      await server.close();
    }
  });
}

/** What a person may choose on the page of runs, alone and together; and the other pages. */
function questions(runs: number): readonly (readonly [string, string])[] {
  const middle = OLDEST_AT + (runs / 2) * 1_000;
  const list = "/v2/workflows/logs?count=50&steps=none";
  const workflow = `workflowUrl=${encodeURIComponent(URLS[3] ?? "")}`;
  const filters: readonly (readonly [string, string])[] = [
    ["no filter", ""],
    ["failed", "&state=RUN_FAILED"],
    ["failed or canceled", "&state=RUN_FAILED,RUN_CANCELED"],
    ["live", "&state=RUN_STARTED"],
    ["workflow", `&${workflow}`],
    ["workflow, failed", `&${workflow}&state=RUN_FAILED`],
    ["rare label", `&label=${LABELS.rare}`],
    ["unknown label", "&label=none"],
    ["rare label, failed", `&label=${LABELS.rare}&state=RUN_FAILED`],
    ["old dates", `&fromDate=${OLDEST_AT}&toDate=${OLDEST_AT + 60_000}`],
    ["dates in the middle", `&fromDate=${middle}&toDate=${middle + 60_000}`],
    ["old dates, workflow, failed", `&toDate=${OLDEST_AT + 90_000}&${workflow}&state=RUN_FAILED`],
    ["beginning of an id, common", "&workflowRunIdPrefix=wfr_"],
    ["beginning of an id, rare", "&workflowRunIdPrefix=wfr_000012"],
    ["beginning of an id, unknown", "&workflowRunIdPrefix=wfr_x"],
    ["all together", `&${workflow}&state=RUN_FAILED&label=none&fromDate=${middle}`],
  ];
  return [
    ...filters.map(([what, query]) => [`runs: ${what}`, `${list}${query}`] as const),
    ["runs: with steps", "/v2/workflows/logs?count=50&trimBody=0"],
    ["count of runs", "/v2/workflows/runs/count"],
    ["count of runs, rare label", `/v2/workflows/runs/count?label=${LABELS.rare}`],
    ["dead letters", "/v2/workflows/dlq?count=50&order=latestFirst"],
    ["count of dead letters", "/v2/workflows/dlq/count"],
    ["groups", "/v2/workflows/dlq/groups?count=50"],
    ["groups, largest first", "/v2/workflows/dlq/groups?count=50&sort=count"],
    ["groups, of one workflow", `/v2/workflows/dlq/groups?count=50&${workflow}`],
    ["groups, since the middle", `/v2/workflows/dlq/groups?count=50&fromDate=${middle}`],
    ["overview", "/v2/overview"],
  ];
}

async function measure(what: string, url: string, token: string): Promise<readonly Fact[]> {
  const tookMs: number[] = [];
  const cpuMs: number[] = [];
  for (let nth = 0; nth < REQUESTS; nth += 1) {
    // An overview is given again for a second.
    if (what === "overview") await new Promise((resolve) => setTimeout(resolve, 1_010));
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    await answer.arrayBuffer();
    tookMs.push(performance.now() - startedAt);
    const { user, system } = process.cpuUsage(cpuBefore);
    cpuMs.push((user + system) / 1_000);
    if (!answer.ok) throw new Error(`${url} was answered ${answer.status}`);
  }
  // The time of the processor is what is left on a machine that has nothing else to do.
  const facts = { p50: percentilesOf(tookMs).p50, "CPU p50": percentilesOf(cpuMs).p50 };
  return Object.entries(facts).map(([name, value]) => fact(`${what}, ${name}`, value, "ms"));
}

function fact(what: string, value: number, unit: string): Fact {
  return { name: "lists", what, value, unit, ceiling: null };
}

/** Makes the database of a server with so many runs and as many dead letters, and some runs that are large. */
export async function fillLists(directory: string, runs: number): Promise<void> {
  const store = await openSqliteStore({ path: join(directory, "reprise.db") });
  await fill(store, runs).finally(() => store.close());
}

async function fill(store: Store, runs: number): Promise<void> {
  for (let begin = 0; begin < runs; begin += RUNS_AT_ONCE) {
    const rows: RowsOfRun[] = [];
    for (let nth = begin; nth < Math.min(runs, begin + RUNS_AT_ONCE); nth += 1) {
      rows.push(rowsOfRun(nth), [deadLetterOf(nth)]);
    }
    await store.transaction((transaction) => transaction.write(rows.flat()));
  }
  for (const rows of largeRuns(runs)) {
    await store.transaction((transaction) => transaction.write(rows));
  }
  await store.transaction((transaction) => transaction.reserveKeys(runs * 20));
}
