// The same question through the official clients and through ours gets the same answer from a real server.

import type { Client as OurRuns } from "@reprise/sdk";
import type { Client as OurMessages } from "@reprise/sdk/messages";
import { Client as TheirMessages } from "@upstash/qstash";
import { Client as TheirRuns } from "@upstash/workflow";
import { beforeEach, expect, test } from "vitest";
import { deadMessageOf, logUntil } from "../../conformance/publisher.ts";
import { until } from "../../conformance/until.ts";
import { useWorld } from "../../conformance/world.ts";
import { messageClient, runClient } from "./clients.ts";

const world = useWorld();
const LATER = { url: "https://example.com/later", delay: "1h" } as const;

interface Both {
  readonly messages: OurMessages;
  readonly runs: OurRuns;
}

let ours: Both;
let theirs: Both;

beforeEach(() => {
  const config = { baseUrl: world.server.url, token: world.token, retry: false } as const;
  ours = { messages: messageClient(world), runs: runClient(world) };
  // Both take the same calls.
  theirs = { messages: new TheirMessages(config), runs: new TheirRuns(config) } as unknown as Both;
});

type Question = (client: Both) => Promise<unknown>;

/** What both are told; what has no value is as good as absent. */
async function expectSame(questions: Readonly<Record<string, Question>>): Promise<void> {
  for (const [name, ask] of Object.entries(questions)) {
    const [mine, other] = [await answerOf(ask, ours), await answerOf(ask, theirs)];
    expect([name, mine]).toEqual([name, other]);
  }
}

/** An error is an answer too: by its name, status and words. */
async function answerOf(ask: Question, client: Both): Promise<unknown> {
  try {
    return await ask(client);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const status = "status" in error ? error.status : undefined;
    return { name: error.name, message: error.message, status };
  }
}

test("messages, queues, groups, schedules and the log", async () => {
  const { messages: client } = ours;
  const url = world.app.on("/ok", () => new Response("done", { headers: { "x-answer": "1" } }));
  const broken = world.app.on("/broken", () => new Response("no", { status: 500 }));
  await client.queue({ queueName: "q" }).upsert({ parallelism: 2, paused: true });
  await client.urlGroups.addEndpoints({ name: "g", endpoints: [{ url, name: "a" }] });
  await client.schedules.create({
    destination: "g",
    cron: "0 0 1 1 *",
    scheduleId: "s",
    flowControl: { key: "k", rate: 4, period: 60 },
    label: ["a", "b"],
    body: "x",
  });
  const { messageId: waiting } = await client
    .queue({ queueName: "q" })
    .enqueue({ ...LATER, body: "w", flowControl: { key: "k", rate: 4 }, label: ["a", "b"] });
  const [grouped] = await client.publish({ urlGroup: "g", body: "grüße" });
  const { messageId: dead } = await client.publish({
    url: broken,
    body: "d",
    retries: 0,
    label: "l",
  });
  await logUntil(world, grouped?.messageId ?? "", "DELIVERED");
  const { dlqId } = await deadMessageOf(world, dead);
  await expectSame({
    "messages.get": ({ messages }) => messages.messages.get(waiting),
    "messages.get of a group": ({ messages }) => messages.messages.get(grouped?.messageId ?? ""),
    "messages.get of nobody": ({ messages }) => messages.messages.get("msg_nobody"),
    "messages.cancel of nobody": ({ messages }) => messages.messages.cancel("msg_nobody"),
    "messages.cancel of several nobodies": ({ messages }) =>
      messages.messages.cancel(["msg_nobody", "msg_nobodytoo"]),
    "queue.get": ({ messages }) => messages.queue({ queueName: "q" }).get(),
    "queue.get of nobody": ({ messages }) => messages.queue({ queueName: "r" }).get(),
    "queue.list": ({ messages }) => messages.queue().list(),
    "queue.pause": ({ messages }) => messages.queue({ queueName: "q" }).pause(),
    "urlGroups.get": ({ messages }) => messages.urlGroups.get("g"),
    "urlGroups.get of nobody": ({ messages }) => messages.urlGroups.get("h"),
    "topics.list": ({ messages }) => messages.topics.list(),
    "schedules.get": ({ messages }) => messages.schedules.get("s"),
    "schedules.list": ({ messages }) => messages.schedules.list(),
    "flowControl.get": ({ messages }) => messages.flowControl.get("k"),
    "flowControl.getGlobalParallelism": ({ messages }) =>
      messages.flowControl.getGlobalParallelism(),
    "dlq.listMessages": ({ messages }) => messages.dlq.listMessages(),
    "dlq.listMessages by filter": ({ messages }) =>
      messages.dlq.listMessages({ filter: { label: "z" } }),
    "dlq.delete of nobody": ({ messages }) => messages.dlq.delete(["0-0"]),
    "dlq.retry of nobody": ({ messages }) => messages.dlq.retry(["0-0"]),
    "dlq.retry by filter": ({ messages }) => messages.dlq.retry({ filter: { label: "z" } }),
    logs: ({ messages }) => messages.logs(),
    "logs by filter": ({ messages }) => messages.logs({ filter: { urlGroup: "g" }, count: 2 }),
    events: ({ messages }) => messages.events({ messageIds: [dead] }),
    "a wrong header": ({ messages }) => messages.publish({ url, retryDelay: "1 +" }),
    "a wrong destination": ({ messages }) => messages.batch([{ url: "ftp://a.test" }]),
    "a group of nobody": ({ messages }) => messages.publish({ urlGroup: "nobody", body: "x" }),
    "a batch with a fault": ({ messages }) => messages.batch([{ url }, { url, retries: -1 }]),
  });
  expect(dlqId).toMatch(/-/);
});

