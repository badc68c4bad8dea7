// SDKs of other kinds give every message its own settings and know none of the run: spoken here without an SDK.

import { expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const SDK = { "upstash-workflow-sdk-version": "1" };

/** Headers as such an SDK sends them: all user headers forwarded, nothing that asks for settings of the run. */
const headersOf = (init: boolean, runId: string, more: Record<string, string> = {}) => ({
  "Upstash-Workflow-Init": init ? "True" : "False",
  "Upstash-Workflow-RunId": runId,
  "Upstash-Workflow-Url": `${world.app.url}/plain`,
  "Upstash-Feature-Set": "LazyFetch,InitialBody,WF_DetectTrigger",
  "Upstash-Forward-Upstash-Workflow-Sdk-Version": "1",
  "content-type": "application/json",
  ...more,
});

async function start(runId: string, more: Record<string, string> = {}): Promise<void> {
  const answer = await world.call("POST", `/v2/publish/${world.app.url}/plain`, {
    headers: headersOf(true, runId, more),
    body: '"payload"',
  });
  expect([answer.status, answer.json]).toEqual([
    200,
    expect.objectContaining({ messageId: expect.stringMatching(/^msg_/) }),
  ]);
}

async function submit(runId: string, more: Record<string, string>): Promise<void> {
  const step = { stepId: 1, stepName: "one", stepType: "Run", out: '"1"', concurrent: 1 };
  const unused = {
    targetStep: null,
    sleepFor: null,
    sleepUntil: null,
    callUrl: null,
    method: "POST",
  };
  const item = {
    destination: `${world.app.url}/plain`,
    queue: null,
    headers: headersOf(false, runId, more),
    body: JSON.stringify({ ...step, ...unused }),
  };
  const answer = await world.call("POST", "/v2/batch", { body: JSON.stringify([item]) });
  expect(answer.status, answer.text).toBe(200);
}

/** An app that submits one step with `more` on its first delivery, and fails on every later one. */
function servePlain(more: Record<string, string>): void {
  world.app.on("/plain", async (_request, { body, headers }) => {
    const list: unknown = JSON.parse(body);
    if (!Array.isArray(list) || list.length > 1)
      return new Response("no", { status: 500, headers: SDK });
    await submit(headers["upstash-workflow-runid"] ?? "", more);
    return new Response("{}", { headers: SDK });
  });
}

test("each message has its own retries and reports to its own failure URL, with its own headers", async () => {
  world.app.on("/alarm", () => new Response("noted"));
  servePlain({
    "Upstash-Retries": "2",
    "Upstash-Retry-Delay": "1",
    "Upstash-Failure-Callback": `${world.app.url}/alarm`,
    "Upstash-Failure-Callback-Forward-X-Alarm": "red",
    "Upstash-Failure-Callback-Retries": "0",
    "Upstash-Forward-X-Message": "two",
  });
  await start("wfr_plain", { "Upstash-Retries": "0", "Upstash-Forward-X-Message": "one" });
  const entry = await world.deadLetterIn("wfr_plain", "CALLBACK_SUCCESS");
  expect(entry).toMatchObject({
    maxRetries: 2,
    failureCallback: `${world.app.url}/alarm`,
    body: '"payload"',
  });
  const deliveries = world.app
    .at("/plain")
    .map(({ headers }) => [headers["upstash-retried"], headers["x-message"]]);
  expect(deliveries).toEqual([
    ["0", "one"],
    ["0", "two"],
    ["1", "two"],
    ["2", "two"],
  ]);
  expect(world.app.at("/alarm")[0]?.headers["x-alarm"]).toBe("red");
});

test("settings of a failure callback without its URL are ignored", async () => {
  servePlain({ "Upstash-Retries": "0", "Upstash-Failure-Callback-Retries": "2" });
  await start("wfr_plain");
  const entry = await world.deadLetter("wfr_plain");
  expect(entry.failureFunctionState).toBeUndefined();
  expect(entry.failureCallback).toBeUndefined();
});

test("a resume overrides the settings of the messages that are left", async () => {
  servePlain({ "Upstash-Retries": "0" });
  await start("wfr_plain");
  const { dlqId } = await world.deadLetter("wfr_plain");
  const headers = { "Upstash-Retries": "1", "Upstash-Retry-Delay": "1" };
  const answer = await world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`, { headers });
  const { workflowRunId } = answer.json as { workflowRunId: string }; // Or the next line waits in vain.
  const entry = await world.deadLetter(workflowRunId);
  expect(entry.attempts).toHaveLength(2);
});

test("a bad submission that says False is 412 as well", async () => {
  servePlain({});
  await start("wfr_plain", { "Upstash-Delay": "1h" });
  const item = {
    destination: `${world.app.url}/plain`,
    headers: headersOf(false, "wfr_plain"),
    body: "{",
  };
  const answer = await world.call("POST", "/v2/batch", { body: JSON.stringify([item]) });
  expect(answer.status).toBe(412);
});

test("names of headers count in any case of letters, and telemetry is not handed on", async () => {
  const gate = Promise.withResolvers<Response>();
  world.app.on("/plain", () => gate.promise);
  const headers = headersOf(true, "wfr_plain", {
    "Upstash-Telemetry-Sdk": "py-upstash-workflow@v0.1.4",
    "Upstash-Forward-Upstash-Telemetry-Runtime": "python",
    "Upstash-Forward-X-Mixed-CASE": "yes",
  });
  const upper = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]),
  );
  const item = { destination: `${world.app.url}/plain`, headers: upper, body: "x" };
  const answer = await world.call("POST", "/v2/batch", { body: JSON.stringify([item]) });
  expect(answer.status, answer.text).toBe(200);
  const [delivery] = await until("the delivery", () => {
    const all = world.app.at("/plain");
    return all.length > 0 && all;
  });
  gate.resolve(new Response("{}", { headers: SDK }));
  expect(delivery?.headers).toMatchObject({
    "x-mixed-case": "yes",
    "upstash-workflow-runid": "wfr_plain",
  });
  expect(Object.keys(delivery?.headers ?? {}).filter((name) => name.includes("telemetry"))).toEqual(
    [],
  );
});
