// Settings of a run that every kind of step must respect: flow control, labels, headers, redaction, and starts by a schedule.

import { createHash } from "node:crypto";
import { Client as QstashClient } from "@upstash/qstash";
import { describe, expect, test } from "vitest";
import {
  callbacksAmong,
  flowControlOf,
  invokable,
  resultOf,
  serveTogether,
  waitersFor,
  waiting,
} from "./surface.ts";
import { until } from "./until.ts";
import { useWorld, type World } from "./world.ts";

type Around = NonNullable<NonNullable<Parameters<typeof serveTogether>[2]>["around"]>;

/** A workflow that uses every kind of step, one after the other and side by side. */
function serveAllKinds(world: World, around?: Around): (name: string) => string {
  const service = world.app.on("/service", () => new Response("answer"));
  const child = invokable<string>(async (context) => {
    return context.run("work", () => `child of ${context.requestPayload}`);
  });
  const parent = invokable(async (context) => {
    const ran = await context.run("run", () => `ran with ${context.requestPayload}`);
    await context.sleep("nap", 0.1);
    const called = await context.call("call", { url: service, method: "POST", body: "question" });
    const waited = await context.waitForEvent("wait", "event");
    const webhook = await context.createWebhook("make");
    await context.run("call hook", async () => {
      return (await fetch(webhook.webhookUrl, { method: "POST", body: "hook body" })).status;
    });
    const hooked = await context.waitForWebhook("hook", webhook, "1h");
    const invoked = await context.invoke("invoke", { workflow: child, body: "parent" });
    await context.notify("notify", "nobody", "told");
    const group = await Promise.all([
      context.call("call 2", { url: service }),
      context.waitForEvent("wait 2", "event 2"),
      context.invoke("invoke 2", { workflow: child, body: "group" }),
      context.run("run 2", () => "ran"),
    ]);
    return [
      ran,
      called.body,
      waited.eventData,
      await hooked.request?.text(),
      invoked.body,
      group[0].body,
      group[1].eventData,
      group[2].body,
      group[3],
    ];
  });
  return serveTogether(world, { parent, child }, around === undefined ? {} : { around });
}

const RESULT = [
  "ran with payload",
  "answer",
  "event data",
  "hook body",
  "child of parent",
  "answer",
  "event data 2",
  "child of group",
  "ran",
];

async function serveWaits(world: World): Promise<void> {
  await waiting(world, "event");
  await world.client.notify({ eventId: "event", eventData: "event data" });
  await waiting(world, "event 2");
  await world.client.notify({ eventId: "event 2", eventData: "event data 2" });
}

describe("flow control of one delivery at a time", () => {
  const world = useWorld();

  test("holds for every kind of step without a deadlock, and a step that waits holds no place", async () => {
    let [inFlight, most] = [0, 0];
    const url = serveAllKinds(world, async (path, work) => {
      if (path !== "/many/parent") return work();
      most = Math.max(most, ++inFlight);
      const answer = await work();
      inFlight -= 1;
      return answer;
    });
    const runId = await world.trigger({
      url: url("parent"),
      body: "payload",
      flowControl: { key: "one", parallelism: 1 },
    });
    await waiting(world, "event");
    await until(
      "an idle key",
      async () => (await flowControlOf(world, "one")).parallelismCount === 0,
    );
    expect(await flowControlOf(world, "one")).toMatchObject({
      parallelismCount: 0,
      waitListSize: 0,
    });
    await serveWaits(world);
    const run = await world.succeeded(runId);
    expect(resultOf(run)).toEqual(RESULT);
    expect(most).toBe(1);
    // 1 + run, nap, call and its answer, wait, webhook, run, hook, invoke, notify; 4 plans, 4 results, 1 answer.
    await world.close();
    expect(world.app.at("/many/parent")).toHaveLength(20);
    expect(callbacksAmong(world.app.at("/many/parent"))).toHaveLength(2);
  });

  test("holds for two runs of a key, whose waits are in nobody's way", async () => {
    const url = serveAllKinds(world);
    const flowControl = { key: "one", parallelism: 1 };
    const options = { url: url("parent"), body: "payload", flowControl };
    const runIds = [await world.trigger(options), await world.trigger(options)];
    for (const eventId of ["event", "event 2"]) {
      await waiting(world, eventId, 2);
      const eventData = eventId.replace("event", "event data");
      await world.client.notify({ eventId, eventData });
    }
    for (const runId of runIds) expect(resultOf(await world.succeeded(runId))).toEqual(RESULT);
  });
});

