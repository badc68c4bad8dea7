// The JavaScript client's `batch` and `batchJSON`: answers in the order of the items, and all or nothing when one is malformed.

import { expect, test } from "vitest";
import { deliveryAt, idsOf, messageOf, qstash } from "./publisher.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const LATER = "https://example.com/later";
const anyId = expect.stringMatching(/^msg_/);

test("URLs, groups and queues in one request are answered in order, groups with a list", async () => {
  const client = qstash(world);
  const endpoints = [{ name: "a", url: `${LATER}/a` }, { url: `${LATER}/b` }];
  await client.urlGroups.addEndpoints({ name: "group", endpoints });
  const answer = await client.batch([
    { url: `${LATER}/1`, body: "one", delay: "1h" },
    { urlGroup: "group", body: "two", delay: "1h" },
    { queueName: "line", url: `${LATER}/3`, delay: "1h", headers: { "X-A": "1" }, retries: 9 },
    { topic: "group", delay: "1h" },
  ]);
  const groupAnswer = endpoints.map(({ url }) => ({ messageId: anyId, url }));
  expect(answer).toEqual([
    { messageId: anyId, url: `${LATER}/1` },
    groupAnswer,
    { messageId: anyId, url: `${LATER}/3` },
    groupAnswer,
  ]);
  const ids = idsOf(answer);
  const shown = await Promise.all(ids.map((id) => messageOf(world, id)));
  expect(shown.map(({ topicName, endpointName, body }) => [topicName, endpointName, body])).toEqual(
    [
      [undefined, undefined, "one"],
      ["group", "a", "two"],
      ["group", undefined, "two"],
      [undefined, undefined, undefined],
      ["group", "a", undefined],
      ["group", undefined, undefined],
    ],
  );
  expect(shown[3]).toMatchObject({
    queueName: "line",
    header: { "X-A": ["1"] },
    maxRetries: 9,
  });
});

test("a batch of one item for a group is still a list in a list", async () => {
  const client = qstash(world);
  await client.urlGroups.addEndpoints({ name: "group", endpoints: [{ url: LATER }] });
  expect(await client.batch([{ urlGroup: "group", delay: "1h" }])).toEqual([
    [{ messageId: anyId, url: LATER }],
  ]);
});

test("batchJSON sends JSON and says so", async () => {
  const url = world.app.on("/json", () => new Response());
  await qstash(world).batchJSON([
    { url, body: { n: 1 } },
    { url, body: "ü\u{1F600}" },
  ]);
  await deliveryAt(world, "/json", 1);
  const arrived = world.app.at("/json").map(({ body, headers }) => [body, headers["content-type"]]);
  expect(arrived.toSorted()).toEqual([
    ['"ü\u{1F600}"', "application/json"],
    ['{"n":1}', "application/json"],
  ]);
});

test("items for one queue arrive in their order", async () => {
  const url = world.app.on("/line", () => new Response());
  const items = Array.from({ length: 20 }, (_, n) => ({ queueName: "q", url, body: String(n) }));
  await qstash(world).batch(items);
  await deliveryAt(world, "/line", 19);
  expect(world.app.at("/line").map(({ body }) => body)).toEqual(items.map(({ body }) => body));
});

test("an item that cannot be sent refuses the whole batch and nothing is stored", async () => {
  const client = qstash(world);
  const good = { url: LATER, delay: "1h" } as const;
  const bad = [
    [{ url: "ftp://example.com" }, 400, /item 1: .*http:\/\//],
    [{ url: LATER, retryDelay: "process.exit()" }, 400, /item 1: .*retry.delay/i],
    [{ url: LATER, delay: "400d" }, 412, /item 1: quota maxDelay/],
    [{ url: LATER, retries: 1_000 }, 412, /item 1: quota maxRetries/],
    [{ url: LATER, callback: "nowhere" }, 400, /item 1: .*Upstash-Callback/],
    [{ url: LATER, queueName: "no name" }, 400, /item 1: .*queue/],
    [{ url: LATER, deduplicationId: "a:b" }, 400, /item 1: .*':'/],
  ] as const;
  for (const [item, status, message] of bad) {
    const refused = client.batch([good, { ...good, ...item }]);
    await expect(refused).rejects.toMatchObject({
      status,
      message: expect.stringMatching(message),
    });
  }
  expect(await world.store.count("messages", [])).toBe(0);
  expect(await world.store.count("queues", [])).toBe(0);
});

test("an item for a group that does not exist fails alone, at its place", async () => {
  const answer = await qstash(world).batch([
    { url: LATER, delay: "1h" },
    { urlGroup: "missing" },
    { url: LATER, delay: "1h" },
  ]);
  expect(answer).toEqual([
    { messageId: anyId, url: LATER },
    { error: expect.stringMatching(/topic missing not found/) },
    { messageId: anyId, url: LATER },
  ]);
});

test("a thousand items are one request; each is delivered once", async () => {
  const url = world.app.on("/many", () => new Response());
  const items = Array.from({ length: 1_000 }, (_, n) => ({ url, body: String(n) }));
  const answer = await qstash(world).batch(items);
  expect(new Set(idsOf(answer)).size).toBe(1_000);
  await until("all of them", () => world.app.at("/many").length >= 1_000);
  const bodies = new Set(world.app.at("/many").map(({ body }) => body));
  expect([bodies.size, world.app.at("/many").length]).toEqual([1_000, 1_000]);
});

test("configuration in the query of an item's destination, and lists of header values", async () => {
  const items = [
    { destination: `${LATER}?a=1&upstash-delay=1h&upstash-retries=4`, headers: null, body: null },
    {
      destination: LATER,
      queue: null,
      headers: { "Upstash-Delay": ["1h"], "upstash-forward-x": ["1", "2"] },
    },
  ];
  const answer = await world.call("POST", "/v2/batch", { body: JSON.stringify(items) });
  expect(answer.status, answer.text).toBe(200);
  const [first = "", second = ""] = idsOf(answer.json);
  expect(await messageOf(world, first)).toMatchObject({
    url: `${LATER}?a=1`,
    maxRetries: 4,
  });
  expect(await messageOf(world, second)).toMatchObject({
    header: { X: ["1, 2"] },
  });
});
