// The ways to a dead letter: REST, the official client and the command line, with the same result.

import type { RunAnswer } from "@reprise/protocol";
import { expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { failOrder } from "./order.ts";

const world = useWorld();

test("S40: resume and restart answer with the new run, and the entry leaves the queue", async () => {
  for (const mode of ["resume", "restart"] as const) {
    const { runId } = await failOrder(world);
    const { dlqId } = await world.deadLetter(runId);
    const answer = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
    expect(answer.json).toEqual({
      workflowRunId: expect.stringMatching(/^wfr_[A-Za-z0-9_-]{21}$/),
      workflowCreatedAt: expect.any(Number),
    });
    const { workflowRunId, workflowCreatedAt } = answer.json as RunAnswer; // As checked above.
    expect((await world.log(workflowRunId))?.workflowRunCreatedAt).toBe(workflowCreatedAt);
    const { messages } = await world.client.dlq.list({ filter: { workflowRunId: runId } });
    expect(messages).toEqual([]);
    const again = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
    expect(again.status).toBe(404);
    const gone = await world.call("GET", `/v2/workflows/dlq/${dlqId}`);
    expect(gone.status).toBe(404);
  }
});

test.each(["resume", "restart", "callback"])(
  "S40: %s of an unknown id is 404 and of an impossible one 400 or 404",
  async (mode) => {
    const { runId } = await failOrder(world);
    const unknown = await world.call("POST", `/v2/workflows/dlq/${mode}/1725323658779-999`);
    expect(unknown.status).toBe(404);
    const impossible = await world.call("POST", `/v2/workflows/dlq/${mode}/no%20id`);
    expect([400, 404]).toContain(impossible.status);
    expect((await world.deadLetter(runId)).workflowRunId).toBe(runId);
  },
);

test("S40: of two people who resume the same entry one gets the run and the other 404", async () => {
  const { runId, counters } = await failOrder(world);
  const { dlqId } = await world.deadLetter(runId);
  counters.heal();
  const resume = () => world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`);
  const answers = await Promise.all([resume(), resume(), resume()]);
  expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 404, 404]);
  await until("the end", () => counters.all().ship === 1);
  await world.close();
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, ship: 1 });
});

test("S40: the official client resumes and restarts by id and gets the runs in the order of the ids", async () => {
  const first = await failOrder(world);
  const second = await failOrder(world);
  const ids = [
    (await world.deadLetter(second.runId)).dlqId,
    (await world.deadLetter(first.runId)).dlqId,
  ];
  second.counters.heal();
  const { workflowRuns, cursor } = await world.client.dlq.resume(ids);
  expect(cursor).toBeUndefined();
  const logs = await Promise.all(workflowRuns.map((run) => world.succeeded(run.workflowRunId)));
  const sources = logs.map(({ resumedFrom }) => resumedFrom?.workflowRunId);
  expect(sources).toEqual([second.runId, first.runId]);
});
