// Which entries a list, a resume, a restart or a delete is about.

import type { BulkRunsAnswer, DeadLetterResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { until } from "./until.ts";
import { type TriggerOptions, useWorld } from "./world.ts";

const world = useWorld();

/** An app that is down: every run fails at its first delivery and has no failure function. */
function down(path: string): string {
  return world.app.on(path, (_request, { headers }) =>
    headers["upstash-workflow-is-failure"] === "true"
      ? new Response("{}", { headers: { "upstash-workflow-failure-callback-notfound": "true" } })
      : new Response("", { status: 500 }),
  );
}

/** Fails one run; gives its entry. Entries of one test have different creation times. */
async function fail(options: Partial<TriggerOptions> = {}): Promise<DeadLetterResource> {
  const url = options.url ?? down("/down");
  const runId = await world.trigger({ retries: 0, ...options, url });
  // Without a failure URL the call ends with the word that there is no failure function.
  const entry = await (options.failureUrl === undefined
    ? world.deadLetterIn(runId, null)
    : world.deadLetter(runId));
  await until("the clock's next millisecond", () => Date.now() > entry.createdAt);
  return entry;
}

/** The ids that a query selects, as the list shows them. */
async function selected(query: string): Promise<readonly string[]> {
  const answer = await world.call("GET", `/v2/workflows/dlq?${query}`);
  expect(answer.status, answer.text).toBe(200);
  // The tests of failures check the entries.
  const { messages } = answer.json as { readonly messages: readonly DeadLetterResource[] };
  return messages.map(({ dlqId }) => dlqId);
}

const ids = (...entries: readonly DeadLetterResource[]): readonly string[] =>
  entries.map(({ dlqId }) => dlqId);

async function resume(query: string): Promise<BulkRunsAnswer> {
  const answer = await world.call("POST", `/v2/workflows/dlq/resume?${query}`);
  expect(answer.status, answer.text).toBe(200);
  return answer.json as BulkRunsAnswer; // The tests of the resume check the shape.
}

/** The same selection must hold for the list and for everything that acts. */
async function expectSelection(
  query: string,
  expected: readonly DeadLetterResource[],
): Promise<void> {
  expect((await selected(query)).toSorted()).toEqual(ids(...expected).toSorted());
  const { workflowRuns } = await resume(query);
  const sources = await Promise.all(
    workflowRuns.map(async ({ workflowRunId }) => {
      const run = await world.log(workflowRunId);
      return run?.resumedFrom?.workflowRunId;
    }),
  );
  const runIds = expected.map(({ workflowRunId }) => workflowRunId);
  expect(sources.toSorted()).toEqual(runIds.toSorted());
}

test("S57: ids select only these, and every other filter is ignored", async () => {
  const [first, second, third] = [await fail(), await fail(), await fail()];
  const query = `dlqIds=${first.dlqId}&dlqIds=${third.dlqId}&label=nobody&toDate=1`;
  const { workflowRuns, cursor } = await resume(query);
  expect(workflowRuns).toHaveLength(2);
  expect(cursor).toBe("");
  expect(await selected(`workflowRunId=${second.workflowRunId}`)).toEqual(ids(second));
  expect(await selected(`workflowRunId=${first.workflowRunId}`)).toEqual([]);
});

test("S57: ids may be repeated, comma separated, or come in a JSON body", async () => {
  const all = [await fail(), await fail(), await fail(), await fail()];
  const [a, b, c, d] = ids(...all);
  expect((await resume(`dlqIds=${a},${b}`)).workflowRuns).toHaveLength(2);
  const body = JSON.stringify({ dlqIds: [c, d] });
  const answer = await world.call("POST", "/v2/workflows/dlq/restart", { body });
  expect(answer.json).toMatchObject({ workflowRuns: [{}, {}], cursor: "" });
});

test("S57: when some ids are unknown the answer is 404 and nothing is resumed", async () => {
  const entry = await fail();
  const query = `dlqIds=${entry.dlqId}&dlqIds=1725323658779-999`;
  for (const mode of ["resume", "restart"]) {
    const answer = await world.call("POST", `/v2/workflows/dlq/${mode}?${query}`);
    expect([answer.status, answer.json]).toMatchObject([
      404,
      { error: expect.stringContaining("1725323658779-999") },
    ]);
  }
  expect(await selected("")).toEqual(ids(entry));
});

test("S58: a cursor goes on where the last answer ended, and every match is handled exactly once while others arrive", async () => {
  const first = [await fail(), await fail(), await fail()];
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
    expect(pages).toBeLessThan(20);
  } while (cursor !== undefined);
  const wanted = first.map(({ workflowRunId }) => workflowRunId);
  expect(sources.filter((source) => source !== undefined && wanted.includes(source))).toEqual(
    wanted,
  );
  expect(new Set(sources).size).toBe(sources.length);
});

