// Callbacks: what they say of every attempt, field by field, and how their own settings apply.

import { expect, test } from "vitest";
import type { Received } from "./app.ts";
import { bodyOf, deadMessageOf, deliveryAt, idOf, logOf, logUntil, qstash } from "./publisher.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const base64 = (text: string): string => Buffer.from(text).toString("base64");

function payloadOf({ body }: Received): Readonly<Record<string, unknown>> {
  // What is in it is the question.
  return JSON.parse(body) as Record<string, unknown>;
}

test("the payload of a callback about a success, field by field", async () => {
  const url = world.app.on("/work", () => {
    return new Response("answer ü", {
      status: 201,
      headers: { "x-answer": "1", "content-type": "a/b" },
    });
  });
  const callback = world.app.on("/report", () => new Response());
  const { messageId } = await qstash(world).publish({
    url: `${url}?q=1`,
    method: "PUT",
    body: "source ü",
    headers: { "X-Order": "42", "Content-Type": "text/plain" },
    retries: 2,
    callback: `${callback}?from=work`,
  });
  const report = await deliveryAt(world, "/report");
  const { createdAt, notBefore, header, ...fields } = payloadOf(report);
  expect(fields).toEqual({
    status: 201,
    body: base64("answer ü"),
    maxRetries: 2,
    sourceMessageId: messageId,
    url: `${url}?q=1`,
    method: "PUT",
    sourceHeader: { "X-Order": ["42"], "Content-Type": ["text/plain"] },
    sourceBody: base64("source ü"),
    callerIP: "127.0.0.1",
  });
  expect(header).toMatchObject({ "X-Answer": ["1"], "Content-Type": ["a/b"] });
  expect([typeof createdAt, notBefore]).toEqual(["number", createdAt]);
  expect(report).toMatchObject({ method: "POST", target: "/report?from=work" });
  expect(report.headers).toMatchObject({
    "content-type": "application/json",
    "user-agent": "Upstash-QStash",
    "upstash-retried": "0",
    "upstash-retries": "2",
    "upstash-caller-ip": "127.0.0.1",
  });
  expect(report.headers["upstash-message-id"]).not.toBe(messageId);
});

test("every attempt is reported; retried is left out of the first one", async () => {
  const url = world.app.on("/work", (_request, { headers }) => {
    const isLast = headers["upstash-retried"] === "2";
    return new Response("", { status: isLast ? 200 : 503, headers: { "Retry-After": "0" } });
  });
  const callback = world.app.on("/report", () => new Response());
  await qstash(world).publish({ url, retries: 5, callback });
  await deliveryAt(world, "/report", 2);
  const reports = world.app.at("/report").map(payloadOf);
  expect(reports.map(({ status, retried, dlqId }) => [status, retried, dlqId])).toEqual(
    expect.arrayContaining([
      [503, undefined, undefined],
      [503, 1, undefined],
      [200, 2, undefined],
    ]),
  );
  expect(reports.every(({ maxRetries, body }) => maxRetries === 5 && body === "")).toBe(true);
});

test("the last failure fires both, and the dead letter is there when its report arrives", async () => {
  const url = world.app.on("/work", () => new Response("broken", { status: 500 }));
  const callback = world.app.on("/report", () => new Response());
  const found: unknown[] = [];
  const failureCallback = world.app.on("/failure", async (_request, received) => {
    const answer = await world.call("GET", `/v2/dlq/${payloadOf(received).dlqId}`);
    found.push(answer.json);
    return new Response();
  });
  const { messageId } = await qstash(world).publish({ url, retries: 0, callback, failureCallback });
  const failure = payloadOf(await deliveryAt(world, "/failure"));
  const report = payloadOf(await deliveryAt(world, "/report"));
  expect(failure).toMatchObject({
    status: 500,
    body: base64("broken"),
    dlqId: expect.stringMatching(/^\d+-\d+$/),
    sourceMessageId: messageId,
    maxRetries: 0,
  });
  expect(failure).not.toHaveProperty("retried");
  const { dlqId, ...same } = failure;
  expect(report).toEqual(same);
  await until("the look at the dead letter", () => found.length > 0);
  expect(found).toEqual([expect.objectContaining({ dlqId, messageId, responseStatus: 500 })]);
});

