import { messageId, messageKey } from "@reprise/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../core/outcome.ts";
import { respond } from "../test-world.suite.ts";
import { type LogClient, openLogClient } from "./message-log-client.suite.ts";

let client: LogClient;

beforeEach(async () => {
  client = await openLogClient();
});

/** Answers one attempt after the other; later ones never end. */
function answers(...outcomes: readonly Outcome[]): void {
  const left = [...outcomes];
  client.world.host.app = () => left.shift() ?? new Promise(() => {});
}

const TARGET = "https://app.test/hook";
const FAILED = ["CREATED", "ACTIVE", "ERROR", "FAILED"];

describe("the sequence of states", () => {
  test("of a success at once", async () => {
    answers(respond(200));
    const id = await client.publish(TARGET);
    expect(await client.sequence(id, "DELIVERED")).toEqual(["CREATED", "ACTIVE", "DELIVERED"]);
  });

  test("of a success after a failure", async () => {
    answers(respond(500), respond(204));
    const id = await client.publish(TARGET);
    expect(await client.sequence(id, "RETRY")).toEqual(["CREATED", "ACTIVE", "ERROR", "RETRY"]);
    await client.world.host.advance(13_000);
    expect(await client.sequence(id, "DELIVERED")).toEqual([
      "CREATED",
      "ACTIVE",
      "ERROR",
      "RETRY",
      "ACTIVE",
      "DELIVERED",
    ]);
  });

  test("of a failure without retries", async () => {
    answers(respond(500));
    const id = await client.publish(TARGET, { headers: { "upstash-retries": "0" } });
    expect(await client.sequence(id, "FAILED")).toEqual(FAILED);
  });

  test("of a failure after one retry", async () => {
    answers(respond(500), respond(500));
    const headers = { "upstash-retries": "1", "upstash-retry-delay": "0" };
    const id = await client.publish(TARGET, { headers });
    expect(await client.sequence(id, "FAILED")).toEqual([
      "CREATED",
      "ACTIVE",
      "ERROR",
      "RETRY",
      "ACTIVE",
      "ERROR",
      "FAILED",
    ]);
  });

  test("of a failure that is not to be retried", async () => {
    answers(respond(489, "", { "upstash-nonretryable-error": ["true"] }));
    const id = await client.publish(TARGET);
    expect(await client.sequence(id, "FAILED")).toEqual(FAILED);
  });

  test("of a delayed message that is cancelled", async () => {
    const id = await client.publish(TARGET, { headers: { "upstash-delay": "1h" } });
    await cancel(id);
    expect(await client.sequence(id, "CANCELED")).toEqual([
      "CREATED",
      "CANCEL_REQUESTED",
      "CANCELED",
    ]);
  });

  test.each<[string, Outcome, readonly string[]]>([
    ["succeeds", respond(200), ["DELIVERED"]],
    ["fails", respond(500), ["ERROR", "CANCELED"]],
  ])(
    "of a message that is cancelled while its attempt is under way, which %s",
    async (_name, outcome, end) => {
      const held: ((outcome: Outcome) => void)[] = [];
      client.world.host.app = () => new Promise((resolve) => held.push(resolve));
      const id = await client.publish(TARGET);
      const answer = await client.world.until(async () => held.shift());
      await cancel(id);
      expect(await client.sequence(id, "CANCEL_REQUESTED")).toEqual([
        "CREATED",
        "ACTIVE",
        "CANCEL_REQUESTED",
      ]);
      answer(outcome);
      expect(await client.sequence(id, end.at(-1) ?? "")).toEqual([
        "CREATED",
        "ACTIVE",
        "CANCEL_REQUESTED",
        ...end,
      ]);
    },
  );

  test("of a hundred failures without retries is four hundred entries in one answer", async () => {
    client.world.host.app = () => respond(500);
    const ids = new Set<string>();
    for (let index = 0; index < 100; index += 1) {
      ids.add(await client.publish(TARGET, { headers: { "upstash-retries": "0" } }));
    }
    const page = await client.world.until(async () => {
      const found = await client.page("/v2/events");
      return found.events.length >= 400 && found;
    });
    expect(page).not.toHaveProperty("cursor");
    const byMessage = Map.groupBy(page.events, (event) => event.messageId);
    expect(new Set(byMessage.keys())).toEqual(ids);
    for (const events of byMessage.values()) {
      expect(events.map(({ state }) => state).toReversed()).toEqual(FAILED);
    }
  });
});

async function cancel(id: string): Promise<void> {
  const key = messageKey(id) ?? 0;
  await client.world.engine.execute([{ type: "cancelMessage", messageKey: key }]);
}

