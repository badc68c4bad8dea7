// What a service gets from `context.call`.

import type { CallSettings } from "@upstash/workflow";
import { expect, test } from "vitest";
import { expectDeliveries } from "./sdk.ts";
import { callbacksAmong, resultAt, resultOf } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** Calls a service in one step and gives what it got. */
async function called(settings: Omit<CallSettings, "url"> = {}) {
  const url = world.app.on("/service", () => new Response("ok"));
  const workflow = world.serve("/flow", async (context) => {
    const { status, body } = await context.call("ask", { url, ...settings });
    return [status, body];
  });
  expect(await resultAt(world, workflow)).toEqual([200, "ok"]);
  const [received, ...others] = world.app.at("/service");
  if (received === undefined) throw new Error("the service got nothing");
  expect(others).toEqual([]);
  return received;
}

test.each(["POST", "PUT", "PATCH", "DELETE"] as const)(
  "%s is sent with its body, as JSON unless told otherwise",
  async (method) => {
    const { body, headers, ...received } = await called({ method, body: '{"a":"ü<&>"}' });
    expect([received.method, body]).toEqual([method, '{"a":"ü<&>"}']);
    expect(headers["content-type"]).toBe("application/json");
    expect(headers["content-length"]).toBe("13");
  },
);

test("a call is a GET without a body unless told otherwise", async () => {
  const received = await called();
  expect([received.method, received.body]).toEqual(["GET", ""]);
  expect(received.headers).not.toHaveProperty("transfer-encoding");
  expect(received.headers["content-length"] ?? "0").toBe("0");
});

test("a POST without a body has none", async () => {
  const received = await called({ method: "POST" });
  expect([received.method, received.bytes.byteLength]).toEqual(["POST", 0]);
});

test("a content type and other headers of the call reach the service", async () => {
  const headers = { "Content-Type": "text/csv", Authorization: "Bearer service", "X-Own": "a, b" };
  const received = await called({ method: "PUT", body: "a;b\n1;2", headers });
  expect(received.body).toBe("a;b\n1;2");
  expect(received.headers).toMatchObject({
    "content-type": "text/csv",
    authorization: "Bearer service",
    "x-own": "a, b",
  });
});

test("the URL is called as it is given, with its query", async () => {
  const workflow = world.serve("/flow", async (context) => {
    const url = `${world.app.url}/service?a=1&b=%2F&c=x%20y`;
    return (await context.call("ask", { url })).status;
  });
  world.app.on("/service", () => new Response("ok"));
  expect(await resultAt(world, workflow)).toBe(200);
  const [received] = world.app.at("/service");
  expect(received?.target).toBe("/service?a=1&b=%2F&c=x%20y");
});

test("nothing of the run reaches the service: neither its headers, nor its ids", async () => {
  const url = world.app.on("/service", () => new Response("ok"));
  const workflow = world.serve("/flow", async (context) => {
    await context.call("ask", { url, method: "POST", body: "b" });
  });
  const headers = { authorization: "Bearer secret", "x-user": "me", cookie: "session=1" };
  const runId = await world.trigger({ url: workflow, headers, label: "private" });
  await world.succeeded(runId);
  const [received] = world.app.at("/service");
  const names = Object.keys(received?.headers ?? {});
  const secret = ["authorization", "x-user", "cookie", "upstash-label"];
  expect(names.filter((name) => secret.includes(name))).toEqual([]);
  expect(names.filter((name) => name.startsWith("upstash-workflow-"))).toEqual([]);
  expect(names.filter((name) => name.startsWith("upstash-telemetry-"))).toEqual([]);
  expect(JSON.stringify(received?.headers)).not.toContain(runId);
  expect(JSON.stringify(received?.headers)).not.toContain(world.token);
});

test("a service can check the signature, and sees which attempt of which message it has got", async () => {
  const received = await called({ method: "POST", body: "signed" });
  expect(received.signatureFault).toBeNull();
  expect(received.headers).toMatchObject({
    "upstash-signature": expect.stringMatching(/^[^.]+\.[^.]+\.[^.]+$/),
    "upstash-message-id": expect.stringMatching(/^msg_/),
    "upstash-retried": "0",
    "user-agent": "Upstash-QStash",
  });
});