test("S58: the list goes through its pages without leaving one out or showing one twice", async () => {
  const entries = [];
  for (let count = 0; count < 5; count += 1) entries.push(await fail());
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
  } while (cursor !== undefined);
  expect(seen.toSorted()).toEqual(ids(...entries).toSorted());
});

test("S59: at most count entries are handled, and without a count all that match", async () => {
  for (let number = 0; number < 5; number += 1) await fail({ label: "bulk" });
  const some = await resume("label=bulk&count=2");
  expect(some.workflowRuns).toHaveLength(2);
  expect(some.cursor).not.toBe("");
  world.serve("/down", async (context) => {
    await context.run("only", () => 1);
  });
  const rest = await resume(`label=bulk&cursor=${some.cursor}`);
  expect(rest.workflowRuns).toHaveLength(3);
  expect(rest.cursor).toBe("");
});

test("S59: more than a page of entries are all handled by following the cursor", async () => {
  const url = down("/down");
  const runIds = await world.client.trigger(
    Array.from({ length: 60 }, () => ({ url, retries: 0, label: "many" })),
  );
  await Promise.all(runIds.map(({ workflowRunId }) => world.failed(workflowRunId)));
  let deleted = 0;
  let cursor = "";
  do {
    const page = await world.client.dlq.delete({ all: true, count: 25, cursor });
    expect(page.deleted).toBeLessThanOrEqual(25);
    deleted += page.deleted;
    cursor = page.cursor ?? "";
  } while (cursor !== "");
  expect(deleted).toBe(60);
  expect(await selected("")).toEqual([]);
});

test("S60, S61: fromDate and toDate include their own millisecond, which is that of the failure", async () => {
  const [first, second, third] = [await fail(), await fail(), await fail()];
  const at = second.createdAt;
  expect(await selected(`fromDate=${at}&toDate=${at}`)).toEqual(ids(second));
  expect((await selected(`fromDate=${at}`)).toSorted()).toEqual(ids(second, third).toSorted());
  expect((await selected(`toDate=${at}`)).toSorted()).toEqual(ids(first, second).toSorted());
  expect(await selected(`fromDate=${at + 1}&toDate=${third.createdAt - 1}`)).toEqual([]);
  expect(await selected(`toDate=${at - 1}`)).toEqual(ids(first));
  await expectSelection(`fromDate=${at}&toDate=${at}`, [second]);
});

test("S62: the workflow URL must be equal, and several are alternatives", async () => {
  const a = await fail({ url: down("/a") });
  const ab = await fail({ url: down("/a/b") });
  const query = await fail({ url: `${down("/c")}?x=1,2` });
  const of = ({ workflowUrl }: DeadLetterResource) =>
    `workflowUrl=${encodeURIComponent(workflowUrl)}`;
  expect(await selected(of(a))).toEqual(ids(a));
  expect(await selected(of(query))).toEqual(ids(query));
  expect(await selected(`workflowUrl=${encodeURIComponent(world.app.url)}`)).toEqual([]);
  await expectSelection(`${of(a)}&${of(ab)}`, [a, ab]);
});

test("S63: the run id must be equal", async () => {
  const entry = await fail({ workflowRunId: "abc" });
  await fail({ workflowRunId: "abcd" });
  expect(await selected("workflowRunId=wfr_ab")).toEqual([]);
  await expectSelection("workflowRunId=wfr_abc", [entry]);
});

test("S64: with an id that was used again the creation picks one of the runs", async () => {
  const first = await fail({ workflowRunId: "same" });
  const second = await fail({ workflowRunId: "same" });
  expect((await selected("workflowRunId=wfr_same")).toSorted()).toEqual(
    ids(first, second).toSorted(),
  );
  await expectSelection(`workflowRunId=wfr_same&workflowCreatedAt=${first.workflowCreatedAt}`, [
    first,
  ]);
});

test("S65: any of a run's labels is enough, several asked for are alternatives", async () => {
  const both = await fail({ label: ["blue", "v1"] });
  const blue = await fail({ label: "blue" });
  const red = await fail({ label: "red" });
  await fail({ label: "bluebird" });
  expect(await selected("label=v1")).toEqual(ids(both));
  expect((await selected("label=blue")).toSorted()).toEqual(ids(both, blue).toSorted());
  await expectSelection("label=v1&label=red", [both, red]);
});