describe("an entry", () => {
  const base64 = (text: string) => Buffer.from(text).toString("base64");

  test("repeats everything that its message was given, in every spelling that clients read", async () => {
    answers(respond(500, "sorry", { "x-reason": ["full"] }));
    const id = await client.publish("https://app.test/hook?a=1", {
      body: "hello",
      address: "203.0.113.9",
      headers: {
        "content-type": "text/plain",
        "upstash-method": "PUT",
        "upstash-retries": "7",
        "upstash-retry-delay": "1000 * (1 + retried)",
        "upstash-timeout": "90s",
        "upstash-label": "first, second",
        "upstash-flow-control-key": "key",
        "upstash-flow-control-value": "parallelism=3, period=1m",
        "upstash-forward-x-order": "42",
        "upstash-callback": "https://app.test/report?b=2",
        "upstash-callback-forward-x-of": "callback",
        "upstash-failure-callback": "https://app.test/sorry",
        "upstash-failure-callback-forward-x-of": "failure",
      },
    });
    await client.sequence(id, "RETRY");
    const events = await client.events(`messageId=${id}`);
    const now = client.world.host.now();
    const attributes = {
      messageId: id,
      url: "https://app.test/hook?a=1",
      method: "PUT",
      header: { "Content-Type": ["text/plain"], "X-Order": ["42"] },
      body: base64("hello"),
      maxRetries: 7,
      retryDelayExpression: "1000 * (1 + retried)",
      retryDelayExpr: "1000 * (1 + retried)",
      timeout: 90_000,
      label: "first",
      labels: ["first", "second"],
      flowControlKey: "key",
      parallelism: 3,
      period: 60,
      callback: "https://app.test/report?b=2",
      callbackHeaders: { "X-Of": ["callback"] },
      failureCallback: "https://app.test/sorry",
      failureCallbackHeaders: { "X-Of": ["failure"] },
      callerIP: "203.0.113.9",
      callerIp: "203.0.113.9",
      createdAt: now,
      notBefore: now,
      time: now,
      retried: 0,
    };
    const error = {
      error: "500 Internal Server Error",
      responseStatus: 500,
      responseHeader: { "X-Reason": ["full"] },
      responseHeaders: { "X-Reason": ["full"] },
      responseBody: base64("sorry"),
      startedAt: now,
      move: expect.stringMatching(/retry/),
    };
    expect(events).toEqual([
      { ...attributes, state: "RETRY", nextDeliveryTime: now + 1_000 },
      { ...attributes, ...error, state: "ERROR" },
      { ...attributes, state: "ACTIVE" },
      { ...attributes, state: "CREATED" },
    ]);
  });

  test("leaves out what its message was not given", async () => {
    answers(respond(200));
    const id = await client.publish(TARGET);
    await client.sequence(id, "DELIVERED");
    const now = client.world.host.now();
    const [delivered] = await client.events(`messageId=${id}&state=DELIVERED`);
    expect(delivered).toEqual({
      ...{ messageId: id, url: TARGET, method: "POST", maxRetries: 3, state: "DELIVERED" },
      ...{ time: now, createdAt: now, notBefore: now, startedAt: now, retried: 0 },
      ...{ callerIP: "192.0.2.1", callerIp: "192.0.2.1", responseStatus: 200 },
    });
  });

  test("says when a delayed message goes out, and why there was no response", async () => {
    answers({ type: "error", cause: "refused", message: "connection refused" });
    const headers = { "upstash-delay": "10s", "upstash-retries": "0" };
    const id = await client.publish(TARGET, { headers });
    const [created] = await client.events(`messageId=${id}`);
    const dueAt = client.world.host.now() + 10_000;
    expect(created).toMatchObject({ state: "CREATED", nextDeliveryTime: dueAt, notBefore: dueAt });
    await client.world.host.advance(10_000);
    await client.sequence(id, "FAILED");
    const [failed, error] = await client.events(`messageId=${id}`);
    expect(failed).toMatchObject({ state: "FAILED", error: "connection refused" });
    expect(failed).not.toHaveProperty("responseBody");
    expect(error).toMatchObject({ error: "connection refused", cause: "refused" });
    expect(error).not.toHaveProperty("responseStatus");
  });

  test("shows bytes that are no text, and cuts them where that is asked for", async () => {
    answers(respond(500, new Uint8Array([255, 0, 1, 2])));
    const body = new Uint8Array([254, 0, 1, 2]);
    const id = await client.publish(TARGET, { body, headers: { "upstash-retries": "0" } });
    await client.sequence(id, "FAILED");
    const bodies = async (trim: string) => {
      const [error] = await client.events(`messageId=${id}&state=ERROR${trim}`);
      return [error?.body, error?.responseBody];
    };
    expect(await bodies("")).toEqual(["/gABAg==", "/wABAg=="]);
    expect(await bodies("&trimBody=3")).toEqual(["/gAB", "/wAB"]);
    expect(await bodies("&trimBody=-1")).toEqual([undefined, undefined]);
  });

  test("hides what is to be redacted, in the log of callbacks too", async () => {
    answers(respond(200, "fine"));
    await client.publish(TARGET, {
      body: "secret-body",
      headers: {
        "upstash-forward-x-key": "secret-header",
        "upstash-forward-x-open": "open",
        "upstash-callback": "https://app.test/report",
        "upstash-redact-fields": "body, header[X-Key]",
      },
    });
    const events = await client.world.until(async () => {
      const found = await client.events();
      return found.some(({ sourceMessageId }) => sourceMessageId !== undefined) && found;
    });
    for (const event of events) {
      const body = Buffer.from(event.body ?? "", "base64").toString();
      expect(body).toMatch(/^REDACTED:[0-9a-f]{64}$/);
    }
    expect(events.at(-1)?.header).toEqual({
      "X-Key": [expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/)],
      "X-Open": ["open"],
    });
    expect(JSON.stringify(events)).not.toContain("secret-header");
  });

  test("of a callback names the message that it reports about", async () => {
    answers(respond(200, "fine"));
    const headers = { "upstash-callback": "https://app.test/report", "upstash-label": "of-both" };
    const id = await client.publish(TARGET, { headers });
    const report = await client.world.until(
      async () => (await client.events("url=https://app.test/report"))[0],
    );
    expect(report).toMatchObject({ sourceMessageId: id, label: "of-both" });
    expect(messageId(messageKey(report.messageId) ?? 0)).toBe(report.messageId);
    const reported: unknown = JSON.parse(Buffer.from(report.body ?? "", "base64").toString());
    expect(reported).toMatchObject({ sourceMessageId: id, status: 200 });
  });
});
