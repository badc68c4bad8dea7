// How runs are started: by the SDK's client, over REST, by an endpoint itself; and what a run keeps of its trigger.

import { Client as QstashClient } from "@upstash/qstash";
import { WorkflowNonRetryableError } from "@upstash/workflow";
import { expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** A workflow of one step that returns what the context knows. */
function serveEcho(path: string): string {
  return world.serve(path, async (context) => {
    await context.run("only", () => 1);
    return { payload: context.requestPayload, labels: context.labels, label: context.label };
  });
}

test("a trigger delivers the payload as the first item of the list, with the headers of a step", async () => {
  const url = serveEcho("/echo");
  const runId = await world.trigger({ url, body: { a: 1 }, headers: { "x-user": "me" } });
  await world.succeeded(runId);
  const [first] = world.app.at("/echo");
  const messageId = first?.headers["upstash-message-id"];
  expect(JSON.parse(first?.body ?? "")).toEqual([
    { messageId, body: Buffer.from('{"a":1}').toString("base64"), callType: "step" },
  ]);
  expect(first?.method).toBe("POST");
  expect(first?.headers).toMatchObject({
    "content-type": "application/json",
    "user-agent": "Upstash-QStash",
    "upstash-retried": "0",
    "upstash-caller-ip": "127.0.0.1",
    "upstash-workflow-runid": runId,
    "upstash-workflow-sdk-version": "1",
    "upstash-workflow-createdat": expect.stringMatching(/^\d{13}$/),
    "upstash-workflow-url": url,
    "upstash-workflow-init": "false",
    "x-user": "me",
    host: new URL(url).host,
  });
  expect(first?.headers["upstash-region"]).toBeUndefined();
  expect(first?.headers["upstash-workflow-unknown-sdk"]).toBeUndefined();
});

test("a run id that the caller chose is prefixed by the SDK and used verbatim", async () => {
  const url = serveEcho("/echo");
  const runId = await world.trigger({ url, workflowRunId: "order-7.A_b" });
  expect(runId).toBe("wfr_order-7.A_b");
  expect((await world.succeeded(runId)).workflowRunId).toBe(runId);
});

test.each([
  ["an object", { a: [1, { b: "ü" }] }, { a: [1, { b: "ü" }] }],
  ["a text that is no JSON", "plain text", "plain text"],
  ["nothing", undefined, undefined],
  ["a text with every kind of character", "\u0000 \u2028 😀 <&>", "\u0000 \u2028 😀 <&>"],
])("the payload arrives unchanged: %s", async (_name, body, expected) => {
  const url = serveEcho("/echo");
  const runId = await world.trigger({ url, ...(body === undefined ? {} : { body }) });
  const { workflowRunResponse } = await world.succeeded(runId);
  expect(JSON.parse(workflowRunResponse ?? "").payload).toEqual(expected);
});

test("several runs triggered at once get their ids in the order of the request", async () => {
  const url = serveEcho("/echo");
  const ids = ["wfr_a", "wfr_b", "wfr_c"];
  const results = await world.client.trigger(
    ids.map((id) => ({ url, workflowRunId: id.slice(4), body: { id } })),
  );
  expect(results.map(({ workflowRunId }) => workflowRunId)).toEqual(ids);
  for (const id of ids) {
    const { workflowRunResponse } = await world.succeeded(id);
    expect(JSON.parse(workflowRunResponse ?? "").payload).toEqual({ id });
  }
});

test("a trigger with the id of a live run changes nothing and says that it is a duplicate", async () => {
  const url = serveEcho("/echo");
  const item = (init: object) => [
    {
      destination: url,
      headers: { "upstash-workflow-init": "true", "upstash-delay": "1h", ...init },
    },
  ];
  const headers = {
    "upstash-workflow-runid": "wfr_twice",
    "upstash-feature-set": "WF_TriggerOnConfig",
  };
  const body = JSON.stringify(item(headers));
  const first = await world.call("POST", "/v2/batch", { body });
  const second = await world.call("POST", "/v2/batch", { body });
  const [{ messageId }] = first.json as [{ messageId: string }]; // Checked by the next lines.
  expect(first.json).toMatchObject([{ messageId: expect.stringMatching(/^msg_/) }]);
  expect(second.json).toMatchObject([{ messageId, deduplicated: true }]);
  await world.trigger({ url, workflowRunId: "twice" });
  const { runs } = await world.client.logs({ filter: { workflowRunId: "wfr_twice" } });
  expect(runs).toHaveLength(1);
  expect(world.app.at("/echo")).toEqual([]);
});

test("the id of a run that has ended can be used again, and creation time tells the runs apart", async () => {
  const url = serveEcho("/echo");
  const runId = await world.trigger({ url, workflowRunId: "again" });
  const first = await world.succeeded(runId);
  await until("the clock's next millisecond", () => Date.now() > first.workflowRunCreatedAt);
  await world.trigger({ url, workflowRunId: "again" });
  const runs = await until("two runs", async () => {
    const answer = await world.client.logs({ filter: { workflowRunId: runId } });
    return answer.runs.every((run) => run.workflowState === "RUN_SUCCESS") && answer.runs;
  });
  expect(runs).toHaveLength(2);
  expect(runs[0]?.workflowRunCreatedAt).toBeGreaterThan(first.workflowRunCreatedAt);
});

test("a failed run in the dead letter queue does not block its id", async () => {
  let isBroken = true;
  const url = world.serve("/sometimes", async (context) => {
    await context.run("step", () => {
      if (isBroken) throw new Error("broken");
    });
  });
  const runId = await world.trigger({ url, workflowRunId: "free", retries: 0 });
  await world.failed(runId);
  isBroken = false;
  await world.trigger({ url, workflowRunId: "free", retries: 0 });
  await until(
    "the second run",
    async () => (await world.log(runId))?.workflowState === "RUN_SUCCESS",
  );
});

test("headers of the trigger arrive with every delivery of the run, sleeps and parallel steps included", async () => {
  const seen: (string | null)[] = [];
  const url = world.serve("/headers", async (context) => {
    seen.push(context.headers.get("authorization"));
    await context.run("one", () => 1);
    await context.sleep("two", 0.01);
    await Promise.all([context.run("three", () => 3), context.run("four", () => 4)]);
  });
  await world.succeeded(await world.trigger({ url, headers: { Authorization: "Bearer user" } }));
  const deliveries = world.app.at("/headers");
  expect(deliveries.map(({ headers }) => headers.authorization)).toEqual(
    deliveries.map(() => "Bearer user"),
  );
  expect(new Set(seen)).toEqual(new Set(["Bearer user"]));
});

test("a forwarded header cannot take the place of one that the server owns", async () => {
  const url = serveEcho("/echo");
  const forged = {
    "Upstash-Signature": "forged",
    "Upstash-Message-Id": "msg_forged",
    "Upstash-Retried": "7",
    "Upstash-Caller-Ip": "6.6.6.6",
    "Upstash-Schedule-Id": "scd_forged",
    "Upstash-Topic-Name": "forged",
    "Upstash-Region": "US-EAST-1",
    "Content-Length": "5",
    "Transfer-Encoding": "chunked",
    Connection: "close",
    Host: "elsewhere.test",
  };
  await world.succeeded(await world.trigger({ url, headers: forged, body: "hello" }));
  for (const { headers, signatureFault } of world.app.at("/echo")) {
    expect(signatureFault).toBeNull();
    expect(headers["upstash-message-id"]).not.toContain("forged");
    expect(headers["upstash-retried"]).toBe("0");
    expect(headers["upstash-caller-ip"]).toBe("127.0.0.1");
    expect(headers.host).toBe(new URL(url).host);
    for (const name of ["schedule-id", "topic-name", "region"]) {
      expect(headers[`upstash-${name}`]).toBeUndefined();
    }
    expect(headers["transfer-encoding"]).toBeUndefined();
  }
});

test("labels reach the context and the logs", async () => {
  const url = serveEcho("/echo");
  const run = await world.succeeded(await world.trigger({ url, label: ["blue", "v2"] }));
  expect(run).toMatchObject({ label: "blue", labels: ["blue", "v2"] });
  expect(JSON.parse(run.workflowRunResponse ?? "")).toMatchObject({ labels: ["blue", "v2"] });
  for (const { headers } of world.app.at("/echo")) expect(headers["upstash-label"]).toBe("blue,v2");
});

test("the run shows its flow-control key and the address of its caller", async () => {
  const url = serveEcho("/echo");
  const flowControl = { key: "tenant-1", parallelism: 2, rate: 100, period: "1m" } as const;
  const run = await world.succeeded(await world.trigger({ url, flowControl }));
  expect(run).toMatchObject({ flowControlKey: "tenant-1", workflowRunCallerIp: "127.0.0.1" });
});

test("a delayed run exists at once and is delivered when its time has come", async () => {
  const url = serveEcho("/echo");
  const before = Date.now();
  const runId = await world.trigger({ url, delay: "1s" });
  expect(await world.log(runId)).toMatchObject({ workflowState: "RUN_STARTED" });
  await world.succeeded(runId);
  expect((world.app.at("/echo")[0]?.at ?? 0) - before).toBeGreaterThanOrEqual(1000);
});

test("notBefore decides when both it and a delay are given", async () => {
  const url = serveEcho("/echo");
  const past = Math.floor(Date.now() / 1000) - 60;
  await world.succeeded(await world.trigger({ url, delay: "1h", notBefore: past }));
  const future = Math.floor(Date.now() / 1000) + 1;
  const runId = await world.trigger({ url, delay: "1h", notBefore: future });
  await world.succeeded(runId);
  const last = world.app
    .at("/echo")
    .find(({ headers }) => headers["upstash-workflow-runid"] === runId);
  expect(last?.at).toBeGreaterThanOrEqual(future * 1000);
});

test("the authorization of the route function is asked again with every delivery, and its refusal fails the run", async () => {
  const url = world.serve("/private", async (context) => {
    if (context.headers.get("authorization") !== "Bearer right") return "refused";
    await context.run("secret", () => 1);
    return "done";
  });
  const headers = { authorization: "Bearer right" };
  const allowed = await world.succeeded(await world.trigger({ url, headers }));
  expect(allowed.workflowRunResponse).toBe('"done"');
  const refused = await world.failed(await world.trigger({ url, retries: 1, retryDelay: "10" }));
  const group = refused.steps.at(-1);
  expect(group).toMatchObject({ type: "next", steps: [{ state: "STEP_FAILED" }] });
  const errors = group?.steps[0]?.errors ?? [];
  expect(errors.map(({ status, error }) => [status, error])).toEqual([
    [400, "400 Bad Request"],
    [400, "400 Bad Request"],
  ]);
  expect(errors[0]?.body).toContain("Failed to authenticate Workflow request");
});

test("a request straight to the endpoint starts a run by itself", async () => {
  const { url: baseUrl, token } = world.server;
  const qstashClient = new QstashClient({ baseUrl, token });
  const options = { qstashClient, receiver: undefined };
  const url = world.serve(
    "/direct",
    async (context) => {
      const seen = await context.run("see", () => context.headers.get("x-direct"));
      return { seen, payload: context.requestPayload };
    },
    // The option is there and undefined: that is how the SDK is told not to verify.
    options as object,
  );
  const headers = { "x-direct": "yes", "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: '{"p":1}' });
  const { workflowRunId } = (await answer.json()) as { workflowRunId: string }; // Or the next line fails.
  const run = await world.succeeded(workflowRunId);
  expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual({ seen: "yes", payload: { p: 1 } });
});

test("an error that cannot be retried on the first delivery fails the run at once", async () => {
  const url = world.serve("/never", async (context) => {
    await context.run("no", () => {
      throw new WorkflowNonRetryableError("no");
    });
  });
  await world.failed(await world.trigger({ url }));
  expect(world.app.at("/never")[0]).toMatchObject({ status: 489 });
});
