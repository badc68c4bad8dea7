import { isJsonObject } from "@reprise/protocol";
import { Client as QstashClient } from "@upstash/qstash";
import { beforeEach, describe, expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

/** Schedules, with the official client. */

const world = useWorld({ isOnDisk: true });
let client: QstashClient;
let url: string;

beforeEach(() => {
  client = new QstashClient({ baseUrl: world.server.url, token: world.token });
  url = world.app.on("/tick", () => new Response("ok"));
});

/** On a leap day: nothing ticks by itself while a test runs. */
const SELDOM = "0 0 29 2 *";

/** A tick that becomes due while no server runs: the next server makes up for it, and the test need not wait for a minute. */
async function missTick(scheduleId: string): Promise<void> {
  const { store } = world;
  const [row] = await store.find("schedules", "byId", [[scheduleId]]);
  if (row === undefined) throw new Error(`there is no schedule ${scheduleId}`);
  const set = { dueAt: Date.now() - 1 };
  await store.transaction((transaction) =>
    transaction.write([{ type: "update", table: "schedules", key: row.key, set }]),
  );
  await world.restartServer();
}

describe("the client", () => {
  test("creates a schedule and finds what it sent", async () => {
    const { scheduleId } = await client.schedules.create({
      destination: "https://www.initial.com",
      cron: `${SELDOM} `,
      body: JSON.stringify({ n: 1 }),
      headers: { "test-header": "value", "Upstash-Forward-Other": "2" },
      delay: 10,
      retries: 5,
      timeout: "30s",
      retryDelay: "1000 * (1 + retried)",
      callback: "https://callback.test/",
      failureCallback: "https://failed.test/",
      method: "PUT",
      queueName: "slow",
      flowControl: { key: "k", parallelism: 2 },
      label: ["a", "b"],
    });
    expect(scheduleId).toMatch(/^scd_/);
    const schedule = await client.schedules.get(scheduleId);
    const address = expect.stringMatching(/^(127\.0\.0\.1|::1|::ffff:127\.0\.0\.1)$/);
    expect(schedule).toEqual({
      scheduleId,
      cron: SELDOM,
      createdAt: expect.any(Number),
      destination: "https://www.initial.com",
      method: "PUT",
      header: {
        "Content-Type": ["application/json"],
        "Test-Header": ["value"],
        Other: ["2"],
      },
      body: '{"n":1}',
      delay: 10,
      retries: 5,
      timeout: 30,
      retryDelayExpression: "1000 * (1 + retried)",
      callback: "https://callback.test/",
      failureCallback: "https://failed.test/",
      queueName: "slow",
      flowControlKey: "k",
      parallelism: 2,
      period: 1,
      label: "a",
      labels: ["a", "b"],
      callerIP: address,
      callerIp: address,
      isPaused: false,
      nextScheduleTime: expect.any(Number),
    });
    expect(await client.schedules.list()).toEqual([schedule]);
  });

  test("overwrites a schedule, body and all", async () => {
    const scheduleId = "V1StGXR8_Z5jdHi6B-myT";
    const cron = "0 0 * * *";
    await client.schedules.create({ scheduleId, destination: url, cron, body: "first" });
    const first = await client.schedules.get(scheduleId);
    expect(first.body).toBe("first");
    const destination = "https://www.updated.com";
    await client.schedules.create({ scheduleId, destination, cron: "*/5 * * * *" });
    const second = await client.schedules.get(scheduleId);
    expect(second).toMatchObject({ destination, cron: "*/5 * * * *", createdAt: first.createdAt });
    expect(second.body).toBeUndefined();
    expect(await client.schedules.list()).toHaveLength(1);
  });

  test("pauses and resumes", async () => {
    const { scheduleId } = await client.schedules.create({ destination: url, cron: SELDOM });
    await client.schedules.pause({ schedule: scheduleId });
    await client.schedules.pause({ schedule: scheduleId });
    expect(await client.schedules.get(scheduleId)).toMatchObject({ isPaused: true });
    await world.restartServer();
    expect(await client.schedules.get(scheduleId)).toMatchObject({ isPaused: true });
    await client.schedules.resume({ schedule: scheduleId });
    expect(await client.schedules.get(scheduleId)).toMatchObject({ isPaused: false });
  });

  test("deletes, and hears of what is not there", async () => {
    const { scheduleId } = await client.schedules.create({ destination: url, cron: SELDOM });
    await client.schedules.delete(scheduleId);
    await client.schedules.delete(scheduleId);
    await expect(client.schedules.get(scheduleId)).rejects.toMatchObject({ status: 404 });
    await expect(client.schedules.pause({ schedule: scheduleId })).rejects.toMatchObject({
      status: 404,
    });
    expect(await client.schedules.list()).toEqual([]);
  });

  test("hides what is redacted", async () => {
    const { scheduleId } = await client.schedules.create({
      destination: url,
      cron: SELDOM,
      body: "secret body",
      headers: { "x-key": "secret key" },
      redact: { body: true, header: ["X-Key"] },
    });
    const schedule = await client.schedules.get(scheduleId);
    expect(JSON.stringify(schedule)).not.toContain("secret");
    expect(schedule.body).toMatch(/^REDACTED:/);
    await missTick(scheduleId);
    const received = await until("the delivery", () => world.app.at("/tick")[0]);
    expect(received).toMatchObject({ body: "secret body", headers: { "x-key": "secret key" } });
  });

  test("is told what is wrong with an expression or an id", async () => {
    const create = (more: { readonly cron?: string; readonly scheduleId?: string }) =>
      client.schedules.create({ destination: url, cron: SELDOM, ...more });
    await expect(create({ cron: "* * *" })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("Invalid cron expression"),
    });
    await expect(create({ scheduleId: "a b" })).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining("Upstash-Schedule-Id"),
    });
  });
});

