// The failure URL: the same call, sent to another place, with every field of its body.

import type { FailureCallBody } from "@reprise/protocol";
import { expect, test } from "vitest";
import { App, type Received } from "../conformance/app.ts";
import { sendRaw } from "../conformance/raw-http.ts";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";

const world = useWorld();

const answerBytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));

interface Failure {
  readonly runId: string;
  readonly url: string;
  readonly call: Received;
  readonly body: FailureCallBody;
  readonly before: number;
}

/** A run that fails after one retry with status 418, a header with two values and every byte in its body. */
async function fail(options: object = {}): Promise<Failure> {
  const before = Date.now();
  const alarm = world.app.on("/alarm", () => new Response("noted"));
  const url = world.app.on("/teapot", () => {
    const headers = new Headers({ "x-kind": "teapot" });
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    return new Response(answerBytes, { status: 418, headers });
  });
  const runId = await world.trigger({
    url,
    failureUrl: alarm,
    body: { order: "ü" },
    retries: 1,
    retryDelay: "1",
    ...options,
  });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  const [call] = world.app.at("/alarm");
  if (call === undefined) throw new Error("the failure URL was not called");
  // The tests below check the fields.
  return { runId, url, call, body: JSON.parse(call.body) as FailureCallBody, before };
}

const decode = (base64: string): string => Buffer.from(base64, "base64").toString("utf8");

test("S23: a failure URL on the trigger gets the failure as a JSON POST, and the workflow does not", async () => {
  const { call } = await fail();
  expect(call).toMatchObject({ method: "POST", headers: { "content-type": "application/json" } });
  expect(world.app.at("/teapot")).toHaveLength(2);
});

test("S23: the failure function is not called when there is a failure URL", async () => {
  let isCalled = false;
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  const url = world.serve(
    "/order",
    async (context) => {
      await context.run("broken", () => {
        throw new Error("broken");
      });
    },
    {
      failureFunction: () => {
        isCalled = true;
      },
    },
  );
  const runId = await world.trigger({ url, failureUrl, retries: 0 });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  await world.close();
  expect(isCalled).toBe(false);
  expect(world.app.at("/alarm")).toHaveLength(1);
});

test("S25: two failure URLs for one run are refused by name", async () => {
  const url = world.app.on("/order", () => new Response("", { status: 500 }));
  const host = `127.0.0.1:${world.server.port}`;
  const answer = await sendRaw(
    world.server.port,
    [
      `POST /v2/trigger/${url} HTTP/1.1`,
      `Host: ${host}`,
      `Authorization: Bearer ${world.token}`,
      `Upstash-Failure-Callback: ${url}`,
      `Upstash-Failure-Callback: ${world.app.url}/alarm`,
      "Content-Length: 0",
      "Connection: close",
      "\r\n",
    ].join("\r\n"),
  );
  expect([answer.status, answer.body]).toEqual([
    400,
    expect.stringContaining("Upstash-Failure-Callback"),
  ]);
  expect((await world.client.logs()).runs).toEqual([]);
});

test("S24: the failure URL is reached while the app of the workflow is completely down", async () => {
  const other = new App(world.server.signingKeys);
  await other.start();
  try {
    const failureUrl = other.on("/alarm", () => new Response("noted"));
    const url = `${world.app.url}/down`;
    await world.app.stop();
    const runId = await world.trigger({ url, failureUrl, retries: 1, retryDelay: "1" });
    await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
    const [call] = other.at("/alarm");
    expect(call?.signatureFault).toBeNull();
    const body = JSON.parse(call?.body ?? "") as FailureCallBody; // Compared with the next line.
    expect(body).toMatchObject({ status: 0, header: {}, retried: 1, maxRetries: 1, url });
    expect(decode(body.body)).toContain("ECONNREFUSED");
  } finally {
    await other.stop();
  }
});

