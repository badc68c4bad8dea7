import type { BulkActionResource, BulkCancelAnswer } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { idOf, logUntil, qstash } from "./publisher.ts";
import { sendRaw } from "./raw-http.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

/** Messages as the official client sees them: get, cancel in every form, and what only a plain request can ask. */

const world = useWorld({ isOnDisk: true });

const client = () => qstash(world);

/** A destination of its own, in a form that is stored as it is given. */
const somewhere = (path = "/hook") => world.app.url + path;

/** Publishes messages that do not become due, and gives their ids. */
async function hold(count: number, options: Record<string, unknown> = {}): Promise<string[]> {
  const items = Array.from({ length: count }, () => ({
    url: somewhere(),
    delay: 600,
    body: "{}",
    ...options,
  }));
  const answers = await client().batch(items);
  return answers.map(idOf);
}

/** Cancels by any filter: the client's types allow known ones only, and a test also sends others. */
async function cancelBy(filter: Record<string, unknown>, more: { readonly count?: number } = {}) {
  const request = { filter, ...more } as never; // Fits the parameter, as the comment above wants.
  return (await client().messages.cancel(request)).cancelled;
}

/** Ids of the given messages that can still be cancelled; each is cancelled by being asked. */
async function left(ids: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const id of ids) {
    const { status } = await world.call("DELETE", `/v2/messages/${id}`);
    if (status === 202) found.push(id);
  }
  return found;
}

describe("get", () => {
  test("right after a publish, and after its delivery", async () => {
    const url = world.app.on("/hook", () => new Response("ok"));
    const answer = await client().publishJSON({
      url,
      body: { a: 1 },
      headers: { "test-header": "test-value" },
      label: ["first", "second"],
      retries: 2,
      retryDelay: "7000 * retried",
      timeout: 30,
      flowControl: { key: "key 1", rate: 7, period: "1d" },
    });
    const { messageId } = answer;
    const message = await client().messages.get(messageId);
    expect(message).toMatchObject({
      messageId,
      url,
      method: "POST",
      body: '{"a":1}',
      maxRetries: 2,
      retryDelayExpression: "7000 * retried",
      label: "first",
      labels: ["first", "second"],
      flowControlKey: "key 1",
      rate: 7,
      ratePerSecond: 7,
      period: 86_400,
      callerIP: "127.0.0.1",
    });
    expect(message).not.toHaveProperty("parallelism");
    // The client makes headers of it.
    const headers = new Headers(message.header as unknown as Record<string, string>);
    expect(headers.get("test-header")).toBe("test-value");
    expect(headers.get("content-type")).toBe("application/json");
    await logUntil(world, messageId, "DELIVERED");
    // An open message says more: where it stands.
    expect(message).toMatchObject(await client().messages.get(messageId));
  });

  test("shows what there is, and nothing that was not given", async () => {
    const { messageId } = await client().publish({ url: somewhere("/x?y=%2F"), delay: 3_600 });
    const message = await client().messages.get(messageId);
    expect(Object.keys(message).filter((name) => Reflect.get(message, name) !== undefined)).toEqual(
      expect.arrayContaining([
        "messageId",
        "url",
        "method",
        "maxRetries",
        "notBefore",
        "createdAt",
      ]),
    );
    expect(message.url).toBe(somewhere("/x?y=%2F"));
    expect(message.maxRetries).toBe(3);
    // The delay counts from the arrival of the request, which is a moment earlier.
    const delayMs = Number(message.notBefore) - message.createdAt;
    expect(delayMs).toBeGreaterThan(3_540_000);
    expect(delayMs).toBeLessThanOrEqual(3_600_000);
    for (const name of ["header", "body", "bodyBase64", "label", "labels", "flowControlKey"]) {
      expect(message).not.toHaveProperty(name);
    }
  });

  test("an unknown id is an error with the status 404", async () => {
    await expect(client().messages.get("msg_zzzzzz")).rejects.toMatchObject({ status: 404 });
  });
});