describe("labels and headers", () => {
  const world = useWorld();

  test("come with every delivery of every kind of step, and with the failure call", async () => {
    const service = world.app.on("/service", () => new Response("answer"));
    const seen: unknown[] = [];
    const url = world.serve(
      "/flow",
      async (context) => {
        await context.call("call", { url: service });
        await context.waitForEvent("wait", "never", { timeout: 0 });
        await context.sleep("nap", 0);
        await context.run("broken", () => {
          seen.push(context.labels, context.headers.get("x-user"));
          throw new Error("broken");
        });
      },
      { failureFunction: async () => {} },
    );
    const headers = { "x-user": "me" };
    const runId = await world.trigger({ url, headers, label: ["a", "b", "c"], retries: 0 });
    await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
    expect(seen).toEqual([["a", "b", "c"], "me"]);
    const deliveries = world.app.at("/flow");
    expect(deliveries).toHaveLength(6);
    for (const delivery of deliveries) {
      expect(delivery.headers).toMatchObject({ "upstash-label": "a,b,c", "x-user": "me" });
    }
    for (const label of ["a", "b", "c"]) {
      const { runs } = await world.client.logs({ filter: { label } });
      expect(runs.map(({ workflowRunId }) => workflowRunId)).toEqual([runId]);
    }
  });
});

describe("redaction", () => {
  const world = useWorld();

  test("hides what every kind of step holds, in the logs and in the dead letter, and the app has it all", async () => {
    const url = serveAllKinds(world);
    const runId = await world.trigger({
      url: url("parent"),
      body: "payload",
      headers: { authorization: "Bearer user" },
      redact: { body: true, header: true },
    });
    await waiting(world, "event");
    const waiters = await waitersFor(world, "event");
    await serveWaits(world);
    const run = await world.succeeded(runId);
    const hidden = (text: string) => `REDACTED:${createHash("sha256").update(text).digest("hex")}`;
    expect(run.workflowRunResponse).toBe(hidden(JSON.stringify(RESULT)));
    const events = await world.call("GET", `/v2/workflows/events?workflowRunId=${runId}`);
    const shown = JSON.stringify([run, waiters, events.json]);
    expect(shown).not.toMatch(/Bearer user|ran with|question|event data|hook body|child of/);
    expect(world.app.at("/service")[0]?.body).toBe("question");
  });
});

describe("a schedule", () => {
  const world = useWorld({ isOnDisk: true });

  test("starts a run of a workflow at each tick, with its own payload", async () => {
    const service = world.app.on("/service", () => new Response("answer"));
    const url = world.serve("/flow", async (context) => {
      const { body } = await context.call("call", { url: service });
      return [context.requestPayload, body, context.headers.get("x-tenant")];
    });
    const client = new QstashClient({ baseUrl: world.server.url, token: world.token });
    const { scheduleId } = await client.schedules.create({
      destination: url,
      cron: "0 0 1 1 *",
      body: JSON.stringify({ tick: true }),
      headers: { "content-type": "application/json", "x-tenant": "t" },
    });
    const [row] = await world.store.find("schedules", "byId", [[scheduleId]]);
    if (row === undefined) throw new Error("there is no such schedule");
    // The tick was due while no server ran: the next one makes up for it.
    await world.store.transaction((transaction) =>
      transaction.write([
        { type: "update", table: "schedules", key: row.key, set: { dueAt: Date.now() - 1 } },
      ]),
    );
    await world.restartServer();
    const run = await until("a run", async () => {
      const { runs } = await world.client.logs({ filter: { workflowUrl: url } });
      return runs.find(({ workflowState }) => workflowState === "RUN_SUCCESS");
    });
    expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual([{ tick: true }, "answer", "t"]);
    expect((await world.client.logs({ filter: { workflowUrl: url } })).runs).toHaveLength(1);
    const [tick, first] = world.app.at("/flow");
    expect(tick?.headers["upstash-schedule-id"]).toBe(scheduleId);
    expect(first?.headers["upstash-workflow-runid"]).toBe(run.workflowRunId);
  });
});
