import { Client as QstashClient } from "@upstash/qstash";
import { beforeEach, describe, expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

/** URL groups, with the official client. */

const world = useWorld();
let client: QstashClient;
let one: string;
let two: string;

beforeEach(() => {
  client = new QstashClient({ baseUrl: world.server.url, token: world.token });
  one = world.app.on("/one", () => new Response("one"));
  two = world.app.on("/two", () => new Response("two"));
});

describe("the client", () => {
  test("adds endpoints and finds them as it sent them", async () => {
    const { urlGroups } = client;
    const endpoints = [{ name: "first", url: one }, { url: two }];
    await urlGroups.addEndpoints({ name: "orders", endpoints });
    const group = await urlGroups.get("orders");
    expect(group).toEqual({
      name: "orders",
      endpoints,
      createdAt: expect.any(Number),
      updatedAt: expect.any(Number),
    });
    expect(await urlGroups.list()).toEqual([group]);
  });

  test("updates endpoints that the group has", async () => {
    const { urlGroups } = client;
    await urlGroups.addEndpoints({ name: "orders", endpoints: [{ name: "a", url: one }] });
    await urlGroups.addEndpoints({ name: "orders", endpoints: [{ name: "a", url: two }] });
    await urlGroups.addEndpoints({ name: "orders", endpoints: [{ name: "b", url: two }] });
    expect((await urlGroups.get("orders")).endpoints).toEqual([{ name: "b", url: two }]);
  });

  test("removes endpoints by name and by URL; the last one takes the group along", async () => {
    const { urlGroups } = client;
    const endpoints = [{ name: "a", url: one }, { url: two }, { url: `${two}?x=1` }];
    await urlGroups.addEndpoints({ name: "orders", endpoints });
    await urlGroups.removeEndpoints({ name: "orders", endpoints: [{ name: "a" }, { url: two }] });
    expect((await urlGroups.get("orders")).endpoints).toEqual([{ url: `${two}?x=1` }]);
    await urlGroups.removeEndpoints({ name: "orders", endpoints: [{ url: `${two}?x=1` }] });
    await expect(urlGroups.get("orders")).rejects.toMatchObject({ status: 404 });
    expect(await urlGroups.list()).toEqual([]);
  });

  test("deletes groups, also one that never was", async () => {
    const { urlGroups } = client;
    await urlGroups.addEndpoints({ name: "orders", endpoints: [{ url: one }] });
    await urlGroups.delete("orders");
    await urlGroups.delete("never");
    expect(await urlGroups.list()).toEqual([]);
  });
});

describe("a publish to a group", () => {
  beforeEach(() =>
    client.urlGroups.addEndpoints({
      name: "orders",
      endpoints: [{ name: "first", url: one }, { url: two }],
    }),
  );

  test("is delivered to each endpoint, as a message of its own", async () => {
    const answers = await client.publishJSON({ urlGroup: "orders", body: { n: 1 } });
    expect(answers).toEqual([
      { messageId: expect.stringMatching(/^msg_/), url: one },
      { messageId: expect.stringMatching(/^msg_/), url: two },
    ]);
    for (const [index, path] of ["/one", "/two"].entries()) {
      const received = await until(`a delivery to ${path}`, () => world.app.at(path)[0]);
      expect(received).toMatchObject({
        body: '{"n":1}',
        headers: {
          "content-type": "application/json",
          "upstash-topic-name": "orders",
          "upstash-message-id": answers[index]?.messageId,
        },
      });
    }
    expect(answers[0]?.messageId).not.toBe(answers[1]?.messageId);
  });

  test("fails at one endpoint without a trace at the other", async () => {
    world.app.on("/one", () => new Response("no", { status: 500 }));
    await client.publish({ urlGroup: "orders", body: "x", retries: 0 });
    const dead = await until("the dead letter", async () => {
      const { messages } = await client.dlq.listMessages();
      return messages[0];
    });
    expect(dead).toMatchObject({ url: one, topicName: "orders" });
    await until("the other delivery", () => world.app.at("/two")[0]);
    expect((await client.dlq.listMessages()).messages).toHaveLength(1);
  });

  test("of a batch answers with a list in its place", async () => {
    const answers = await client.batchJSON([
      { urlGroup: "orders", body: 1 },
      { url: one, body: 2 },
    ]);
    expect(answers).toEqual([
      [
        { messageId: expect.any(String), url: one },
        { messageId: expect.any(String), url: two },
      ],
      expect.objectContaining({ messageId: expect.any(String) }),
    ]);
  });

  test("is deduplicated for each endpoint", async () => {
    const request = { urlGroup: "orders", body: "x", deduplicationId: "once" };
    const first = await client.publish(request);
    const second = await client.publish(request);
    expect(second).toEqual(first.map((answer) => ({ ...answer, deduplicated: true })));
    await client.urlGroups.addEndpoints({ name: "orders", endpoints: [{ url: `${two}?new` }] });
    const third = await client.publish(request);
    expect(third.map(({ deduplicated }) => deduplicated)).toEqual([true, true, undefined]);
  });

  test("that does not exist is refused", async () => {
    await expect(client.publish({ urlGroup: "others", body: "x" })).rejects.toMatchObject({
      status: 404,
      message: expect.stringContaining("topic others not found"),
    });
  });
});

test("a webhook without any settings goes out with the group's default headers", async () => {
  await client.urlGroups.addEndpoints({ name: "hooks", endpoints: [{ url: one }] });
  const headers = {
    "Upstash-Retries": "1",
    "Upstash-Header-Forward": ["true"],
    "Upstash-Forward-X-From": "group",
  };
  const patched = await world.call("PATCH", "/v2/topics/hooks", {
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ headers }),
  });
  expect(patched.status, patched.text).toBe(200);
  const hook = await world.call("POST", `/v2/publish/hooks?qstash_token=${world.token}`, {
    headers: { "x-hub-event": "push" },
    body: "payload",
    token: null,
  });
  expect(hook.status, hook.text).toBe(200);
  const received = await until("the webhook", () => world.app.at("/one")[0]);
  expect(received.headers).toMatchObject({ "x-hub-event": "push", "x-from": "group" });
  expect(JSON.stringify(received.headers)).not.toContain(world.token);
  const { messageId } = (hook.json as readonly [{ readonly messageId: string }])[0]; // Of a group.
  expect(await client.messages.get(messageId)).toMatchObject({ maxRetries: 1 });
});
