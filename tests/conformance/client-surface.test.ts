// Every method of the official client's classes is called by some test here, or a reason stands below.

import { readdirSync, readFileSync } from "node:fs";
import { Client, Receiver } from "@upstash/qstash";
import { expect, test } from "vitest";
import { deadMessageOf, qstash } from "./publisher.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();
const LATER = "https://example.com/later";

/** How tests name an object of each class. */
const NAMES: Readonly<Record<string, string>> = {
  Client: "(?:client|qstash\\(world\\))",
  Messages: "messages",
  UrlGroups: "(?:urlGroups|groups)",
  DLQ: "dlq",
  Schedules: "schedules",
  FlowControlApi: "(?:flowControl|flow)",
  Queue: "(?:queue|queue\\([^)]*\\))",
  Workflow: "workflow",
  Receiver: "receiver",
};

/** Methods that no test calls, and why. */
const NOT_CALLED: Readonly<Record<string, string>> = {
  "_Chat.create": "the hosted model behind it is gone; a test below shows the answer",
  "_Chat.prompt": "builds on `create`",
  "_Chat.createThirdParty": "talks to the provider, not to this server",
  "_Chat.getAuthorizationToken": "sends nothing",
  "Receiver.verifyWithKey": "called by `verify`",
  "Receiver.verifyBodyAndUrl": "called by `verify`",
};

/** Getters that lead to an object whose methods count. */
const GETTERS = ["urlGroups", "topics", "dlq", "messages", "schedules", "flowControl", "workflow"];

/** Every object that the client gives out. */
function objects(): readonly object[] {
  const client = new Client({ baseUrl: "http://127.0.0.1", token: "t" });
  const { messages, urlGroups, dlq, schedules, flowControl, workflow } = client;
  const receiver = new Receiver({ currentSigningKey: "a", nextSigningKey: "b" });
  const rest = [client.queue(), client.chat(), receiver];
  return [client, messages, urlGroups, dlq, schedules, flowControl, workflow, ...rest];
}

/** `Class.method` of all of them, arrow functions of instances included. */
function methods(): readonly string[] {
  return objects().flatMap((one) => {
    // An object with a class has a prototype.
    const prototype = Object.getPrototypeOf(one) as object;
    const own = Object.entries(one).flatMap(([name, value]) => {
      return typeof value === "function" ? [name] : [];
    });
    const names = [...Object.getOwnPropertyNames(prototype), ...own];
    const kept = names.filter((name) => name !== "constructor" && !GETTERS.includes(name));
    return kept.map((name) => `${one.constructor.name}.${name}`);
  });
}

const directory = new URL(".", import.meta.url);

const sources = readdirSync(directory)
  .filter((name) => name.endsWith(".ts"))
  .map((name) => readFileSync(new URL(name, directory), "utf8"))
  .join("\n");

test("every method is called by a test, or there is a reason", () => {
  const missing = methods().filter((method) => {
    const [className = "", name = ""] = method.split(".");
    const call = new RegExp(`\\b${NAMES[className]}(?:\\(\\))?\\s*\\.${name}[(<]`);
    const isListed = method in NOT_CALLED;
    return className in NAMES && call.test(sources) ? isListed : !isListed;
  });
  expect(missing).toEqual([]);
});

test("no reason is left of a method that is gone", () => {
  expect(Object.keys(NOT_CALLED).filter((method) => !methods().includes(method))).toEqual([]);
  expect(methods().length).toBeGreaterThanOrEqual(50);
});

test("the getters of the client are those that are known", () => {
  const described = Object.entries(Object.getOwnPropertyDescriptors(Client.prototype));
  const getters = described.flatMap(([name, { get }]) => (get === undefined ? [] : [name]));
  expect(getters.toSorted()).toEqual(GETTERS.toSorted());
});

test("topics is another name for URL groups, and events for logs", async () => {
  const client = qstash(world);
  await client.topics.addEndpoints({ name: "t", endpoints: [{ url: LATER }] });
  expect(await client.urlGroups.get("t")).toMatchObject({ name: "t", endpoints: [{ url: LATER }] });
  expect(await client.topics.list()).toEqual(await client.urlGroups.list());
  await client.publish({ topic: "t", delay: "1h" });
  const { events } = await until("the log", async () => {
    const page = await client.events();
    return page.events.length > 0 && page;
  });
  expect(events).toMatchObject([{ state: "CREATED", topicName: "t" }]);
  expect((await client.logs({ filter: { urlGroup: "t" } })).logs).toHaveLength(1);
});

test("the older names of cancel", async () => {
  const client = qstash(world);
  const ids: string[] = [];
  for (let count = 0; count < 5; count += 1) {
    ids.push((await client.publish({ url: LATER, delay: "1h" })).messageId);
  }
  const [first = "", second = "", third = ""] = ids;
  await client.messages.delete(first);
  expect(await client.messages.deleteMany([second, third, "msg_nobody"])).toBe(2);
  expect(await client.messages.deleteAll()).toBe(2);
  expect(await world.store.count("messages", [])).toBe(0);
});

test("the older name of a bulk delete of dead letters", async () => {
  const client = qstash(world);
  const url = world.app.on("/dead", () => new Response("", { status: 500 }));
  const { messageId } = await client.publish({ url, retries: 0 });
  const { dlqId } = await deadMessageOf(world, messageId);
  expect(await client.dlq.deleteMany({ dlqIds: [dlqId] })).toMatchObject({ deleted: 1 });
  expect((await client.dlq.listMessages()).messages).toEqual([]);
});

test("a run can be cancelled by the client for messages as well", async () => {
  const url = world.serve("/nap", async (context) => context.sleep("nap", "1d"));
  const runId = await world.trigger({ url });
  await until("the nap", async () => {
    const rows = await world.store.list("messages", { where: [], order: "ascending", limit: 2 });
    return rows.some(({ state, stepPosition }) => state === "scheduled" && stepPosition === 1);
  });
  const { workflow } = qstash(world);
  expect(await workflow.cancel(runId)).toBe(true);
  expect((await world.ended(runId)).workflowState).toBe("RUN_CANCELED");
});

test("chat is answered with an error that says so", async () => {
  const { upstash } = await import("@upstash/qstash");
  const chat = qstash(world).chat();
  const request = { provider: upstash(), model: "m", messages: [] } as const;
  // The model is one of those that are gone.
  const refused = chat.create(request as unknown as Parameters<typeof chat.create>[0]);
  await expect(refused).rejects.toMatchObject({ status: 404 });
});
