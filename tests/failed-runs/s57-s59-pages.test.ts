// Which entries one request for many is about: by ids, and page by page.

import { expect, test } from "vitest";
import { useWorld } from "../conformance/world.ts";
import { actOnMany, failRun, handledBy, idsOf, listIds, serveDown, VERBS } from "./dead-letters.ts";

const world = useWorld();

const UNKNOWN_ID = "1725323658779-999";

test.each(VERBS)(
  "S57: ids select only these, and every other filter is ignored: %s",
  async (verb) => {
    const [first, second, third] = [
      await failRun(world),
      await failRun(world),
      await failRun(world),
    ];
    const query = `dlqIds=${first.dlqId}&dlqIds=${third.dlqId}&label=nobody&toDate=1`;
    const answer = await actOnMany(world, verb, query);
    expect(handledBy(answer)).toBe(2);
    expect(answer.cursor ?? "").toBe("");
    expect(await listIds(world, `workflowRunId=${second.workflowRunId}`)).toEqual(idsOf(second));
    const gone = `workflowRunId=${first.workflowRunId}&workflowRunId=${third.workflowRunId}`;
    expect(await listIds(world, gone)).toEqual([]);
  },
);

test.each(VERBS)(
  "S57: ids may be repeated, comma separated, or come in a JSON body: %s",
  async (verb) => {
    const entries = [];
    for (let count = 0; count < 6; count += 1) entries.push(await failRun(world));
    const [a, b, c, d, e, f] = idsOf(...entries);
    expect(handledBy(await actOnMany(world, verb, `dlqIds=${a}&dlqIds=${b}`))).toBe(2);
    expect(handledBy(await actOnMany(world, verb, `dlqIds=${c},${d}`))).toBe(2);
    const body = JSON.stringify({ dlqIds: [e, f] });
    const answer =
      verb === "delete"
        ? await world.call("DELETE", "/v2/workflows/dlq", { body })
        : await world.call("POST", `/v2/workflows/dlq/${verb}`, { body });
    // One of the two shapes, as `handledBy` reads it.
    expect(handledBy(answer.json as { readonly deleted?: number })).toBe(2);
  },
);

test.each(["resume", "restart"] as const)(
  "S57: when some ids are unknown the answer is 404 and nothing is done: %s",
  async (verb) => {
    const entry = await failRun(world);
    const query = `dlqIds=${entry.dlqId}&dlqIds=${UNKNOWN_ID}`;
    const answer = await world.call("POST", `/v2/workflows/dlq/${verb}?${query}`);
    expect([answer.status, answer.json]).toEqual([
      404,
      { error: expect.stringContaining(UNKNOWN_ID), code: "dead_letter_not_found" },
    ]);
    expect(await listIds(world, "")).toEqual(idsOf(entry));
  },
);

test("S57: a delete counts the ids that were there and passes over the others", async () => {
  const entry = await failRun(world);
  const query = `dlqIds=${entry.dlqId}&dlqIds=${UNKNOWN_ID}`;
  expect(await actOnMany(world, "delete", query)).toEqual({ deleted: 1 });
});

test("S57: runs are answered in the order of the ids, and an id that is named twice counts once", async () => {
  const [first, second] = [await failRun(world), await failRun(world)];
  const query = `dlqIds=${second.dlqId},${first.dlqId},${second.dlqId}`;
  const { workflowRuns } = await actOnMany(world, "resume", query);
  const logs = await Promise.all(workflowRuns.map((run) => world.log(run.workflowRunId)));
  expect(logs.map((run) => run?.resumedFrom?.workflowRunId)).toEqual([
    second.workflowRunId,
    first.workflowRunId,
  ]);
});

