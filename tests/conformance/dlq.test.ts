import type { BulkRetryAnswer } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import { deadMessageOf, messageOf, qstash } from "./publisher.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

/** The dead letter queue of messages as the official client sees it: every method, every filter, every count. */

const world = useWorld();

const dlq = () => qstash(world).dlq;

type Options = Record<string, unknown>;

/** A request of the client by any filter: its types allow known ones only, and a test also sends others. */
function by(filter: Options, more: Options = {}) {
  return { filter, ...more } as never; // Fits every method's parameter, as the comment above wants.
}

/** Publishes a message whose only attempt fails, and gives its id and that of its entry. */
async function fail(options: Options = {}) {
  const url = world.app.on("/failing", () => new Response("404 Not Found", { status: 404 }));
  const { messageId } = await qstash(world).publishJSON({ url, body: {}, retries: 0, ...options });
  const { dlqId } = await deadMessageOf(world, messageId);
  return { messageId, dlqId };
}

/** One after the other, so that the order of the failures is that of the list. */
async function failMany(count: number, options: Options = {}): Promise<string[]> {
  const ids: string[] = [];
  for (let index = 0; index < count; index += 1) ids.push((await fail(options)).dlqId);
  return ids;
}

async function remaining(): Promise<readonly string[]> {
  const { messages } = await dlq().listMessages();
  return messages.map(({ dlqId }) => dlqId);
}

