// `GET /v2/lines`: who holds the places of a queue or a flow-control key, and who waits for them.

import type { LineAnswer } from "@reprise/protocol";
import { expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

async function line(query: string): Promise<LineAnswer> {
  const { status, json, text } = await world.call("GET", `/v2/lines?${query}`);
  expect(status, text).toBe(200);
  return json as LineAnswer; // The tests check it.
}

/** Sends so many messages to an app that keeps them waiting; gives how to let them go. */
async function hold(count: number, headers: Readonly<Record<string, string>>, path = "publish") {
  const { promise, resolve } = Promise.withResolvers<void>();
  const url = world.app.on("/held", async () => {
    await promise;
    return new Response("done");
  });
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const { json, status } = await world.call("POST", `/v2/${path}/${url}`, { headers, body: "x" });
    expect(status).toBe(200);
    ids.push((json as { readonly messageId: string }).messageId); // The answer of a publish.
  }
  return { url, ids, letGo: resolve };
}

test("a flow-control key with two places: two hold them, the others stand in line", async () => {
  const { url, ids, letGo } = await hold(5, {
    "Upstash-Flow-Control-Key": "shop/eu",
    "Upstash-Flow-Control-Value": "parallelism=2",
  });
  const query = `flowControlKey=${encodeURIComponent("shop/eu")}`;
  await until("two attempts", async () => (await line(query)).holderCount === 2);
  const found = await line(query);
  const member = (messageId: string | undefined) => ({
    messageId,
    url,
    createdAt: expect.any(Number),
  });
  expect(found).toEqual({
    holders: [member(ids[0]), member(ids[1])],
    holderCount: 2,
    waiting: [member(ids[2]), member(ids[3]), member(ids[4])],
    waitingCount: 3,
  });
  letGo();
  await until("the end", async () => {
    const { holderCount, waitingCount } = await line(query);
    return holderCount + waitingCount === 0;
  });
});

test("a queue: one holds its place, the next one waits", async () => {
  const { ids, letGo } = await hold(2, {}, "enqueue/mail");
  await until("an attempt", async () => (await line("queueName=mail")).holderCount === 1);
  const { holders, waiting } = await line("queueName=mail");
  expect(holders.map(({ messageId }) => messageId)).toEqual([ids[0]]);
  expect(waiting.map(({ messageId }) => messageId)).toEqual([ids[1]]);
  letGo();
});

test("a run that holds a place is named", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const url = world.serve("/flow", (context) => context.run("slow", () => promise));
  const runId = await world.trigger({ url, flowControl: { key: "runs", parallelism: 1 } });
  await until("the run", async () => (await line("flowControlKey=runs")).holderCount === 1);
  const { holders } = await line("flowControlKey=runs");
  expect(holders.map(({ workflowRunId }) => workflowRunId)).toEqual([runId]);
  resolve();
  await world.succeeded(runId);
});

test.each(["", "flowControlKey=a&queueName=b", "key=a"])("%s is refused", async (query) => {
  expect(await world.call("GET", `/v2/lines?${query}`)).toMatchObject({ status: 400 });
});