test("S66, S70-S74: the state of the failure function selects, several are alternatives, and none has a word", async () => {
  const gate = Promise.withResolvers<void>();
  const alarm = (path: string, respond: () => Response | Promise<Response>) =>
    world.app.on(path, respond);
  const [success, broken, silent, canceled] = [
    await fail({ failureUrl: alarm("/success", () => new Response("")) }),
    await fail({ failureUrl: alarm("/broken", () => new Response("", { status: 500 })) }),
    await fail({ failureUrl: alarm("/silent", () => gate.promise.then(() => new Response(""))) }),
    await fail({ failureUrl: alarm("/canceled", () => gate.promise.then(() => new Response(""))) }),
  ];
  const none = await fail();
  await world.call("DELETE", `/v2/workflows/dlq/callback/${canceled.dlqId}`);
  const states = [
    ["CALLBACK_SUCCESS", success],
    ["CALLBACK_FAIL", broken],
    ["CALLBACK_INPROGRESS", silent],
    ["CALLBACK_CANCELED", canceled],
    ["NONE", none],
  ] as const;
  for (const [state, entry] of states) {
    await until(state, async () => (await selected(`failureFunctionState=${state}`)).length > 0);
    expect([state, await selected(`failureFunctionState=${state}`)]).toEqual([state, ids(entry)]);
    expect(await selected(`failureCallbackState=${state}`)).toEqual(ids(entry));
  }
  const query = "failureFunctionState=CALLBACK_FAIL&failureFunctionState=CALLBACK_SUCCESS";
  await expectSelection(query, [success, broken]);
  gate.resolve();
});

test("S67: the caller's address selects", async () => {
  const entry = await fail();
  expect(await selected("callerIp=10.0.0.1")).toEqual([]);
  await expectSelection("callerIp=10.0.0.1&callerIp=127.0.0.1", [entry]);
});

test("S68: the flow control key selects, several are alternatives", async () => {
  const a = await fail({ flowControl: { key: "a", rate: 9 } });
  const b = await fail({ flowControl: { key: "b", rate: 9 } });
  await fail({ flowControl: { key: "ab", rate: 9 } });
  await fail();
  expect(await selected("flowControlKey=a")).toEqual(ids(a));
  await expectSelection("flowControlKey=a,b", [a, b]);
});

test("S69: different filters must all hold", async () => {
  const wanted = await fail({ label: "blue", url: down("/a") });
  await fail({ label: "blue", url: down("/b") });
  await fail({ label: "red", url: down("/a") });
  const url = encodeURIComponent(wanted.workflowUrl);
  await expectSelection(`label=blue&workflowUrl=${url}&fromDate=${wanted.workflowCreatedAt}`, [
    wanted,
  ]);
});

test("the official client's filters reach the list, the resume, the restart and the delete", async () => {
  const filter = { label: ["blue", "red"], fromDate: new Date(Date.now() - 60_000).getTime() };
  const entries = [await fail({ label: "blue" }), await fail({ label: "red" })];
  const other = await fail({ label: "green" });
  const { messages } = await world.client.dlq.list({ filter });
  expect(messages.map(({ dlqId }) => dlqId).toSorted()).toEqual(ids(...entries).toSorted());
  const resumed = await world.client.dlq.resume({ filter: { label: "blue" } });
  expect(resumed.workflowRuns).toHaveLength(1);
  const restarted = await world.client.dlq.restart({ filter: { label: "red" } });
  expect(restarted.workflowRuns).toHaveLength(1);
  expect(await world.client.dlq.delete({ filter: { label: "green" } })).toMatchObject({
    deleted: 1,
  });
  expect(await selected(`workflowRunId=${other.workflowRunId}`)).toEqual([]);
});

test("both addresses of the list give the same, and the one of plain messages shows no workflow", async () => {
  const entry = await fail();
  const list = await world.call("GET", "/v2/workflows/dlq");
  expect(list.json).toMatchObject({ messages: [{ dlqId: entry.dlqId }] });
  expect((await world.call("GET", "/v2/dlq?source=workflow")).json).toEqual(list.json);
  expect((await world.call("GET", "/v2/dlq")).json).toEqual({ messages: [] });
});

test("a filter with an empty value, and one that is not known, select nothing and change nothing", async () => {
  const entry = await fail();
  for (const query of [
    "dlqIds=",
    "label=",
    "workflowUrl=",
    "labels=blue",
    "failureFunctionState=MAYBE",
  ]) {
    for (const mode of ["resume", "restart"]) {
      const answer = await world.call("POST", `/v2/workflows/dlq/${mode}?${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
    }
    const answer = await world.call("DELETE", `/v2/workflows/dlq?${query}`);
    expect([query, answer.status]).toEqual([query, 400]);
  }
  const body = JSON.stringify({ dlqIds: [] });
  expect((await world.call("POST", "/v2/workflows/dlq/resume", { body })).status).toBe(400);
  expect((await world.call("DELETE", "/v2/workflows/dlq", { body })).status).toBe(400);
  expect(await selected("")).toEqual(ids(entry));
});
