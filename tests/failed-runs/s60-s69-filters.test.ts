// Each filter of dead letters: the same entries for the list, the resume, the restart and the delete.

import type { DeadLetterResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { useWorld } from "../conformance/world.ts";
import { expectSelection, failRun, idsOf, listIds, serveDown, VERBS } from "./dead-letters.ts";

const world = useWorld();

const fail = (options: Parameters<typeof failRun>[1] = {}) => failRun(world, options);
const selected = (query: string) => listIds(world, query);
const urlFilter = ({ workflowUrl }: DeadLetterResource): string =>
  `workflowUrl=${encodeURIComponent(workflowUrl)}`;

test.each(VERBS)(
  "S60: fromDate includes its own millisecond, which is that of the failure: %s",
  async (verb) => {
    const [first, second, third] = [await fail(), await fail(), await fail()];
    expect(await selected(`fromDate=${first.createdAt}`)).toEqual(idsOf(first, second, third));
    expect(await selected(`fromDate=${second.createdAt + 1}`)).toEqual(idsOf(third));
    const query = `fromDate=${second.createdAt}`;
    await expectSelection(world, { verb, query, expected: [second, third] });
  },
);

test.each(VERBS)("S61: toDate includes its own millisecond: %s", async (verb) => {
  const [first, second, third] = [await fail(), await fail(), await fail()];
  expect(await selected(`toDate=${third.createdAt}`)).toEqual(idsOf(first, second, third));
  expect(await selected(`toDate=${second.createdAt - 1}`)).toEqual(idsOf(first));
  const query = `toDate=${second.createdAt}`;
  await expectSelection(world, { verb, query, expected: [first, second] });
});

test.each(VERBS)("S61: both dates may be the same millisecond: %s", async (verb) => {
  const [first, second, third] = [await fail(), await fail(), await fail()];
  const between = `fromDate=${first.createdAt + 1}&toDate=${second.createdAt - 1}`;
  if (second.createdAt - first.createdAt > 1) expect(await selected(between)).toEqual([]);
  const query = `fromDate=${second.createdAt}&toDate=${second.createdAt}`;
  await expectSelection(world, { verb, query, expected: [second] });
  expect(await selected(`toDate=${third.createdAt}`)).toEqual(
    expect.arrayContaining([...idsOf(first, third)]),
  );
});

test.each(VERBS)(
  "S62: the workflow URL must be equal, and several are alternatives: %s",
  async (verb) => {
    const a = await fail({ url: serveDown(world, "/a") });
    const ab = await fail({ url: serveDown(world, "/a/b") });
    const withQuery = await fail({ url: `${serveDown(world, "/c")}?x=1,2` });
    expect(await selected(urlFilter(a))).toEqual(idsOf(a));
    expect(await selected(urlFilter(withQuery))).toEqual(idsOf(withQuery));
    expect(await selected(`workflowUrl=${encodeURIComponent(world.app.url)}`)).toEqual([]);
    const query = `${urlFilter(a)}&${urlFilter(ab)}`;
    await expectSelection(world, { verb, query, expected: [a, ab] });
  },
);

test.each(VERBS)("S63: the run id must be equal: %s", async (verb) => {
  const entry = await fail({ workflowRunId: "abc" });
  await fail({ workflowRunId: "abcd" });
  expect(await selected("workflowRunId=wfr_ab")).toEqual([]);
  await expectSelection(world, { verb, query: "workflowRunId=wfr_abc", expected: [entry] });
});

test.each(VERBS)(
  "S64: with an id that was used again the creation picks one of the runs: %s",
  async (verb) => {
    const first = await fail({ workflowRunId: "same" });
    const second = await fail({ workflowRunId: "same" });
    expect(await selected("workflowRunId=wfr_same")).toEqual(idsOf(first, second));
    const of = (at: number) => `workflowRunId=wfr_same&workflowCreatedAt=${at}`;
    expect(await selected(of(first.workflowCreatedAt - 1))).toEqual([]);
    const query = of(first.workflowCreatedAt);
    await expectSelection(world, { verb, query, expected: [first] });
    expect(await selected(of(second.workflowCreatedAt))).toEqual(idsOf(second));
  },
);

test.each(VERBS)(
  "S65: any of a run's labels is enough, several asked for are alternatives: %s",
  async (verb) => {
    const both = await fail({ label: ["blue", "v1"] });
    const blue = await fail({ label: "blue" });
    const red = await fail({ label: "red" });
    await fail({ label: "bluebird" });
    await fail();
    expect(await selected("label=v1")).toEqual(idsOf(both));
    expect(await selected("label=blue")).toEqual(idsOf(both, blue));
    await expectSelection(world, { verb, query: "label=v1&label=red", expected: [both, red] });
  },
);

test.each(VERBS)(
  "S66: several states of the failure function are alternatives: %s",
  async (verb) => {
    const answer = (path: string, status: number) =>
      world.app.on(path, () => new Response("", { status }));
    const success = await fail({ failureUrl: answer("/success", 200) });
    const broken = await fail({ failureUrl: answer("/broken", 500) });
    const none = await fail();
    await world.deadLetterIn(success.workflowRunId, "CALLBACK_SUCCESS");
    await world.deadLetterIn(broken.workflowRunId, "CALLBACK_FAIL");
    expect(await selected("failureFunctionState=NONE")).toEqual(idsOf(none));
    const query = "failureFunctionState=CALLBACK_FAIL&failureFunctionState=CALLBACK_SUCCESS";
    await expectSelection(world, { verb, query, expected: [success, broken] });
  },
);

test.each(VERBS)(
  "S67: the caller's address selects, several are alternatives: %s",
  async (verb) => {
    const entry = await fail();
    expect(await selected("callerIp=10.0.0.1")).toEqual([]);
    const query = "callerIp=10.0.0.1&callerIp=127.0.0.1";
    await expectSelection(world, { verb, query, expected: [entry] });
  },
);

test.each(VERBS)(
  "S68: the flow control key selects, several are alternatives: %s",
  async (verb) => {
    const a = await fail({ flowControl: { key: "a", rate: 9 } });
    const b = await fail({ flowControl: { key: "b", rate: 9 } });
    await fail({ flowControl: { key: "ab", rate: 9 } });
    await fail();
    expect(await selected("flowControlKey=a")).toEqual(idsOf(a));
    await expectSelection(world, { verb, query: "flowControlKey=a,b", expected: [a, b] });
  },
);

test.each(VERBS)("S69: different filters must all hold: %s", async (verb) => {
  const wanted = await fail({ label: "blue", url: serveDown(world, "/a") });
  await fail({ label: "blue", url: serveDown(world, "/b") });
  await fail({ label: "red", url: serveDown(world, "/a") });
  const query = `label=blue&${urlFilter(wanted)}&fromDate=${wanted.workflowCreatedAt}`;
  await expectSelection(world, { verb, query, expected: [wanted] });
});

test("S69: the official client's filters reach the list, the resume, the restart and the delete", async () => {
  const filter = { label: ["blue", "red"], fromDate: Date.now() - 60_000 };
  const entries = [await fail({ label: "blue" }), await fail({ label: "red" })];
  const other = await fail({ label: "green" });
  const { messages } = await world.client.dlq.list({ filter });
  expect(messages.map(({ dlqId }) => dlqId)).toEqual(idsOf(...entries));
  const resumed = await world.client.dlq.resume({ filter: { label: "blue" } });
  expect(resumed.workflowRuns).toHaveLength(1);
  const restarted = await world.client.dlq.restart({ filter: { label: "red" } });
  expect(restarted.workflowRuns).toHaveLength(1);
  const deleted = await world.client.dlq.delete({ filter: { label: "green" } });
  expect(deleted).toEqual({ deleted: 1 });
  expect(await selected(`workflowRunId=${other.workflowRunId}`)).toEqual([]);
});

test.each(VERBS)(
  "S69: the official client says in a word of its own that it means all: %s",
  async (verb) => {
    for (let count = 0; count < 3; count += 1) await fail();
    const answer = await world.client.dlq[verb]({ all: true, count: 2 });
    const handled = "deleted" in answer ? answer.deleted : answer.workflowRuns.length;
    expect(handled).toBe(2);
  },
);

test("S69: a filter with an empty value, and one that is not known, select nothing and change nothing", async () => {
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
  expect(await selected("")).toEqual(idsOf(entry));
});
