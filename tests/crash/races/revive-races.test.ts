// Several people do something about the same dead letter at the same time, and answers come while a run fails.

import type { BulkRunsAnswer } from "@reprise/protocol";
import { expect, test, vi } from "vitest";
import { quietSdk } from "../../conformance/quiet-sdk.ts";
import { until } from "../../conformance/until.ts";
import { rounds, useRaceWorld } from "./race-world.ts";

// Longer than what is waited for one after the other: the one that never comes tells.
vi.setConfig({ testTimeout: 300_000 });

const ROUNDS = 60;
const LEAD_MS_MAX = 15;

const world = useRaceWorld();
quietSdk();

test("two resumes, a restart and a delete: one of them gets the dead letter", async () => {
  const counts = await rounds(ROUNDS, async (number) => {
    const { runId, dlqId } = await world.failed();
    const path = (verb: string) => `/v2/workflows/dlq/${verb}/${dlqId}`;
    const verbs = [
      ["resumed", "POST", path("resume")],
      ["resumed", "POST", path("resume")],
      ["restarted", "POST", path("restart")],
      ["deleted", "DELETE", `/v2/workflows/dlq/${dlqId}`],
    ] as const;
    // Everybody is first once in four rounds.
    const turned = verbs.map((_, index) => verbs[(index + number) % verbs.length] ?? verbs[0]);
    const answers = await Promise.all(
      turned.map(([, method, target]) => world.world.call(method, target)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([200, 404, 404, 404]);
    const [winner = "nobody"] = turned[statuses.indexOf(200)] ?? [];
    const { store } = world.world;
    const { run } = await world.stateOf(runId);
    const [letter] = await store.get("deadLetters", [run.deadLetterKey ?? -1]);
    const where = [{ type: "in", column: "sourceRunKey", values: [run.key] }] as const;
    const heirs = await store.list("runs", { where, order: "ascending", limit: 9 });
    expect(letter?.state).toBe(winner);
    expect(heirs.map(({ key }) => key)).toEqual(winner === "deleted" ? [] : [letter?.nextRunKey]);
    return winner;
  });
  expect(Object.keys(counts).toSorted()).toEqual(["deleted", "restarted", "resumed"]);
});

const LETTERS = 150;
/** Each of those who wait asks again and again, which keeps all others waiting. */
const FAILED_AT_ONCE = 25;

test("two bulk resumes at the same time handle each dead letter once, while others arrive", async () => {
  const letters: Awaited<ReturnType<typeof world.failed>>[] = [];
  while (letters.length < LETTERS) {
    const batch = Array.from({ length: FAILED_AT_ONCE }, () => world.failed("bulk"));
    letters.push(...(await Promise.all(batch)));
  }
  const follow = async (): Promise<readonly string[]> => {
    const runIds: string[] = [];
    let cursor = "";
    do {
      const query = new URLSearchParams({
        label: "bulk",
        count: "20",
        ...(cursor && { cursor }),
      });
      const { json } = await world.world.call("POST", `/v2/workflows/dlq/resume?${query}`);
      const answer = json as BulkRunsAnswer; // The form of the wire.
      runIds.push(...answer.workflowRuns.map(({ workflowRunId }) => workflowRunId));
      cursor = answer.cursor ?? "";
    } while (cursor !== "");
    return runIds;
  };
  const more = Promise.all(Array.from({ length: 20 }, () => world.failed("late")));
  const [first, second] = await Promise.all([follow(), follow()]);
  await more;
  const answered = [...first, ...second];
  expect(new Set(answered).size).toBe(answered.length);
  expect(answered).toHaveLength(LETTERS);
  const { store } = world.world;
  for (const { runId } of letters) {
    const { run } = await world.stateOf(runId);
    const where = [{ type: "in", column: "sourceRunKey", values: [run.key] }] as const;
    const heirs = await store.list("runs", { where, order: "ascending", limit: 9 });
    expect(heirs).toHaveLength(1);
    expect(answered).toContain(heirs[0]?.id);
  }
});

test("a service answers while its run fails: the answer is told once, to the run that goes on", async () => {
  const { app } = world.world;
  const gates = new Map<string, PromiseWithResolvers<void>>();
  const healed = new Set<string>();
  const gate = (name: string) => {
    const known = gates.get(name) ?? Promise.withResolvers<void>();
    gates.set(name, known);
    return known;
  };
  const toldTo = (runIds: readonly string[]) =>
    app.at("/branches").filter(({ headers }) => {
      const isCallback = headers["upstash-workflow-callback"] === "true";
      return isCallback && runIds.includes(headers["upstash-workflow-runid"] ?? "");
    });
  const asked: string[] = [];
  const service = app.on("/service", async (request) => {
    const name = request.headers.get("x-name") ?? "";
    asked.push(name);
    await gate(`service ${name}`).promise;
    return new Response("served");
  });
  const url = world.world.serve<{ name: string }>("/branches", async (context) => {
    const { name } = context.requestPayload;
    const [called] = await Promise.all([
      context.call("call", { url: service, headers: { "x-name": name } }),
      context.run("fail", async () => {
        await gate(`fail ${name}`).promise;
        if (!healed.has(name)) throw new Error("not healed yet");
      }),
    ]);
    return called.body;
  });
  const counts = await rounds(ROUNDS, async (number) => {
    const name = `call-${number}`;
    const runId = await world.world.trigger({ url, body: { name }, retries: 0 });
    await until("the call", () => asked.includes(name));
    const leadMs = (number % (2 * LEAD_MS_MAX + 1)) - LEAD_MS_MAX;
    const [early, late] = leadMs > 0 ? ["service", "fail"] : ["fail", "service"];
    gate(`${early} ${name}`).resolve();
    await new Promise((resolve) => setTimeout(resolve, Math.abs(leadMs)));
    // The longest leads are no race: however slow the machine is, one round tells the failing run, and one the run behind it.
    if (leadMs === LEAD_MS_MAX) await until("the answer", () => toldTo([runId]).length > 0);
    if (leadMs === -LEAD_MS_MAX) await world.world.failed(runId);
    gate(`${late} ${name}`).resolve();
    const { dlqId } = await world.world.failed(runId);
    healed.add(name);
    const { json } = await world.world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`);
    const { workflowRunId } = json as { readonly workflowRunId: string }; // The form of the wire.
    const { workflowRunResponse } = await world.world.succeeded(workflowRunId);
    expect(workflowRunResponse).toBe('"served"');
    expect(asked.filter((one) => one === name)).toHaveLength(1);
    const told = toldTo([runId, workflowRunId]);
    // A delivery that is under way when the run fails cannot be taken back; what it leads to counts once.
    expect([1, 2]).toContain(told.length);
    return told[0]?.headers["upstash-workflow-runid"] === runId ? "before" : "behind";
  });
  expect(Object.keys(counts).toSorted()).toEqual(["before", "behind"]);
});