describe("a tick", () => {
  test("is delivered with the schedule's id, signed, and shown on the schedule", async () => {
    const { scheduleId } = await client.schedules.create({
      destination: url,
      cron: SELDOM,
      body: "hello",
      label: "nightly",
    });
    await missTick(scheduleId);
    const received = await until("the delivery", () => world.app.at("/tick")[0]);
    expect(received.body).toBe("hello");
    expect(received.headers["upstash-schedule-id"]).toBe(scheduleId);
    const messageId = received.headers["upstash-message-id"] ?? "";
    const schedule = await until("the end of the message", async () => {
      const found = await client.schedules.get(scheduleId);
      return found.lastScheduleStates?.[messageId] === "SUCCESS" && found;
    });
    expect(schedule.lastScheduleTime).toBeLessThan(Date.now());
    expect(schedule.nextScheduleTime).toBeGreaterThan(Date.now());
    expect(await client.messages.get(messageId)).toMatchObject({ scheduleId, label: "nightly" });
    const { logs } = await client.logs({ filter: { scheduleId } });
    expect(new Set(logs.map((log) => log.messageId))).toEqual(new Set([messageId]));
    expect(world.app.at("/tick")).toHaveLength(1);
  });

  test("goes to every endpoint of a URL group", async () => {
    world.app.on("/other", () => new Response("no", { status: 500 }));
    const endpoints = [{ url }, { url: `${world.app.url}/other` }];
    await client.urlGroups.addEndpoints({ name: "orders", endpoints });
    const { scheduleId } = await client.schedules.create({
      destination: "orders",
      cron: SELDOM,
      retries: 0,
    });
    expect(await client.schedules.get(scheduleId)).toMatchObject({ destination: "orders" });
    await missTick(scheduleId);
    const states = await until("both ends", async () => {
      const { lastScheduleStates = {} } = await client.schedules.get(scheduleId);
      const words = Object.values(lastScheduleStates);
      return words.length === 2 && !words.includes("IN_PROGRESS") && words;
    });
    expect(states).toEqual(["SUCCESS", "FAIL"]);
  });

  test("goes through a queue without changing it", async () => {
    const queue = client.queue({ queueName: "slow" });
    await queue.upsert({ parallelism: 3 });
    const { scheduleId } = await client.schedules.create({
      destination: url,
      cron: SELDOM,
      queueName: "slow",
    });
    await missTick(scheduleId);
    await until("the delivery", () => world.app.at("/tick")[0]);
    expect(await queue.get()).toMatchObject({ parallelism: 3, paused: false });
  });

  test("starts a run of a workflow", async () => {
    const results: unknown[] = [];
    const workflow = world.serve<{ readonly n: number }>("/workflow", async (context) => {
      const doubled = await context.run("double", () => context.requestPayload.n * 2);
      await context.run("keep", () => results.push(doubled));
    });
    const { scheduleId } = await client.schedules.create({
      destination: workflow,
      cron: SELDOM,
      body: JSON.stringify({ n: 21 }),
    });
    await missTick(scheduleId);
    const run = await until("the run", async () => {
      const { json } = await world.call("GET", "/v2/workflows/logs");
      const runs = isJsonObject(json) && Array.isArray(json.runs) ? json.runs : [];
      return runs[0] as { readonly workflowRunId: string } | undefined; // As `World.log` reads it.
    });
    await world.succeeded(run.workflowRunId);
    expect(results).toEqual([42]);
  });
});

describe("requests of other clients", () => {
  test("name the collection with a capital letter, and pause with POST", async () => {
    const path = `/v2/Schedules/${url}`;
    const headers = { "upstash-cron": SELDOM, "upstash-schedule-id": "go" };
    expect(await world.call("POST", path, { headers })).toMatchObject({
      status: 200,
      json: { scheduleId: "go" },
    });
    expect((await world.call("POST", "/v2/Schedules/go/pause")).status).toBe(200);
    expect(await world.call("GET", "/v2/Schedules/go")).toMatchObject({ json: { isPaused: true } });
  });

  test("make a schedule by publishing with a cron expression", async () => {
    const headers = { "upstash-cron": SELDOM };
    const answer = await world.call("POST", `/v2/publish/${url}`, { headers, body: "x" });
    expect(answer).toMatchObject({
      status: 200,
      json: { scheduleId: expect.stringMatching(/^scd_/) },
    });
    expect(await client.schedules.list()).toHaveLength(1);
  });

  test("may not make one with a token for publishing alone", async () => {
    const made = await world.call("POST", "/v2/tokens", {
      body: JSON.stringify({ name: "app", scope: "publish-only" }),
    });
    const { token } = made.json as { readonly token: string }; // The answer to a creation.
    const headers = { "upstash-cron": SELDOM };
    for (const path of [`/v2/schedules/${url}`, `/v2/publish/${url}`]) {
      expect((await world.call("POST", path, { headers, token })).status).toBe(403);
    }
    const query = `/v2/publish/${url}?upstash-cron=@daily`;
    expect((await world.call("POST", query, { token })).status).toBe(403);
    expect(await client.schedules.list()).toEqual([]);
  });
});
