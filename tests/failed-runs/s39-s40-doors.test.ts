// The ways to a dead letter: REST, the official client and the command line, with the same result.

import { isJsonObject, type RunAnswer } from "@reprise/protocol";
import { expect, test } from "vitest";
import { Counters } from "../conformance/counters.ts";
import { deadMessageOf, idOf, qstash } from "../conformance/publisher.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { serveAlarmed } from "./alarmed.ts";
import { readCli, runCli } from "./cli.ts";
import { failOrder } from "./order.ts";
import type { Mode } from "./revive.ts";

const world = useWorld();

/** What each way needs to bring back one dead letter; all give the new run's id. */
const DOORS: Readonly<Record<string, (mode: Mode, dlqId: string) => Promise<unknown>>> = {
  REST: async (mode, dlqId) => {
    const answer = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
    return isJsonObject(answer.json) ? answer.json.workflowRunId : null;
  },
  "the official client": async (mode, dlqId) => {
    const { workflowRuns } = await world.client.dlq[mode](dlqId);
    return workflowRuns[0]?.workflowRunId;
  },
  "the official client's older form": async (mode, dlqId) => {
    const { workflowRunId } = await world.client.dlq[mode]({ dlqId });
    return workflowRunId;
  },
  "the command line": async (mode, dlqId) => {
    const answer = await readCli(world, ["dlq", mode, dlqId]);
    const runs =
      isJsonObject(answer) && Array.isArray(answer.workflowRuns) ? answer.workflowRuns : [];
    expect(runs).toMatchObject([{ dlqId }]);
    return runs[0].workflowRunId;
  },
};

const doors = Object.entries(DOORS);

test.each(doors)("S39: a resume by %s goes on from the failed step", async (_name, open) => {
  const { runId, counters } = await failOrder(world);
  const { dlqId } = await world.deadLetter(runId);
  counters.heal();
  const run = await world.succeeded(String(await open("resume", dlqId)));
  expect(run.resumedFrom).toMatchObject({ workflowRunId: runId, mode: "resume" });
  expect(run.workflowRunResponse).toBe('"shipped after charge 7"');
  expect(counters.all()).toEqual({ reserve: 1, charge: 2, ship: 1 });
});

test.each(doors)("S39: a restart by %s begins with the first step", async (_name, open) => {
  const { runId, counters } = await failOrder(world);
  const { dlqId } = await world.deadLetter(runId);
  counters.heal();
  const run = await world.succeeded(String(await open("restart", dlqId)));
  expect(run.resumedFrom).toMatchObject({ workflowRunId: runId, mode: "restart" });
  expect(run.workflowRunResponse).toBe('"shipped after charge 7"');
  expect(counters.all()).toEqual({ reserve: 2, charge: 2, ship: 1 });
});

test.each<[string, (dlqId: string) => Promise<unknown>]>([
  ["REST", (dlqId) => world.call("POST", `/v2/workflows/dlq/callback/${dlqId}`)],
  ["the official client", (dlqId) => world.client.dlq.retryFailureFunction({ dlqId })],
  ["the command line", (dlqId) => readCli(world, ["dlq", "callback", dlqId])],
])("S39: the failure function is called again by %s", async (_name, callAgain) => {
  const counters = new Counters(["charge", "mailer"]);
  const url = serveAlarmed(world, "/order", counters);
  const runId = await world.trigger({ url, retries: 0 });
  const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_FAIL");
  counters.heal();
  await callAgain(dlqId);
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  expect(counters.all()).toEqual({ first: 1, charge: 1, mailer: 2 });
});

test.each<[string, (dlqId: string) => Promise<unknown>]>([
  ["REST", (dlqId) => world.call("DELETE", `/v2/workflows/dlq/${dlqId}`)],
  ["the official client", (dlqId) => world.client.dlq.delete(dlqId)],
  ["the command line", (dlqId) => readCli(world, ["dlq", "delete", dlqId, "--yes"])],
])("S39: an entry is deleted by %s", async (_name, remove) => {
  const { runId } = await failOrder(world);
  const other = await failOrder(world);
  await remove((await world.deadLetter(runId)).dlqId);
  const { messages } = await world.client.dlq.list();
  expect(messages.map(({ workflowRunId }) => workflowRunId)).toEqual([other.runId]);
});

test.each(["resume", "restart", "callback"])(
  "S39: what REST refuses the command line refuses in the same words: %s",
  async (verb) => {
    const path = `/v2/workflows/dlq/${verb}/1725323658779-999`;
    const { json } = await world.call("POST", path);
    const { exitCode, out, err } = await runCli(world, ["dlq", verb, "1725323658779-999"]);
    expect([exitCode, out]).toEqual([1, ""]);
    expect(err).toContain(isJsonObject(json) ? String(json.error) : "no answer");
  },
);

test.each(["resume", "restart", "delete"])(
  "S69: the command line does nothing without ids, filters or the word --all: %s",
  async (verb) => {
    const { runId } = await failOrder(world);
    const { exitCode, err } = await runCli(world, ["dlq", verb, "--yes"]);
    expect([exitCode, err]).toEqual([2, expect.stringContaining("--all")]);
    expect((await world.deadLetter(runId)).workflowRunId).toBe(runId);
  },
);

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

test.each(["resume", "restart", "callback"])(
  "S40: the entry of a message without a run is no workflow's: %s",
  async (mode) => {
    const url = world.app.on("/hook", () => new Response("", { status: 500 }));
    const messageId = idOf(await qstash(world).publish({ url, retries: 0 }));
    const { dlqId } = await deadMessageOf(world, messageId);
    const answer = await world.call("POST", `/v2/workflows/dlq/${mode}/${dlqId}`);
    expect(answer).toMatchObject({ status: 400, json: { code: "not_a_workflow" } });
    expect((await deadMessageOf(world, messageId)).dlqId).toBe(dlqId);
  },
);