test.each<[keyof FailureCallBody, (failure: Failure) => unknown]>([
  ["status", () => 418],
  ["body", () => answerBytes.toString("base64")],
  ["retried", () => 1],
  ["maxRetries", () => 1],
  ["sourceMessageId", () => world.app.at("/teapot")[0]?.headers["upstash-message-id"]],
  ["topicName", () => undefined],
  ["endpointName", () => undefined],
  ["url", ({ url }) => url],
  ["method", () => "POST"],
  ["sourceBody", () => Buffer.from('{"order":"ü"}').toString("base64")],
  ["scheduleId", () => undefined],
  ["callerIP", () => "127.0.0.1"],
  ["workflowRunId", ({ runId }) => runId],
  ["workflowUrl", ({ url }) => url],
])("S26: the field %s of the failure call", async (name, expected) => {
  const failure = await fail();
  expect(failure.body[name]).toEqual(expected(failure));
});

test("S26: the field dlqId of the failure call names the entry", async () => {
  const { body, runId } = await fail();
  expect(body.dlqId).toBe((await world.deadLetter(runId)).dlqId);
});

test("S26: the field sourceHeader of the failure call is a map of lists with the headers of the failed message", async () => {
  const { body } = await fail({ headers: { "x-user": "me" } });
  expect(body.sourceHeader).toMatchObject({
    "Content-Type": ["application/json"],
    "X-User": ["me"],
  });
});

test.each(["notBefore", "createdAt"] as const)(
  "S26: the field %s of the failure call lies between trigger and failure",
  async (name) => {
    const { body, before } = await fail();
    expect(body[name]).toBeGreaterThanOrEqual(before);
    expect(body[name]).toBeLessThanOrEqual(Date.now());
  },
);

test("S26: the field workflowCreatedAt of the failure call is that of the run", async () => {
  const { body, runId } = await fail();
  expect(body.workflowCreatedAt).toBe((await world.failed(runId)).workflowRunCreatedAt);
});

test("S26: the failure call has no other fields than the documented ones and those that the SDKs read", async () => {
  const { body } = await fail({ label: "blue" });
  expect(Object.keys(body).toSorted()).toEqual(
    [
      ...["status", "header", "body", "retried", "maxRetries", "sourceMessageId", "url", "method"],
      ...["sourceHeader", "sourceBody", "notBefore", "createdAt", "callerIP"],
      ...["dlqId", "workflowRunId", "workflowCreatedAt", "workflowUrl", "label", "labels"],
      // Additions of Reprise.
      ...["failedStep", "attempts"],
    ].toSorted(),
  );
});

test("S30: notBefore and createdAt are milliseconds, and callerIP is the publisher's address", async () => {
  const { body, before } = await fail();
  for (const instant of [body.notBefore, body.createdAt]) {
    expect(Number.isSafeInteger(instant)).toBe(true);
    expect(Math.abs(instant - before)).toBeLessThan(60_000);
  }
  expect(body.callerIP).toBe("127.0.0.1");
});

test("S26: the field header of the failure call has what the app answered", async () => {
  const { body } = await fail();
  expect(body.header).toMatchObject({ "X-Kind": ["teapot"] });
});

test("S27: header is a map of canonical names to lists, with every value of a repeated name", async () => {
  const { body } = await fail();
  expect(body.header).toMatchObject({ "Set-Cookie": ["a=1", "b=2"] });
  for (const [name, values] of Object.entries(body.header)) {
    expect(name).toMatch(/^[A-Z0-9]/);
    expect(Array.isArray(values)).toBe(true);
  }
});

test("S27: the body of the failure call decodes to the very bytes of the response", async () => {
  const { body } = await fail();
  expect(Buffer.from(body.body, "base64").equals(answerBytes)).toBe(true);
});