test("S58: a cursor goes on where the last answer ended, and every match is handled exactly once while others arrive", async () => {
  const first = [await failRun(world), await failRun(world), await failRun(world)];
  const sources: (string | undefined)[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = await world.client.dlq.restart({
      filter: { workflowUrl: `${world.app.url}/down` },
      count: 2,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { workflowRunId } of page.workflowRuns) {
      const run = await world.log(workflowRunId);
      sources.push(run?.resumedFrom?.workflowRunId);
      // The restarted run fails again, which makes an entry that was not there when the batch began.
      await world.failed(workflowRunId);
    }
    cursor = page.cursor;
    pages += 1;
  } while (cursor !== undefined && pages < 20);
  expect(sources).toEqual(first.map(({ workflowRunId }) => workflowRunId));
});

test.each(VERBS)("S58: an empty or missing cursor says that nothing is left: %s", async (verb) => {
  for (let count = 0; count < 3; count += 1) await failRun(world, { label: "batch" });
  const first = await actOnMany(world, verb, "label=batch&count=2");
  expect(first.cursor).toEqual(expect.stringMatching(/./));
  const second = await actOnMany(world, verb, `label=batch&count=2&cursor=${first.cursor}`);
  expect(handledBy(second)).toBe(1);
  expect(second.cursor ?? "").toBe("");
});

test("S58: the list goes through its pages without leaving one out or showing one twice", async () => {
  const entries = [];
  for (let count = 0; count < 5; count += 1) entries.push(await failRun(world));
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await world.client.dlq.list({
      count: 2,
      ...(cursor === undefined ? {} : { cursor }),
    });
    expect(page.messages.length).toBeLessThanOrEqual(2);
    seen.push(...page.messages.map(({ dlqId }) => dlqId));
    cursor = page.cursor;
    // Somebody else fails meanwhile.
    if (seen.length === 2) entries.push(await failRun(world));
  } while (cursor !== undefined);
  expect(seen).toEqual(idsOf(...entries));
});

test.each(VERBS)(
  "S59: at most count entries are handled, and without a count all that match: %s",
  async (verb) => {
    for (let number = 0; number < 5; number += 1) await failRun(world, { label: "bulk" });
    const other = await failRun(world, { label: "other" });
    const some = await actOnMany(world, verb, "label=bulk&count=2");
    expect(handledBy(some)).toBe(2);
    const rest = await actOnMany(world, verb, `label=bulk&cursor=${some.cursor}`);
    expect(handledBy(rest)).toBe(3);
    expect(rest.cursor ?? "").toBe("");
    expect(await listIds(world, "label=other")).toEqual(idsOf(other));
  },
);

test.each([
  ["resume", 50],
  ["restart", 50],
  ["delete", 100],
] as const)("S59: a %s with a count handles at most %i in one request", async (verb, pageMax) => {
  const url = serveDown(world, "/down");
  await failMany(url, pageMax + 5);
  const page = await actOnMany(world, verb, "count=500");
  expect(handledBy(page)).toBe(pageMax);
  const rest = await actOnMany(world, verb, `count=500&cursor=${page.cursor}`);
  expect([handledBy(rest), rest.cursor ?? ""]).toEqual([5, ""]);
});

test.each(VERBS)(
  "S59: without a count one request takes what one page would not: %s",
  async (verb) => {
    await failMany(serveDown(world, "/down"), 120);
    const answer = await actOnMany(world, verb, "label=many");
    expect([handledBy(answer), answer.cursor ?? ""]).toEqual([120, ""]);
  },
);

/** Fails many runs of one workflow at once. */
async function failMany(url: string, count: number): Promise<void> {
  const trigger = { url, retries: 0, label: "many" };
  const runs = await world.client.trigger(Array.from({ length: count }, () => trigger));
  await Promise.all(runs.map(({ workflowRunId }) => world.failed(workflowRunId)));
}

test("S59: a count that is no whole number above zero is refused by name", async () => {
  const entry = await failRun(world);
  for (const count of ["0", "-1", "1.5", "all", ""]) {
    const answer = await world.call("POST", `/v2/workflows/dlq/resume?count=${count}`);
    expect([count, answer.status, answer.json]).toEqual([
      count,
      400,
      { error: expect.stringMatching(/^count /), code: "invalid_query" },
    ]);
  }
  expect(await listIds(world, "")).toEqual(idsOf(entry));
});
