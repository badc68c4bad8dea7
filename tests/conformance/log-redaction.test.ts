// What was redacted, and what was trimmed, stays out of every field of calls, waits and invoked runs.

import type { RunPage } from "@reprise/protocol";
import { Client as QstashClient } from "@upstash/qstash";
import { createWorkflow, serveMany } from "@upstash/workflow/nextjs";
import { expect, test } from "vitest";
import { eventsOf, serveWithCallbacks, stepOf, untilStep } from "./run-log.ts";
import { sdkOptions } from "./sdk.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const REDACTED = expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/);

/** One call, which fails once, and one wait. */
function serveSecrets(): string {
  const service = world.app.on("/service", () =>
    world.app.at("/service").length === 1
      ? new Response("secret failure", { status: 503 })
      : new Response("secret answer", { headers: { "x-answer": "secret header" } }),
  );
  return serveWithCallbacks(world, "/flow", async (context) => {
    await context.call("charge", {
      url: service,
      method: "POST",
      body: "secret request",
      headers: { "x-own": "secret own", "x-other": "shown" },
      retries: 1,
      retryDelay: "1",
    });
    await context.waitForEvent("hold", "go", { timeout: "1h" });
    return "secret result";
  }).url;
}

test("redacted bodies and headers are hidden in steps and events, and delivered as they are", async () => {
  const redact = { body: true, header: ["x-own", "x-answer"] } as const;
  const runId = await world.trigger({
    url: serveSecrets(),
    body: "secret payload",
    redact: { ...redact, header: [...redact.header] },
  });
  await untilStep(world, runId, "hold", { state: "STEP_PROGRESS" });
  const open = await eventsOf(world, runId);
  await world.client.notify({ eventId: "go", eventData: { a: "secret event" } });
  const run = await world.succeeded(runId);
  expect(stepOf(run, "charge")).toMatchObject({
    callBody: REDACTED,
    callHeaders: { "X-Own": [REDACTED], "X-Other": ["shown"] },
    callResponseStatus: 200,
    callResponseBody: REDACTED,
    callResponseHeaders: { "X-Answer": [REDACTED] },
    errors: [{ body: REDACTED, status: 503 }],
    out: REDACTED,
  });
  expect(stepOf(run, "hold")).toMatchObject({ waitEventId: "go", out: REDACTED });
  const events = await eventsOf(world, runId);
  for (const shown of [run, open, events]) expect(JSON.stringify(shown)).not.toContain("secret");
  const base64 = Buffer.from(JSON.stringify({ a: "secret event" })).toString("base64");
  for (const shown of [run, events]) expect(JSON.stringify(shown)).not.toContain(base64);
  const [, request] = world.app.at("/service");
  expect([request?.body, request?.headers["x-own"]]).toEqual(["secret request", "secret own"]);
});

test("what a run hides, it also hides of the runs that it invokes", async () => {
  const child = createWorkflow(async (context) => context.run("one", () => "secret result"));
  const parent = createWorkflow(async (context) => {
    const headers = { "x-own": "secret own", "x-other": "shown" };
    await context.invoke("ask", { workflow: child, body: "secret", headers });
  });
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
  const { POST } = serveMany(
    { parent, child },
    { qstashClient, receiver: world.app.receiver, ...sdkOptions },
  );
  for (const path of ["/many/parent", "/many/child"]) world.app.on(path, (one) => POST(one));
  const redact = { body: true, header: ["x-own"] } as const;
  const runId = await world.trigger({
    url: `${world.app.url}/many/parent`,
    redact: { ...redact, header: [...redact.header] },
  });
  const run = await world.succeeded(runId);
  expect(stepOf(run, "ask")).toMatchObject({
    invokedWorkflowRunBody: REDACTED,
    invokedWorkflowRunHeaders: { "X-Own": [REDACTED], "X-Other": ["shown"] },
    out: REDACTED,
  });
  expect(JSON.stringify([run, await eventsOf(world, runId)])).not.toContain("secret");
});

test("trimBody cuts the bodies of calls and invoked runs, and -1 leaves them out", async () => {
  const child = createWorkflow(async (context) => {
    await context.run("one", () => 1);
  });
  const service = world.app.on("/service", () => new Response("answer"));
  const parent = createWorkflow(async (context) => {
    await context.call("charge", { url: service, method: "POST", body: "request" });
    await context.invoke("ask", { workflow: child, body: { payload: 1 } });
    return "result";
  });
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
  const { POST } = serveMany(
    { parent, child },
    { qstashClient, receiver: world.app.receiver, ...sdkOptions },
  );
  for (const path of ["/many/parent", "/many/child"]) world.app.on(path, (one) => POST(one));
  const runId = await world.trigger({ url: `${world.app.url}/many/parent`, body: "first" });
  await world.succeeded(runId);
  const bodies = async (query: string) => {
    const answer = await world.call("GET", `/v2/workflows/logs?workflowRunId=${runId}${query}`);
    const [run = null] = (answer.json as RunPage).runs; // The tests of the logs check the shape.
    const call = stepOf(run, "charge");
    return [
      stepOf(run, "init")?.out,
      call?.callBody,
      call?.callResponseBody,
      stepOf(run, "ask")?.invokedWorkflowRunBody,
      run?.workflowRunResponse,
    ];
  };
  expect(await bodies("")).toEqual(["first", "request", "answer", '{"payload":1}', '"result"']);
  expect(await bodies("&trimBody=3")).toEqual(["fir", "req", "ans", '{"p', '"re']);
  expect(await bodies("&trimBody=0")).toEqual(["", "", "", "", ""]);
  expect(await bodies("&trimBody=-1")).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const [, , asked] = await eventsOf(world, runId, "&trimBody=3");
  expect(asked?.stepInfo).toMatchObject({ callBody: "req" });
});