test("runs, failed runs and events", async () => {
  const { runs: client } = ours;
  const url = world.serve<string>("/flow", async (context) => {
    const results = await Promise.all([
      context.run("a", () => 1),
      context.run("b", () => ({ text: "ß" })),
    ]);
    if (context.requestPayload === "fail")
      await context.run("bad", () => Promise.reject(new Error("no")));
    return results;
  });
  const waiting = world.serve("/wait", async (context) =>
    context.waitForEvent("w", "paid", { timeout: "1d" }),
  );
  const { workflowRunId: done } = await client.trigger({ url, label: ["x", "y"], body: "go" });
  const { workflowRunId: failed } = await client.trigger({ url, retries: 0, body: "fail" });
  await client.trigger({ url: waiting });
  await world.succeeded(done);
  await world.deadLetterIn(failed, null);
  // What is under way changes from one question to the next.
  await until("the run that waits", async () => {
    const where = [{ type: "in", column: "state", values: ["active"] }] as const;
    const waiters = await client.getWaiters({ eventId: "paid" });
    return waiters.length === 1 && (await world.store.count("messages", where)) === 0;
  });
  await expectSame({
    logs: ({ runs }) => runs.logs(),
    "logs of one": ({ runs }) => runs.logs({ filter: { workflowRunId: done } }),
    "logs in pages": async ({ runs }) => {
      const first = await runs.logs({ count: 2 });
      const second = await runs.logs({ count: 2, cursor: first.cursor });
      return [first.runs, second.runs, second.cursor];
    },
    "logs by an unknown state": ({ runs }) => runs.logs({ state: "RUN_LOST" }),
    "dlq.list": ({ runs }) => runs.dlq.list(),
    "dlq.list by filter": ({ runs }) => runs.dlq.list({ filter: { workflowRunId: "wfr_nobody" } }),
    "dlq.resume of nobody": ({ runs }) => runs.dlq.resume("0-0"),
    "dlq.resume by filter": ({ runs }) => runs.dlq.resume({ filter: { label: "z" } }),
    "dlq.restart by filter": ({ runs }) => runs.dlq.restart({ filter: { label: "z" } }),
    "dlq.delete by filter": ({ runs }) => runs.dlq.delete({ filter: { label: "z" } }),
    "dlq.retryFailureFunction of nobody": ({ runs }) =>
      runs.dlq.retryFailureFunction({ dlqId: "0-0" }),
    "cancel of nobody": ({ runs }) => runs.cancel("wfr_nobody"),
    "cancel by filter": ({ runs }) => runs.cancel({ filter: { label: "z" } }),
    getWaiters: ({ runs }) => runs.getWaiters({ eventId: "paid" }),
    "getWaiters of nobody": ({ runs }) => runs.getWaiters({ eventId: "nobody" }),
    "notify of nobody": ({ runs }) => runs.notify({ eventId: "nobody" }),
    "notify of an ended run": ({ runs }) => runs.notify({ eventId: "paid", workflowRunId: done }),
    "trigger of nothing": ({ runs }) => runs.trigger({ url: "ftp://a.test", workflowRunId: "own" }),
  });
});