test("a failure callback alone fires once, after the last retry", async () => {
  const url = world.app.on("/work", () => {
    return new Response("", { status: 500, headers: { "Retry-After": "0" } });
  });
  const failureCallback = world.app.on("/failure", () => new Response());
  const { messageId } = await qstash(world).publish({ url, retries: 2, failureCallback });
  const failure = payloadOf(await deliveryAt(world, "/failure"));
  expect(failure).toMatchObject({ retried: 2, maxRetries: 2 });
  expect(world.app.at("/work")).toHaveLength(3);
  await logUntil(world, messageId, "FAILED");
  await until("nothing left", async () => (await world.store.count("messages", [])) === 0);
  expect(world.app.at("/failure")).toHaveLength(1);
});

test("a success fires no failure callback, and a cancelled message none at all", async () => {
  const client = qstash(world);
  const url = world.app.on("/work", () => new Response());
  const failureCallback = world.app.on("/failure", () => new Response());
  const done = await client.publish({ url, failureCallback });
  const waiting = await client.publish({ url, delay: "1d", callback: failureCallback });
  await client.messages.cancel(waiting.messageId);
  await logUntil(world, done.messageId, "DELIVERED");
  expect(await world.store.count("messages", [])).toBe(0);
  expect(world.app.at("/failure")).toEqual([]);
});

test("an attempt without a response is status 0, no headers, and the error as its body", async () => {
  const url = world.app.onRaw("/cut", (request) => request.socket.destroy());
  const callback = world.app.on("/report", () => new Response());
  await qstash(world).publish({ url, retries: 0, callback });
  const { status, header, body } = payloadOf(await deliveryAt(world, "/report"));
  expect([status, header]).toEqual([0, {}]);
  expect(Buffer.from(String(body), "base64").toString()).toMatch(/reset|closed|connection/i);
});

test("bytes that are no text, of the source and of the answer, are base64", async () => {
  const bytes = Uint8Array.of(0, 255, 128, 10);
  const url = world.app.on("/work", () => new Response(bytes));
  const callback = world.app.on("/report", () => new Response());
  await qstash(world).publish({ url, body: bodyOf(bytes), callback });
  const shown = Buffer.from(bytes).toString("base64");
  expect(payloadOf(await deliveryAt(world, "/report"))).toMatchObject({
    body: shown,
    sourceBody: shown,
  });
});

test("a callback has settings of its own", async () => {
  const url = world.app.on("/work", () => new Response());
  const callback = world.app.on("/report", () => new Response("", { status: 500 }));
  await qstash(world).publish({
    url,
    callback,
    retries: 4,
    headers: {
      "Upstash-Callback-Method": "PATCH",
      "Upstash-Callback-Retries": "1",
      "Upstash-Callback-Retry-Delay": "60000",
      "Upstash-Callback-Forward-X-Report": "yes",
      "Upstash-Callback-Forward-Authorization": "Bearer of-the-callback",
      "Upstash-Forward-X-Source": "no",
    },
  });
  const report = await deliveryAt(world, "/report");
  expect(report.method).toBe("PATCH");
  expect(report.headers).toMatchObject({
    "x-report": "yes",
    authorization: "Bearer of-the-callback",
    "upstash-retries": "1",
    "upstash-retry-delay": "60000",
  });
  expect(report.headers).not.toHaveProperty("x-source");
  const log = await logUntil(world, report.headers["upstash-message-id"] ?? "", "RETRY");
  const { time, nextDeliveryTime = 0 } = log.at(-1) ?? { time: 0 };
  expect(nextDeliveryTime - time).toBe(60_000);
});

test("settings of the failure callback are not those of the callback", async () => {
  const url = world.app.on("/work", () => new Response("", { status: 500 }));
  const callback = world.app.on("/report", () => new Response());
  const failureCallback = world.app.on("/failure", () => new Response());
  await qstash(world).publish({
    url,
    ...{ retries: 0, callback, failureCallback },
    headers: {
      "Upstash-Callback-Forward-X-Both": "callback",
      "Upstash-Failure-Callback-Forward-X-Both": "failure",
      "Upstash-Failure-Callback-Retries": "7",
    },
  });
  const report = await deliveryAt(world, "/report");
  const failure = await deliveryAt(world, "/failure");
  expect([report.headers["x-both"], failure.headers["x-both"]]).toEqual(["callback", "failure"]);
  expect([report.headers["upstash-retries"], failure.headers["upstash-retries"]]).toEqual([
    "0",
    "7",
  ]);
});

