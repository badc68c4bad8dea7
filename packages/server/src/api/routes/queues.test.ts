import { beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../core/outcome.ts";
import { respond } from "../test-world.suite.ts";
import { type Client, openClient } from "./api-client.suite.ts";

let client: Client;
let answers: ((outcome: Outcome) => void)[];

beforeEach(async () => {
  client = await openClient();
  answers = [];
  // Destinations answer when the test says so.
  client.world.host.app = () => new Promise((resolve) => answers.push(resolve));
});

const json = { "content-type": "application/json" };

function upsert(body: unknown) {
  return client.send("POST", "/v2/queues", { headers: json, body: JSON.stringify(body) });
}

async function enqueue(queue: string, headers: Readonly<Record<string, string>> = {}) {
  const target = `/v2/enqueue/${queue}/https://app.test/hook`;
  const received = await client.send("POST", target, { headers });
  expect(received.status).toBe(200);
}

async function get(name: string): Promise<Readonly<Record<string, unknown>>> {
  const received = await client.send("GET", `/v2/queues/${name}`);
  expect(received.status).toBe(200);
  // An object: the test reads what it names.
  return received.json as Readonly<Record<string, unknown>>;
}

/** Lets the oldest request of the server end. */
async function answer(status: number): Promise<void> {
  const { world } = client;
  await world.until(async () => answers.length > 0);
  answers.shift()?.(respond(status));
  await world.until(async () => world.engine.attemptsInFlight === answers.length);
}

describe("a queue", () => {
  test("is made and shown with all of its fields", async () => {
    const { host } = client.world;
    expect(await upsert({ queueName: "orders", parallelism: 2, paused: true })).toMatchObject({
      status: 200,
      json: {},
    });
    const createdAt = host.now();
    const shown = { name: "orders", createdAt, updatedAt: createdAt, parallelism: 2, lag: 0 };
    expect(await get("orders")).toEqual({ ...shown, paused: true });
    await host.advance(5);
    await upsert({ queueName: "orders", paused: false });
    const changed = { ...shown, updatedAt: createdAt + 5, parallelism: 1, paused: false };
    expect(await get("orders")).toEqual(changed);
    expect((await client.send("GET", "/v2/queues")).json).toEqual([changed]);
    expect((await client.send("GET", "/v2/Queues/")).json).toEqual([changed]);
  });

  test("stays paused or not when an upsert does not say", async () => {
    await upsert({ queueName: "q", paused: true });
    await upsert({ queueName: "q", parallelism: 3 });
    expect(await get("q")).toMatchObject({ parallelism: 3, paused: true });
    await upsert({ queueName: "q", parallelism: null, paused: null });
    expect(await get("q")).toMatchObject({ parallelism: 1, paused: true });
  });

  test("is made by the first message, and not changed by the next", async () => {
    await enqueue("q");
    expect(await get("q")).toMatchObject({ parallelism: 1, paused: false, lag: 1 });
    await upsert({ queueName: "q", parallelism: 4, paused: true });
    await enqueue("q");
    expect(await get("q")).toMatchObject({ parallelism: 4, paused: true, lag: 2 });
  });

  test("is paused and resumed, as often as one likes", async () => {
    const { world } = client;
    await upsert({ queueName: "q" });
    for (const action of ["pause", "pause", "resume", "resume", "pause"]) {
      expect(await client.send("POST", `/v2/queues/q/${action}`)).toMatchObject({ status: 200 });
      expect(await get("q")).toMatchObject({ paused: action === "pause" });
    }
    await enqueue("q");
    await world.host.advance(60_000);
    expect(answers).toHaveLength(0);
    await client.send("POST", "/v2/queues/q/resume");
    await world.until(async () => answers.length === 1);
  });

  test("counts in its lag what is not finished, and neither callbacks nor what is cancelled", async () => {
    const { world } = client;
    const lagIs = (lag: number) => world.until(async () => (await get("q")).lag === lag);
    await enqueue("q", { "upstash-callback": "https://app.test/report", "upstash-retries": "1" });
    await enqueue("q", { "upstash-delay": "1h" });
    await enqueue("q");
    expect(await get("q")).toMatchObject({ lag: 3 });
    await answer(500);
    expect(await get("q")).toMatchObject({ lag: 3 });
    // The report about the first attempt, then the second attempt and its report.
    await answer(200);
    await world.host.advance(60_000);
    await answer(200);
    await lagIs(2);
    // Of the two that are left one is delayed; the other goes on after the second report.
    await answer(200);
    await world.until(async () => world.engine.attemptsInFlight === 1);
    await lagIs(2);
    await client.send("DELETE", "/v2/messages?queueName=q");
    await lagIs(0);
    expect(answers).toHaveLength(1);
  });

  test("is deleted with what waits in it, and may be deleted again", async () => {
    const { store } = client.world;
    for (let index = 0; index < 3; index++) await enqueue("q");
    expect(await client.send("DELETE", "/v2/queues/q")).toMatchObject({ status: 200, json: {} });
    expect(await client.send("GET", "/v2/queues/q")).toMatchObject({ status: 404 });
    expect(await store.count("messages", [])).toBe(1);
    await answer(500);
    await client.world.until(async () => (await store.count("messages", [])) === 0);
    expect(await client.send("DELETE", "/v2/queues/q")).toMatchObject({ status: 200 });
  });

  test("is deleted with more messages than one transaction takes", async () => {
    const { store } = client.world;
    await upsert({ queueName: "q", paused: true });
    const item = { destination: "https://app.test/hook", queue: "q" };
    const body = JSON.stringify(Array.from({ length: 600 }, () => item));
    for (let index = 0; index < 2; index++) {
      const batch = await client.send("POST", "/v2/batch", { headers: json, body });
      expect(batch.status).toBe(200);
    }
    expect(await get("q")).toMatchObject({ lag: 1_200 });
    await client.send("DELETE", "/v2/queues/q");
    expect(await store.count("messages", [])).toBe(0);
    expect(await store.count("queues", [])).toBe(0);
  });
});

test.each([
  [{}, /queueName must be a text, got nothing/],
  [{ queueName: "a b" }, /a queue name must be .* got "a b"/],
  [{ queueName: "q", parallelism: 0 }, /parallelism must be a whole number of 1 or more, got 0/],
  [{ queueName: "q", parallelism: 1.5 }, /got 1.5/],
  [{ queueName: "q", parallelism: "2" }, /got "2"/],
  [{ queueName: "q", paused: "yes" }, /paused must be true or false/],
])("%j is refused", async (body, message) => {
  const received = await upsert(body);
  expect(received).toMatchObject({ status: 400, json: { error: expect.stringMatching(message) } });
  expect((await client.send("GET", "/v2/queues")).json).toEqual([]);
});

test.each([
  ["GET", "/v2/queues/none", 404],
  ["POST", "/v2/queues/none/pause", 404],
  ["POST", "/v2/queues/none/resume", 404],
  ["GET", "/v2/queues/a%20b", 400],
  ["DELETE", "/v2/queues/a%20b", 400],
  ["POST", "/v2/queues/a%20b/pause", 400],
  ["PUT", "/v2/queues/q", 405],
])("%s %s answers %i", async (method, target, status) => {
  expect(await client.send(method, target)).toMatchObject({ status });
});