test("S32: a handler that decodes the body gets the original text", async () => {
  const text = "könnte nicht: <html>\u{1f4a5}</html>";
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  const url = world.app.on("/down", () => new Response(text, { status: 500 }));
  const runId = await world.trigger({ url, failureUrl, retries: 0, body: "präzise" });
  await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
  const [call] = world.app.at("/alarm");
  // As a handler would.
  const { body, sourceBody } = JSON.parse(call?.body ?? "") as FailureCallBody;
  expect([decode(body), decode(sourceBody)]).toEqual([text, "präzise"]);
});

test("S28: when the retries are used up retried and maxRetries are equal", async () => {
  const { body } = await fail({ retries: 2 });
  expect([body.retried, body.maxRetries]).toEqual([2, 2]);
});

test("S28: a failure that allows no retry says how many had been made", async () => {
  const url = world.app.on(
    "/fatal",
    () => new Response("", { status: 489, headers: { "upstash-nonretryable-error": "true" } }),
  );
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  await world.deadLetterIn(
    await world.trigger({ url, failureUrl, retries: 5 }),
    "CALLBACK_SUCCESS",
  );
  expect(JSON.parse(world.app.at("/alarm")[0]?.body ?? "")).toMatchObject({
    retried: 0,
    maxRetries: 5,
  });
});

test("S33: headers of the run arrive at the failure call as well, and none with a prefix", async () => {
  const { call, runId } = await fail({ headers: { authorization: "Bearer user" }, label: "blue" });
  expect(call.headers).toMatchObject({
    authorization: "Bearer user",
    "upstash-label": "blue",
    "upstash-workflow-is-failure": "true",
    "upstash-workflow-failure-callback": "true",
    "upstash-workflow-runid": runId,
    "upstash-retried": "0",
  });
  expect(call.headers["upstash-workflow-sdk-version"]).toBeUndefined();
  expect(Object.keys(call.headers).filter((name) => name.startsWith("upstash-forward"))).toEqual(
    [],
  );
});

test("S33: headers that are meant for the failure call alone arrive there, without their prefix", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("noted"));
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const headers = {
    "Upstash-Retries": "0",
    "Upstash-Failure-Callback": failureUrl,
    "Upstash-Failure-Callback-Forward-X-Alarm": "loud",
    "Upstash-Failure-Callback-Forward-Authorization": "Bearer alarm",
    "Upstash-Forward-X-Step": "quiet",
  };
  await world.call("POST", `/v2/trigger/${url}`, { headers });
  const [call] = await until("the failure call", () => {
    const calls = world.app.at("/alarm");
    return calls.length > 0 && calls;
  });
  expect(call?.headers).toMatchObject({ "x-alarm": "loud", authorization: "Bearer alarm" });
  expect(Object.keys(call?.headers ?? {}).filter((name) => /-forward-/i.test(name))).toEqual([]);
  expect(world.app.at("/down")[0]?.headers).toMatchObject({ "x-step": "quiet" });
  expect(world.app.at("/down")[0]?.headers["x-alarm"]).toBeUndefined();
});

test("S32: the bytes of the failure call survive being parsed and printed again, as adapters do", async () => {
  const { call } = await fail({ headers: { link: "<https://a.test/?b=1&c=2>; rel=next" } });
  expect(JSON.stringify(JSON.parse(call.body))).toBe(call.body);
});

test("S28: the failure call has retries and a retry delay of its own", async () => {
  const failureUrl = world.app.on("/alarm", () => new Response("", { status: 500 }));
  const url = world.app.on("/down", () => new Response("", { status: 500 }));
  const headers = {
    "Upstash-Retries": "0",
    "Upstash-Failure-Callback": failureUrl,
    "Upstash-Failure-Callback-Retries": "2",
    "Upstash-Failure-Callback-Retry-Delay": "1",
  };
  const answer = await world.call("POST", `/v2/trigger/${url}`, { headers });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line fails.
  await world.deadLetterIn(workflowRunId, "CALLBACK_FAIL");
  const retried = world.app.at("/alarm").map(({ headers: sent }) => sent["upstash-retried"]);
  expect(retried).toEqual(["0", "1", "2"]);
});