test("a callback is a message: log, label, retries, dead letter, and no callback of its own", async () => {
  const url = world.app.on("/work", () => new Response());
  const callback = world.app.on("/report", () => new Response("", { status: 500 }));
  const { messageId } = await qstash(world).publish({
    url,
    callback,
    failureCallback: callback,
    label: "source",
    retries: 0,
  });
  const report = await deliveryAt(world, "/report");
  const reportId = report.headers["upstash-message-id"] ?? "";
  const entry = await deadMessageOf(world, reportId);
  expect(entry).toMatchObject({
    url: callback,
    responseStatus: 500,
    label: "source",
    maxRetries: 0,
  });
  const log = await logOf(world, reportId);
  expect(log.map(({ state }) => state)).toEqual(["CREATED", "ACTIVE", "ERROR", "FAILED"]);
  expect(log.every(({ sourceMessageId }) => sourceMessageId === messageId)).toBe(true);
  expect(await world.store.count("messages", [])).toBe(0);
  expect(world.app.at("/report")).toHaveLength(1);
});

test("each message of a URL group reports for itself, with the names of group and endpoint", async () => {
  const client = qstash(world);
  const urls = ["/one", "/two"].map((path) => world.app.on(path, () => new Response(path)));
  await client.urlGroups.addEndpoints({
    name: "pair",
    endpoints: urls.map((url, index) => ({ url, name: `endpoint-${index}` })),
  });
  const callback = world.app.on("/report", () => new Response());
  await client.publish({ urlGroup: "pair", callback });
  await deliveryAt(world, "/report", 1);
  const reports = world.app.at("/report").map(payloadOf);
  const named = reports.map(({ url, topicName, endpointName }) => [url, topicName, endpointName]);
  expect(named.toSorted()).toEqual([
    [urls[0], "pair", "endpoint-0"],
    [urls[1], "pair", "endpoint-1"],
  ]);
});

test("a delayed callback is refused, and so is one that leads nowhere", async () => {
  const url = "https://example.com";
  const faults = [
    [{ "Upstash-Callback": url, "Upstash-Callback-Delay": "1s" }, /Upstash-Callback-Delay/],
    [
      { "Upstash-Callback": url, "Upstash-Callback-Not-Before": "99" },
      /Upstash-Callback-Not-Before/,
    ],
    [
      { "Upstash-Failure-Callback": url, "Upstash-Failure-Callback-Delay": "1s" },
      /Upstash-Failure-Callback-Delay/,
    ],
    [{ "Upstash-Callback": "group" }, /Upstash-Callback.*http:\/\//],
    [{ "Upstash-Failure-Callback": "ftp://a.test" }, /Upstash-Failure-Callback.*http:\/\//],
    [{ "Upstash-Callback": "" }, /Upstash-Callback/],
    [{ "Upstash-Callback": url, "Upstash-Callback-Retries": "many" }, /Retries/],
  ] as const;
  for (const [headers, message] of faults) {
    const answer = await world.call("POST", `/v2/publish/${url}`, {
      headers: { "Upstash-Delay": "1h", ...headers },
    });
    expect([answer.status, answer.json]).toEqual([
      400,
      { error: expect.stringMatching(message), code: expect.any(String) },
    ]);
  }
  expect(await world.store.count("messages", [])).toBe(0);
});

test("a callback is cancelled with everything else", async () => {
  const client = qstash(world);
  const url = world.app.on("/work", () => new Response());
  const callback = world.app.on("/report", () => {
    return new Response("", { status: 500, headers: { "Retry-After": "3600" } });
  });
  const source = idOf(await client.publish({ url, callback }));
  const report = await deliveryAt(world, "/report");
  const reportId = report.headers["upstash-message-id"] ?? "";
  await logUntil(world, source, "DELIVERED");
  await logUntil(world, reportId, "RETRY");
  expect(await client.messages.cancel({ all: true })).toEqual({ cancelled: 1 });
  const log = await logUntil(world, reportId, "CANCELED");
  expect(log.at(-1)?.url).toBe(callback);
});