describe("cancel", () => {
  test("one message, by its id", async () => {
    const [id = "", other = ""] = await hold(2);
    expect(await client().messages.cancel(id)).toEqual({ cancelled: 1 });
    await expect(client().messages.cancel(id)).rejects.toMatchObject({ status: 404 });
    await client().messages.delete(other);
    await expect(client().messages.delete(other)).rejects.toMatchObject({ status: 404 });
  });

  test("several by ids, and then all: what is cancelled is counted no more", async () => {
    const [first = "", second = "", third = ""] = await hold(3);
    expect(await client().messages.cancel([first, second, "msg_zzzzzz"])).toEqual({ cancelled: 2 });
    expect(await client().messages.cancel({ all: true })).toEqual({ cancelled: 1 });
    expect(await left([first, second, third])).toEqual([]);
    expect(await client().messages.cancel([])).toEqual({ cancelled: 0 });
  });

  test("with the older names", async () => {
    const ids = await hold(4);
    expect(await client().messages.deleteMany(ids.slice(0, 3))).toBe(3);
    expect(await client().messages.deleteAll()).toBe(1);
  });

  test("count 1 cancels one of two", async () => {
    const ids = await hold(2, { label: "pair" });
    const request = { filter: { label: "pair" }, count: 1 };
    expect(await client().messages.cancel(request)).toEqual({ cancelled: 1 });
    expect(await left(ids)).toHaveLength(1);
  });

  test("by filters, each alone and two together", async () => {
    const flowControl = (key: string) => ({ key, parallelism: 1 });
    const ids = {
      label: await hold(2, { label: ["one", "two"] }),
      flow: await hold(1, { flowControl: flowControl("flow/1") }),
      other: await hold(1, { flowControl: flowControl("flow 2") }),
      path: await hold(1, { url: somewhere("/unique/path?x=1") }),
      host: await hold(1, { url: "https://never-called.example/hook" }),
      rest: await hold(1),
    };
    expect(await cancelBy({ label: "two", flowControlKey: "flow/1" })).toBe(0);
    expect(await cancelBy({ label: "two" })).toBe(2);
    expect(await cancelBy({ flowControlKey: ["flow/1", "flow 2"] })).toBe(2);
    expect(await cancelBy({ path: "/unique/path" })).toBe(1);
    expect(await cancelBy({ host: "never-called.example" })).toBe(1);
    expect(await cancelBy({ url: somewhere("/nothing") })).toBe(0);
    expect(await cancelBy({ fromDate: 1, toDate: new Date("2000-01-01").getTime() })).toBe(0);
    expect(await left(Object.values(ids).flat())).toEqual(ids.rest);
  });

  test("of a URL group and of a queue", async () => {
    await client().urlGroups.addEndpoints({
      name: "group",
      endpoints: [{ url: somewhere("/1") }, { url: somewhere("/2") }],
    });
    await client().publishJSON({ urlGroup: "group", body: {}, delay: 600 });
    await client().queue({ queueName: "line" }).upsert({ parallelism: 1, paused: true });
    for (let index = 0; index < 3; index += 1) {
      await client().queue({ queueName: "line" }).enqueueJSON({ url: somewhere(), body: {} });
    }
    expect(await cancelBy({ urlGroup: "group" })).toBe(2);
    expect(await cancelBy({ queueName: "line" })).toBe(3);
    expect((await client().queue({ queueName: "line" }).get()).lag).toBe(0);
  });

  test("an unknown filter is an error and cancels nothing", async () => {
    const ids = await hold(1);
    await expect(cancelBy({ labeel: "x" })).rejects.toMatchObject({ status: 400 });
    expect(await left(ids)).toEqual(ids);
  });

  test("in the words of other clients: ids in a body, or nothing for everything", async () => {
    const ids = await hold(5);
    const headers = { "content-type": "application/json" };
    const send = (body: string) => world.call("DELETE", "/v2/messages", { body, headers });
    const some = await send(JSON.stringify({ messageIds: [ids[0], ids[1], "nonsense"] }));
    expect([some.status, some.json]).toEqual([202, { cancelled: 2 }]);
    const none = await send(JSON.stringify({ messageIds: [] }));
    expect([none.status, none.json]).toEqual([202, { cancelled: 0 }]);
    for (const body of ["{", "{}", "[]", '{"messageIds":null}', '{"messageIDs":["x"]}']) {
      expect((await send(body)).status, body).toBe(400);
    }
    const bare = `DELETE /v2/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${world.token}`;
    const all = await sendRaw(world.server.port, `${bare}\r\n\r\n`);
    expect([all.status, JSON.parse(all.body)]).toMatchObject([202, { cancelled: 3 }]);
    expect(await left(ids)).toEqual([]);
  });
});

describe("send now", () => {
  test("delivers a message that waits for its delay", async () => {
    const url = world.app.on("/hook", () => new Response("ok"));
    const { messageId } = await client().publish({ url, delay: 3_600 });
    const answer = await world.call("POST", `/v2/messages/${messageId}/retry`);
    expect([answer.status, answer.json]).toEqual([200, {}]);
    await until("the delivery", () => world.app.at("/hook").length === 1);
    const again = await world.call("POST", `/v2/messages/${messageId}/retry`);
    expect(again.status).toBe(404);
  });
});

describe("ten thousand", () => {
  const LABEL = "many";

  async function holdMany(): Promise<void> {
    const batches = Array.from({ length: 10 }, () => hold(1_000, { label: LABEL }));
    await Promise.all(batches);
  }

  const canceled = () =>
    world.store.count("logs", [{ type: "in", column: "moment", values: ["canceled"] }]);

  async function finished(actionId: string | undefined): Promise<BulkActionResource> {
    return until("the end of the bulk action", async () => {
      const { json } = await world.call("GET", `/v2/bulkActions/${actionId}`);
      // The shape is what the tests of bulk actions check.
      const action = json as BulkActionResource;
      return action.state === "FINISHED" && action;
    });
  }

  async function cancelInBackground(): Promise<BulkCancelAnswer> {
    const answer = await world.call("DELETE", `/v2/messages?label=${LABEL}&async=true`);
    expect(answer.status).toBe(202);
    return answer.json as BulkCancelAnswer; // The shape is what this test checks.
  }

  test("are cancelled in the background while new ones arrive, each once", async () => {
    await holdMany();
    const answer = await cancelInBackground();
    expect(answer.cancelled).toBe(10_000);
    const later = await hold(50, { label: LABEL });
    const action = await finished(answer.actionId);
    expect(action).toMatchObject({ total: 10_000, processed: 10_000, filter: { label: [LABEL] } });
    expect(await canceled()).toBe(10_000);
    expect(await left(later)).toEqual(later);
  });

  test("a restart in between loses none and counts none twice", async () => {
    await holdMany();
    const answer = await cancelInBackground();
    await world.restartServer();
    const stopped = await world.call("GET", `/v2/bulkActions/${answer.actionId}`);
    expect(stopped.status).toBe(200);
    const action = await finished(answer.actionId);
    expect(action).toMatchObject({ total: 10_000, processed: 10_000 });
    expect(await canceled()).toBe(10_000);
    expect(await client().messages.cancel({ all: true })).toEqual({ cancelled: 0 });
  });
});
