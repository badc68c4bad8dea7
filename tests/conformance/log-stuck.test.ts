// Runs that nothing can wake any more: the logs say so, and list them alone.

import type { RunPage } from "@reprise/protocol";
import { expect, test } from "vitest";
import { serveWithCallbacks } from "./run-log.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const SDK = { headers: { "upstash-workflow-sdk-version": "1" } };

/** An app that answers like the SDK and does nothing, until it is told to go on. */
function serveStalling(path: string) {
  const app = { isStalling: true };
  const handler = world.workflow(async (context) => context.run("only", () => 1));
  const url = world.app.on(path, (request) =>
    app.isStalling ? new Response("", { status: 200, ...SDK }) : handler(request),
  );
  return { url, app };
}

async function page(query: string): Promise<RunPage> {
  const answer = await world.call("GET", `/v2/workflows/${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as RunPage; // The tests of the logs check the shape.
}

async function stuckIds(query = ""): Promise<readonly string[]> {
  const { runs } = await page(`logs?stuck=true${query}`);
  return runs.map(({ workflowRunId }) => workflowRunId);
}

async function stuckRun(url: string, label = "any"): Promise<string> {
  const runId = await world.trigger({ url, label });
  await until(`${runId} is stuck`, async () => (await world.log(runId))?.isStuck === true);
  return runId;
}

test("a run whose app answered without going on says what happened, and what helps", async () => {
  const { url, app } = serveStalling("/flow");
  const runId = await stuckRun(url);
  const { waitingFor, workflowState } = (await world.log(runId)) ?? {};
  expect(workflowState).toBe("RUN_STARTED");
  expect(waitingFor).toMatch(
    /^nothing: its last delivery was answered 200 at \d{4}-\d\d-\d\dT[\d:.]+Z and nothing followed; nudge it$/,
  );
  const nudged = await world.call("POST", `/v2/workflows/runs/${runId}/nudge`);
  expect(nudged.status).toBe(200);
  await until("stuck again", async () => {
    const log = await world.log(runId);
    return log?.isStuck === true && log.waitingFor !== waitingFor;
  });
  app.isStalling = false;
  await world.call("POST", `/v2/workflows/runs/${runId}/nudge`);
  const run = await world.succeeded(runId);
  expect(run).not.toHaveProperty("isStuck");
  expect(await stuckIds()).toEqual([]);
});

test("the filter lists them alone, newest first, in pages, and together with other filters", async () => {
  const { url } = serveStalling("/flow");
  const first = await stuckRun(url, "red");
  const waiting = world.serve("/wait", async (context) => {
    await context.waitForEvent("hold", "go", { timeout: "1h" });
  });
  const asleep = world.serve("/sleep", async (context) => context.sleep("nap", "1h"));
  const alive = [await world.trigger({ url: waiting }), await world.trigger({ url: asleep })];
  for (const id of alive) {
    await until("it waits", async () => /until/.test((await world.log(id))?.waitingFor ?? ""));
  }
  const second = await stuckRun(url, "blue");
  const third = await stuckRun(serveStalling("/other").url, "red");
  expect(await stuckIds()).toEqual([third, second, first]);
  expect(await stuckIds("&label=red")).toEqual([third, first]);
  expect(await stuckIds(`&workflowUrl=${encodeURIComponent(url)}`)).toEqual([second, first]);
  expect(await stuckIds("&path=/other")).toEqual([third]);
  expect(await stuckIds(`&workflowRunId=${alive[0]}`)).toEqual([]);
  expect(await stuckIds("&state=RUN_FAILED")).toEqual([]);
  const grouped = await page("events?groupBy=workflowRunId&stuck=true");
  expect(grouped.runs.map(({ isStuck }) => isStuck)).toEqual([true, true, true]);
  const seen: string[] = [];
  let cursor = "";
  for (let pages = 0; pages < 5; pages += 1) {
    const next = await page(`logs?stuck=true&count=1&cursor=${cursor}`);
    seen.push(...next.runs.map(({ workflowRunId }) => workflowRunId));
    if (next.cursor === undefined) break;
    cursor = next.cursor;
  }
  expect(seen).toEqual([third, second, first]);
  const all = await page("logs?stuck=false");
  expect(all.runs).toHaveLength(5);
  for (const { workflowRunId, isStuck } of all.runs) {
    expect(isStuck).toBe(alive.includes(workflowRunId) ? undefined : true);
  }
});

test("a run whose app did nothing with the answer of a call is stuck as well", async () => {
  const service = world.app.on("/service", () => new Response("yes"));
  const { url, rule } = serveWithCallbacks(world, "/flow", async (context) => {
    await context.call("charge", { url: service });
  });
  rule.next = 200;
  const runId = await world.trigger({ url });
  const run = await until("it is stuck", async () => {
    const log = await world.log(runId);
    return log?.isStuck === true && log;
  });
  expect(run.waitingFor).toBe(
    `nothing: its app was told the answer of the call of ${service} and nothing followed; nudge it`,
  );
  expect(await stuckIds()).toEqual([runId]);
});

test("what is neither true nor false is refused by name", async () => {
  for (const path of ["logs?stuck=perhaps", "events?groupBy=workflowRunId&stuck="]) {
    const answer = await world.call("GET", `/v2/workflows/${path}`);
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining("stuck must")]);
  }
});