test("one call and the end take three deliveries, one of them the answer with the headers of the run", async () => {
  const url = world.app.on("/service", () => new Response("called", { status: 201 }));
  const workflow = world.serve("/flow", async (context) => {
    const { status, body } = await context.call("ask it", { url, method: "POST", body: "b" });
    return { status, body };
  });
  const headers = { "x-user": "me" };
  const runId = await world.trigger({ url: workflow, headers, label: ["a", "b"] });
  const run = await world.succeeded(runId);
  await world.close();
  expect(resultOf(run)).toEqual({ status: 201, body: "called" });
  const deliveries = world.app.at("/flow");
  expect(deliveries).toHaveLength(3);
  const [callback, ...others] = callbacksAmong(deliveries);
  expect(others).toEqual([]);
  expect(deliveries[1]).toBe(callback);
  expect(callback?.headers).toMatchObject({
    "upstash-workflow-stepid": "1",
    "upstash-workflow-stepname": "ask it",
    "upstash-workflow-steptype": "Call",
    "upstash-workflow-concurrent": "1",
    "upstash-workflow-contenttype": "application/json",
    "upstash-workflow-runid": runId,
    "upstash-label": "a,b",
    "x-user": "me",
  });
  expect(callback?.headers).not.toHaveProperty("upstash-workflow-sdk-version");
  expect(JSON.parse(callback?.body ?? "")).toMatchObject({
    status: 201,
    body: Buffer.from("called").toString("base64"),
    header: { "Content-Type": ["text/plain;charset=UTF-8"] },
    retried: 0,
    maxRetries: 0,
    url,
    method: "POST",
    sourceBody: Buffer.from("b").toString("base64"),
    sourceMessageId: world.app.at("/service")[0]?.headers["upstash-message-id"],
  });
});

test("several calls after each other take two deliveries each", async () => {
  const url = world.app.on("/service", (request) => new Response(new URL(request.url).search));
  const workflow = world.serve("/flow", async (context) => {
    const bodies: unknown[] = [];
    for (const n of [1, 2, 3]) {
      bodies.push((await context.call(`ask ${n}`, { url: `${url}?n=${n}` })).body);
    }
    return bodies;
  });
  expect(await resultAt(world, workflow)).toEqual(["?n=1", "?n=2", "?n=3"]);
  await world.close();
  expectDeliveries(world.app.at("/flow"), 1 + 2 * 3);
  expect(callbacksAmong(world.app.at("/flow"))).toHaveLength(3);
});

test("a submission that is repeated calls once, and so does an answer that is told twice", async () => {
  const url = world.app.on("/service", () => new Response("once"));
  const workflow = world.workflow(async (context) => {
    const first = await context.call("ask", { url });
    return context.run("after", () => first.body);
  });
  // The app does all its work twice, as after a crash between its work and its answer.
  const twice = world.app.on("/twice", async (request) => {
    await workflow(request.clone());
    return workflow(request);
  });
  expect(await resultAt(world, twice)).toBe("once");
  await world.close();
  expect(world.app.at("/service")).toHaveLength(1);
  expect(world.app.at("/twice")).toHaveLength(4);
});

test("a call by way of an API of the SDK is a call like any other", async () => {
  const answer = { choices: [{ message: { role: "assistant", content: "hi" } }] };
  world.app.on("/v1/chat/completions", () => Response.json(answer));
  const workflow = world.serve("/flow", async (context) => {
    const { status, body } = await context.api.openai.call("chat", {
      token: "sk-test",
      baseURL: world.app.url,
      operation: "chat.completions.create",
      body: { model: "m", messages: [{ role: "user", content: "hello" }] },
    });
    return [status, body.choices[0]?.message.content];
  });
  expect(await resultAt(world, workflow)).toEqual([200, "hi"]);
  const [received] = world.app.at("/v1/chat/completions");
  expect(received).toMatchObject({ method: "POST", signatureFault: null });
  expect(received?.headers.authorization).toBe("Bearer sk-test");
  expect(JSON.parse(received?.body ?? "")).toEqual({
    model: "m",
    messages: [{ role: "user", content: "hello" }],
  });
});