describe("list", () => {
  test("shows the message as it was published, and the answer of its last attempt", async () => {
    const { messageId, dlqId } = await fail({
      label: ["first", "second"],
      retryDelay: "7000 * retried",
      flowControl: { key: "key", parallelism: 2, rate: 7, period: "1h30m3s" },
      headers: { "test-header": "value" },
      callback: `${world.app.url}/done?a=1`,
    });
    const { messages, cursor } = await dlq().listMessages();
    expect(cursor).toBeUndefined();
    expect(messages.find((entry) => entry.messageId === messageId)).toMatchObject({
      dlqId,
      messageId,
      url: `${world.app.url}/failing`,
      body: "{}",
      header: { "Test-Header": ["value"], "Content-Type": ["application/json"] },
      maxRetries: 0,
      label: "first",
      labels: ["first", "second"],
      retryDelayExpression: "7000 * retried",
      flowControlKey: "key",
      parallelism: 2,
      rate: 7,
      ratePerSecond: 7,
      period: 5_403,
      callback: `${world.app.url}/done?a=1`,
      responseStatus: 404,
      responseBody: "404 Not Found",
    });
    const one = await world.call("GET", `/v2/dlq/${dlqId}`);
    expect(one.json).toMatchObject({ dlqId, messageId, responseStatus: 404 });
  });

  test("pages until there is no cursor", async () => {
    const ids = await failMany(5);
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await dlq().listMessages({
        count: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
      found.push(...page.messages.map(({ dlqId }) => dlqId));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(found).toEqual(ids);
  });

  test("by ids", async () => {
    const ids = await failMany(3);
    const { messages } = await dlq().listMessages({ dlqIds: [ids[2] ?? "", ids[0] ?? ""] });
    expect(messages.map(({ dlqId }) => dlqId)).toEqual([ids[0], ids[2]]);
  });

  test("with what the destination could not answer has the status 0", async () => {
    const url = world.app.onRaw("/cut", (_, response) => response.destroy());
    const { dlqId } = await fail({ url });
    const { messages } = await dlq().listMessages();
    expect(messages.find((entry) => entry.dlqId === dlqId)?.responseStatus).toBe(0);
  });
});

describe("filters", () => {
  const cases: readonly (readonly [string, Options, Options])[] = [
    ["url", { url: "$/other" }, { url: "$/other" }],
    ["label", { label: ["wanted", "more"] }, { label: "more" }],
    ["flowControlKey", { flowControl: { key: "a/b", rate: 9 } }, { flowControlKey: "a/b" }],
    ["responseStatus", { url: "$/500" }, { responseStatus: 500 }],
    ["two of them", { url: "$/500", label: "x" }, { responseStatus: [500, 501], label: "x" }],
  ];
  /** `$` stands for the address of the app. */
  const fill = (options: Options): Options => {
    const { url } = options;
    return typeof url === "string" ? { ...options, url: url.replace("$", world.app.url) } : options;
  };

  test.each(cases)(
    "%s selects what is listed, sent again and deleted",
    async (_, options, filter) => {
      world.app.on("/500", () => new Response("", { status: 500 }));
      world.app.on("/other", () => new Response("", { status: 404 }));
      const [other] = await failMany(1, { label: "other" });
      const wanted = await failMany(3, fill(options));
      const query = by(fill(filter));
      const listed = await dlq().listMessages(query);
      expect(listed.messages.map(({ dlqId }) => dlqId)).toEqual(wanted);
      const retried = await dlq().retry(by(fill(filter), { count: 1 }));
      expect(retried.responses).toHaveLength(1);
      await until("the entry of the message that was sent again", async () => {
        return (await remaining()).length === 4;
      });
      const first = await dlq().delete(by(fill(filter), { count: 1 }));
      expect(first.deleted).toBe(1);
      expect(first.cursor).toEqual(expect.any(String));
      expect(await dlq().delete(query)).toEqual({ deleted: 2 });
      expect(await remaining()).toEqual([other]);
    },
  );

  test("by message, caller and date", async () => {
    const { messageId, dlqId } = await fail();
    await fail();
    const list = async (filter: Options) => {
      const { messages } = await dlq().listMessages(by(filter));
      return messages.map((entry) => entry.dlqId);
    };
    expect(await list({ messageId })).toEqual([dlqId]);
    expect(await list({ callerIp: "127.0.0.1" })).toHaveLength(2);
    expect(await list({ callerIp: "192.0.2.1" })).toEqual([]);
    const now = Date.now();
    expect(await list({ fromDate: now - 600_000, toDate: now + 600_000 })).toHaveLength(2);
    expect(await list({ toDate: new Date("2000-01-01").getTime() })).toEqual([]);
  });

  test("that select nothing are no error", async () => {
    const [id] = await failMany(1);
    const nothing = { filter: { responseStatus: 999 } };
    expect(await dlq().delete(nothing)).toEqual({ deleted: 0 });
    expect((await dlq().retry(nothing)).responses).toEqual([]);
    const past = { filter: { toDate: new Date("2000-01-01").getTime() } };
    expect(await dlq().delete(past)).toEqual({ deleted: 0 });
    expect(await remaining()).toEqual([id]);
  });

  test("with a slip of the keyboard change nothing, and are passed over by lists", async () => {
    const [id] = await failMany(1);
    const slip = by({ labeel: "x" });
    await expect(dlq().delete(slip)).rejects.toMatchObject({ status: 400 });
    await expect(dlq().retry(slip)).rejects.toMatchObject({ status: 400 });
    expect((await dlq().listMessages(slip)).messages.map(({ dlqId }) => dlqId)).toEqual([id]);
  });
});

describe("delete", () => {
  test("one, once", async () => {
    const [id = ""] = await failMany(1);
    expect(await dlq().delete(id)).toEqual({ deleted: 1 });
    await expect(dlq().delete(id)).rejects.toMatchObject({ status: 404 });
    expect(await remaining()).toEqual([]);
  });

  test("by ids; those that are gone are no error", async () => {
    const ids = await failMany(3);
    expect(await dlq().delete(ids.slice(0, 2))).toEqual({ deleted: 2 });
    expect(await dlq().deleteMany({ dlqIds: ids })).toEqual({ deleted: 1 });
    expect(await dlq().delete({ dlqIds: ids })).toEqual({ deleted: 0 });
    expect(await dlq().delete([])).toEqual({ deleted: 0 });
  });

  test("all of them, with and without a count", async () => {
    const ids = await failMany(5);
    const { deleted, cursor } = await dlq().delete({ all: true, count: 1 });
    expect(deleted).toBe(1);
    const next = await dlq().delete({ all: true, count: 2, cursor: cursor ?? "" });
    expect(next.deleted).toBe(2);
    expect(await remaining()).toEqual(ids.slice(3));
    expect(await dlq().delete({ all: true })).toEqual({ deleted: 2 });
  });

  test("ids in a body, as other clients send them", async () => {
    const ids = await failMany(3);
    const send = (value: unknown) =>
      world.call("DELETE", "/v2/dlq", {
        body: JSON.stringify(value),
        headers: { "content-type": "application/json" },
      });
    expect((await send({ dlqIds: ids.slice(0, 2) })).json).toEqual({ deleted: 2 });
    expect((await send({ dlqIds: [] })).json).toEqual({ deleted: 0 });
    expect((await send({})).status).toBe(400);
    expect(await remaining()).toEqual(ids.slice(2));
  });
});

describe("retry", () => {
  /** From now on the destination answers, and its deliveries are counted. */
  function recover(): () => number {
    const before = world.app.at("/failing").length;
    world.app.on("/failing", () => new Response("ok"));
    return () => world.app.at("/failing").length - before;
  }

  test("one makes a new message, and the entry is gone", async () => {
    const { messageId, dlqId } = await fail({ label: "kept", body: { secret: "value" } });
    const deliveries = recover();
    const { responses, cursor } = await dlq().retry(dlqId);
    expect(cursor).toBeUndefined();
    const [made] = responses;
    expect(made?.messageId).not.toBe(messageId);
    await until("the delivery", () => deliveries() === 1);
    expect(world.app.at("/failing").at(-1)?.body).toBe('{"secret":"value"}');
    expect(await messageOf(world, made?.messageId ?? "")).toMatchObject({ labels: ["kept"] });
    await expect(dlq().delete(dlqId)).rejects.toMatchObject({ status: 404 });
    expect(await dlq().delete([dlqId])).toEqual({ deleted: 0 });
    await expect(dlq().retry(dlqId)).rejects.toMatchObject({ status: 404 });
  });

  test("by its path, with other settings", async () => {
    const { dlqId } = await fail({ retryDelay: "1000" });
    const answer = await world.call("POST", `/v2/dlq/retry/${dlqId}`, {
      headers: { "Upstash-Retries": "5", "Upstash-Delay": "10m" },
    });
    expect(answer.status).toBe(201);
    const { messageId } = answer.json as { readonly messageId: string }; // Checked by the next line.
    expect(await messageOf(world, messageId)).toMatchObject({
      maxRetries: 5,
      retryDelayExpression: "1000",
    });
  });

  test("several by ids are sent again all or none", async () => {
    const ids = await failMany(3);
    recover();
    await expect(dlq().retry([ids[0] ?? "", "0-0"])).rejects.toMatchObject({ status: 404 });
    expect(await remaining()).toEqual(ids);
    expect((await dlq().retry(ids.slice(0, 2))).responses).toHaveLength(2);
    expect(await remaining()).toEqual(ids.slice(2));
    expect((await dlq().retry([])).responses).toEqual([]);
  });

  test("all, count by count, until there is no cursor", async () => {
    await failMany(5);
    const deliveries = recover();
    const made = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await dlq().retry({
        all: true,
        count: 2,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { messageId } of page.responses) made.add(messageId);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(made.size).toBe(5);
    await until("the deliveries", () => deliveries() === 5);
    expect(await remaining()).toEqual([]);
  });

  test("twice at the same moment makes one message", async () => {
    const { dlqId } = await fail();
    const deliveries = recover();
    const both = await Promise.allSettled([dlq().retry(dlqId), dlq().retry(dlqId)]);
    expect(both.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    await until("the delivery", () => deliveries() > 0);
    await world.server.close();
    expect(deliveries()).toBe(1);
  });

  test("the answer has an empty cursor at the end, which the client leaves out", async () => {
    await failMany(1);
    recover();
    const answer = await world.call("POST", "/v2/dlq/retry?count=10");
    expect(answer.status).toBe(201);
    expect(answer.json).toEqual({
      cursor: "",
      responses: [{ messageId: expect.stringMatching(/^msg_/) }],
    } satisfies BulkRetryAnswer);
  });
});
