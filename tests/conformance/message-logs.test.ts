import { Client } from "@upstash/qstash";
import { describe, expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

/** The log of plain messages, read with the official client. */

const world = useWorld();

type Request = NonNullable<Parameters<Client["logs"]>[0]>;
type Log = Awaited<ReturnType<Client["logs"]>>["logs"][number];

const client = () => new Client({ baseUrl: world.server.url, token: world.token });

/** The entries of a message, newest first, once it is in `state`. */
function logsOf(messageId: string, state: string): Promise<Log[]> {
  return until(`${state} of ${messageId}`, async () => {
    const { logs } = await client().logs({ messageIds: [messageId] });
    return logs[0]?.state === state && logs;
  });
}

const good = () => world.app.on("/good", () => new Response("fine"));
const broken = () => world.app.on("/broken", () => new Response("sorry", { status: 500 }));

/** A field that the client's type does not name. */
const field = (log: Log | undefined, name: string): unknown => Reflect.get(log ?? {}, name);

describe("what happened to a message", () => {
  test("a success is logged once, and every entry says what was sent", async () => {
    const { messageId } = await client().publish({
      ...{ url: good(), body: "hello", label: ["one", "two"], timeout: 90, retries: 2 },
      ...{ headers: { "test-header": "test-value" }, retryDelay: "1000 * (1 + retried)" },
      flowControl: { key: "flow", rate: 10, period: "1d" },
    });
    const logs = await logsOf(messageId, "DELIVERED");
    expect(logs.map(({ state }) => state)).toEqual(["DELIVERED", "ACTIVE", "CREATED"]);
    for (const log of logs) {
      expect(log).toMatchObject({
        ...{ messageId, url: good(), method: "POST", maxRetries: 2, timeout: 90_000 },
        ...{ label: "one", labels: ["one", "two"], body: btoa("hello") },
        ...{ flowControlKey: "flow", rate: 10, period: 86_400 },
        header: { "Test-Header": ["test-value"] },
        ...{ retryDelayExpr: "1000 * (1 + retried)", retryDelayExpression: "1000 * (1 + retried)" },
      });
      expect(log.time).toBeTypeOf("number");
      expect(log).not.toHaveProperty("parallelism");
    }
  });

  test("a failure shows the response in both spellings", async () => {
    const { messageId } = await client().publish({ url: broken(), retries: 0 });
    const logs = await logsOf(messageId, "FAILED");
    expect(logs.map(({ state }) => state)).toEqual(["FAILED", "ERROR", "ACTIVE", "CREATED"]);
    const [failed, error] = logs;
    expect(failed?.error).toBe("500 Internal Server Error");
    expect(error?.error).toBe("500 Internal Server Error");
    expect(field(error, "responseStatus")).toBe(500);
    expect(field(error, "responseBody")).toBe(btoa("sorry"));
    expect(field(error, "responseHeader")).toEqual(field(error, "responseHeaders"));
    expect(field(error, "responseHeader")).toMatchObject({ "Content-Type": expect.any(Array) });
  });

  test("a retry says when it comes", async () => {
    const { messageId } = await client().publish({
      url: broken(),
      retries: 1,
      retryDelay: "60000",
    });
    const [retry] = await logsOf(messageId, "RETRY");
    expect(retry?.nextDeliveryTime).toBe((retry?.time ?? 0) + 60_000);
  });

  test("a message that cannot be reached has an error and no response", async () => {
    const { messageId } = await client().publish({ url: "http://127.0.0.1:1/", retries: 0 });
    const [, error] = await logsOf(messageId, "FAILED");
    expect(error?.error).toEqual(expect.stringContaining("ECONNREFUSED"));
    expect(error).not.toHaveProperty("responseStatus");
  });

  test("bytes come as standard base64", async () => {
    const body = new Blob([new Uint8Array([255, 254, 62, 63])]);
    const { messageId } = await client().publish({ url: good(), body });
    const [delivered] = await logsOf(messageId, "DELIVERED");
    expect(delivered?.body).toBe("//4+Pw==");
  });

  test("redacted values are hidden, and delivered as they are", async () => {
    const { messageId } = await client().publish({
      ...{
        url: good(),
        body: "secret-body",
        headers: { "x-secret": "secret-header", "x-open": "open" },
      },
      redact: { body: true, header: ["x-secret"] },
    });
    const logs = await logsOf(messageId, "DELIVERED");
    expect(logs).toHaveLength(3);
    for (const log of logs) {
      expect(atob(log.body ?? "")).toMatch(/^REDACTED:[0-9a-f]{64}$/);
      expect(log.header).toMatchObject({
        "X-Secret": [expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/)],
        "X-Open": ["open"],
      });
    }
    expect(JSON.stringify(logs)).not.toContain("secret-header");
    expect(world.app.at("/good")[0]).toMatchObject({ body: "secret-body" });
  });

  test("a callback has entries of its own", async () => {
    const callback = world.app.on("/report", () => new Response("thanks"));
    const { messageId } = await client().publish({ url: good(), callback });
    const logs = await until("the callback's delivery", async () => {
      const found = (await client().logs({ filter: { url: callback } })).logs;
      return found[0]?.state === "DELIVERED" && found;
    });
    expect(logs.map(({ state }) => state)).toEqual(["DELIVERED", "ACTIVE", "CREATED"]);
    expect(field(logs[0], "sourceMessageId")).toBe(messageId);
    expect((await logsOf(messageId, "DELIVERED"))[0]).toMatchObject({ callback });
  });

  test("a hundred failures without retries are four hundred entries in one answer", async () => {
    const url = broken();
    await client().batch(Array.from({ length: 100 }, () => ({ url, retries: 0 })));
    const page = await until("four hundred entries", async () => {
      const found = await client().logs();
      return found.logs.length >= 400 && found;
    });
    expect(page.logs).toHaveLength(400);
    expect(page.cursor).toBeUndefined();
  });

  test("workflow runs have a log of their own", async () => {
    const url = world.serve("/flow", async (context) => context.run("step", () => 1));
    await world.succeeded(await world.trigger({ url }));
    expect((await client().logs()).logs).toEqual([]);
  });
});

