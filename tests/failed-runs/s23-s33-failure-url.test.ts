// The failure URL: the same call, sent to another place, with every field of its body.

import type { FailureCallBody } from "@reprise/protocol";
import { expect, test } from "vitest";
import { App, type Received } from "../conformance/app.ts";
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

test("S26, S30: the fields notBefore, createdAt and workflowCreatedAt of the failure call are milliseconds", async () => {
  const { body, before, runId } = await fail();
  const run = await world.failed(runId);
  for (const instant of [body.notBefore, body.createdAt]) {
    expect(instant).toBeGreaterThanOrEqual(before);
    expect(instant).toBeLessThanOrEqual(Date.now());
  }
  expect(body.workflowCreatedAt).toBe(run.workflowRunCreatedAt);
});

test("S26, S27: the field header of the failure call is a map of canonical names to lists", async () => {
  const { body } = await fail();
  expect(body.header).toMatchObject({ "X-Kind": ["teapot"], "Set-Cookie": ["a=1", "b=2"] });
  for (const [name, values] of Object.entries(body.header)) {
    expect(name).toMatch(/^[A-Z0-9]/);
    expect(Array.isArray(values)).toBe(true);
  }
});

test("S27, S32: the body of the failure call decodes to the very bytes of the response", async () => {
  const { body } = await fail();
  expect(Buffer.from(body.body, "base64").equals(answerBytes)).toBe(true);
  expect(decode(body.sourceBody)).toBe('{"order":"ü"}');
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

test("S31: the failure call is signed for its own URL and body", async () => {
  const { call } = await fail();
  expect(call.signatureFault).toBeNull();
  const [, claims = ""] = (call.headers["upstash-signature"] ?? "").split(".");
  expect(JSON.parse(Buffer.from(claims, "base64url").toString("utf8"))).toMatchObject({
    iss: "Upstash",
    sub: `${world.app.url}/alarm`,
  });
});

test("S33: headers for the failure call arrive without their prefix, and those of the run as well", async () => {
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
