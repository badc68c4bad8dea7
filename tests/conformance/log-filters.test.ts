// Which runs the logs show, and in which pages.

import type { RunPage, RunResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { CLOCK_STEP_MS, until } from "./until.ts";
import { type TriggerOptions, useWorld } from "./world.ts";

const world = useWorld();

/** A workflow that ends at once. */
function serveShort(path: string): string {
  return world.serve(path, async (context) => context.run("only", () => 1));
}

/** Runs that follow each other have different creation times. */
async function run(options: Partial<TriggerOptions> = {}): Promise<RunResource> {
  const url = options.url ?? serveShort("/short");
  const ended = await world.ended(await world.trigger({ retries: 0, ...options, url }));
  const { workflowRunCreatedAt } = ended;
  await until("a later time", () => Date.now() > workflowRunCreatedAt + CLOCK_STEP_MS);
  return ended;
}

async function page(query: string): Promise<RunPage> {
  const answer = await world.call("GET", `/v2/workflows/logs?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as RunPage; // The tests of the logs check the runs.
}

async function found(query: string): Promise<readonly string[]> {
  return (await page(query)).runs.map(({ workflowRunId }) => workflowRunId);
}

const ids = (...runs: readonly RunResource[]) => runs.map(({ workflowRunId }) => workflowRunId);

test("runs are listed newest first", async () => {
  const [first, second, third] = [await run(), await run(), await run()];
  expect(await found("")).toEqual(ids(third, second, first));
});

test("pages of at most ten runs follow each other, also while new runs arrive, and the last has no cursor", async () => {
  const url = serveShort("/short");
  const started = await world.client.trigger(Array.from({ length: 23 }, () => ({ url })));
  for (const { workflowRunId } of started) await world.succeeded(workflowRunId);
  const seen: string[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const next = await page(`count=100&cursor=${cursor ?? ""}`);
    expect(next.runs.length).toBeLessThanOrEqual(10);
    seen.push(...next.runs.map(({ workflowRunId }) => workflowRunId));
    cursor = next.cursor;
    pages += 1;
    await world.trigger({ url });
  } while (cursor !== undefined && pages < 10);
  expect(pages).toBe(3);
  expect(seen.toSorted()).toEqual(started.map(({ workflowRunId }) => workflowRunId).toSorted());
});

test("count asks for fewer", async () => {
  const [, second, third] = [await run(), await run(), await run()];
  const { runs, cursor } = await page("count=2");
  expect(ids(...runs)).toEqual(ids(third, second));
  expect(cursor).toEqual(expect.any(String));
});

test("the state selects, and RUN_STARTED means runs that have not ended", async () => {
  const succeeded = await run();
  const down = world.app.on("/down", () => new Response("", { status: 500 }));
  const failed = await run({ url: down });
  const started = await world.trigger({ url: serveShort("/short"), delay: "1h" });
  const cancelled = await world.trigger({ url: serveShort("/short"), delay: "1h" });
  await world.client.cancel(cancelled);
  expect(await found("state=RUN_SUCCESS")).toEqual(ids(succeeded));
  expect(await found("state=RUN_FAILED")).toEqual(ids(failed));
  expect(await found("state=RUN_STARTED")).toEqual([started]);
  expect(await found("state=RUN_CANCELED")).toEqual([cancelled]);
});

test("URL, id and creation must be equal", async () => {
  const a = await run({ url: serveShort("/a"), workflowRunId: "same" });
  const b = await run({ url: serveShort("/a/b"), workflowRunId: "same" });
  expect(await found(`workflowUrl=${encodeURIComponent(a.workflowUrl)}`)).toEqual(ids(a));
  const both = await page("workflowRunId=wfr_same");
  expect(both.runs.map(({ workflowUrl }) => workflowUrl)).toEqual([b.workflowUrl, a.workflowUrl]);
  const query = `workflowRunId=wfr_same&workflowCreatedAt=${a.workflowRunCreatedAt}`;
  expect((await page(query)).runs).toEqual([a]);
  expect(await found("workflowRunId=wfr_sam")).toEqual([]);
});

test("a list of ids with creation times selects, and every other filter is ignored", async () => {
  const first = await run({ workflowRunId: "same" });
  const second = await run({ workflowRunId: "same" });
  const third = await run();
  const name = (of: RunResource) => `${of.workflowRunId}@${of.workflowRunCreatedAt}`;
  const query = `workflowRuns=${name(first)},${name(third)}&label=nobody&state=RUN_FAILED`;
  const { runs } = await page(query);
  expect(runs).toEqual([third, first]);
  expect(runs).not.toContainEqual(second);
});

test("labels, flow control key, caller and the parts of the URL select", async () => {
  const flowControl = { key: "tenant", rate: 9 };
  const wanted = await run({ url: serveShort("/a"), label: ["blue", "v1"], flowControl });
  const other = await run({ url: serveShort("/b"), label: "red" });
  expect(await found("label=v1")).toEqual(ids(wanted));
  expect(await found("label=red&label=blue")).toEqual(ids(other, wanted));
  expect(await found("flowControlKey=tenant")).toEqual(ids(wanted));
  expect(await found("callerIp=127.0.0.1")).toEqual(ids(other, wanted));
  expect(await found("callerIp=10.0.0.1")).toEqual([]);
  expect(await found("path=/a")).toEqual(ids(wanted));
  expect(await found(`host=${new URL(wanted.workflowUrl).host}`)).toEqual(ids(other, wanted));
  expect(await found("host=elsewhere.test")).toEqual([]);
  expect(await found("label=blue&path=/b")).toEqual([]);
});

test("dates include their own millisecond, which is that of the creation", async () => {
  const [first, second, third] = [await run(), await run(), await run()];
  const at = second.workflowRunCreatedAt;
  expect(await found(`fromDate=${at}&toDate=${at}`)).toEqual(ids(second));
  expect(await found(`fromDate=${at}`)).toEqual(ids(third, second));
  expect(await found(`toDate=${at}`)).toEqual(ids(second, first));
});

test("the id of a message selects the run that it belongs to", async () => {
  const wanted = await run();
  await run();
  const messageId = wanted.steps[1]?.steps[0]?.messageId;
  expect(await found(`messageId=${messageId}`)).toEqual(ids(wanted));
  const { runs } = await world.client.logs({ filter: { messageId: messageId ?? "" } });
  expect(ids(...(runs as unknown as RunResource[]))).toEqual(ids(wanted)); // The client's type knows fewer fields.
});

test.each([
  ["state=RUNNING", /state/],
  ["groupBy=url", /groupBy/],
  ["count=many", /count/],
  ["count=0", /count/],
  ["fromDate=yesterday", /fromDate/],
  ["cursor=abc", /cursor/],
  ["trimBody=-2", /trimBody/],
  ["workflowRuns=@5", /workflowRuns/],
])("the query %s is refused by name", async (query, named) => {
  for (const path of ["logs", "events"]) {
    const answer = await world.call("GET", `/v2/workflows/${path}?${query}`);
    expect([answer.status, answer.json]).toEqual([
      400,
      { error: expect.stringMatching(named), code: expect.any(String) },
    ]);
  }
});