describe("filters", () => {
  const delayed = { delay: 3600 } as const;

  /** Three delayed messages that differ in everything, and one filter for each kind. */
  async function publishAll(): Promise<readonly string[]> {
    const group = { name: "orders", endpoints: [{ url: "https://group.test/in" }] };
    await client().urlGroups.addEndpoints(group);
    const one = await client().publish({
      ...{ ...delayed, url: "https://one.test/first?q=1", label: ["red", "blue"] },
      flowControl: { key: "key one", parallelism: 1 },
    });
    const two = await client()
      .queue({ queueName: "line" })
      .enqueue({
        ...{ ...delayed, url: "https://two.test:8443/second,third", label: "red" },
      });
    const [three] = await client().publish({ ...delayed, urlGroup: "orders" });
    return [one.messageId, two.messageId, three?.messageId ?? ""];
  }

  test.each<[NonNullable<Request["filter"]>, readonly number[]]>([
    [{ url: "https://one.test/first?q=1" }, [0]],
    [{ url: "https://two.test:8443/second,third" }, [1]],
    [{ url: ["https://one.test/first?q=1", "https://group.test/in"] }, [2, 0]],
    [{ host: "one.test" }, [0]],
    [{ host: ["TWO.test", "group.test:443"] }, [2, 1]],
    [{ path: "/first" }, [0]],
    [{ path: ["/first", "/in"] }, [2, 0]],
    [{ label: "red" }, [1, 0]],
    [{ label: ["blue", "green"] }, [0]],
    [{ urlGroup: "orders" }, [2]],
    [{ queueName: "line" }, [1]],
    [{ flowControlKey: "key one" }, [0]],
    [{ callerIp: "127.0.0.1" }, [2, 1, 0]],
    [{ callerIp: "203.0.113.1" }, []],
    [{ state: "CREATED" }, [2, 1, 0]],
    [{ state: "ACTIVE" }, []],
    [{ fromDate: 1, toDate: 4_000_000_000_000 }, [2, 1, 0]],
    [{ fromDate: new Date("2030-01-01").getTime() * 10 }, []],
    [{ label: "red", host: "one.test" }, [0]],
  ])("%j", async (filter, expected) => {
    const ids = await publishAll();
    const { logs, cursor } = await client().logs({ filter });
    expect(logs.map(({ messageId }) => messageId)).toEqual(expected.map((index) => ids[index]));
    expect(cursor).toBeUndefined();
  });

  test("a URL group shows under both names", async () => {
    await publishAll();
    const { logs } = await client().logs({ filter: { urlGroup: "orders" } });
    expect(logs[0]).toMatchObject({ topicName: "orders", urlGroup: "orders" });
    expect(logs[0]).not.toHaveProperty("queueName");
  });

  test("messageIds and the older messageId", async () => {
    const [one = "", two = "", three = ""] = await publishAll();
    const named = await client().logs({ messageIds: [three, one, "msg_unknown"] });
    expect(named.logs.map(({ messageId }) => messageId)).toEqual([three, one]);
    const older = await client().logs({ filter: { messageId: two } });
    expect(older.logs.map(({ messageId }) => messageId)).toEqual([two]);
  });

  test("a cancelled message is spelled as the clients spell it", async () => {
    const { messageId } = await client().publish({ ...delayed, url: "https://one.test/" });
    await world.call("DELETE", `/v2/messages/${messageId}`);
    const logs = await logsOf(messageId, "CANCELED");
    expect(logs.map(({ state }) => state)).toEqual(["CANCELED", "CANCEL_REQUESTED", "CREATED"]);
    const { logs: filtered } = await client().logs({ filter: { state: "CANCELED" } });
    expect(filtered.map((log) => log.messageId)).toEqual([messageId]);
  });
});

describe("pages", () => {
  test("follow the cursor to the end, and each entry comes once", async () => {
    const { messageId } = await client().publish({ url: good() });
    const whole = await logsOf(messageId, "DELIVERED");
    const seen: Log[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < 10; page += 1) {
      const request: Request = cursor === undefined ? { count: 1 } : { count: 1, cursor };
      const answer = await client().logs(request);
      seen.push(...answer.logs);
      cursor = answer.cursor;
      if (cursor === undefined) break;
    }
    expect(seen).toEqual(whole);
  });

  test("an empty page has no cursor", async () => {
    const { logs, cursor } = await client().logs({ filter: { label: "nobody" }, count: 1 });
    expect([logs, cursor]).toEqual([[], undefined]);
  });

  test("events() is the older name of logs()", async () => {
    const { messageId } = await client().publish({ url: good() });
    await logsOf(messageId, "DELIVERED");
    const { events } = await client().events();
    expect(events).toEqual((await client().logs()).logs);
  });
});
