import { beforeEach, describe, expect, test } from "vitest";
import type { OutgoingRequest } from "../../host/host.ts";
import { type Client, openClient } from "./api-client.suite.ts";

let client: Client;
let requests: OutgoingRequest[];

beforeEach(async () => {
  client = await openClient();
  requests = [];
  client.world.host.app = (request) => {
    requests.push(request);
    return new Promise(() => {});
  };
});

const URL_TEXT = "https://app.test/api/order";

const trigger = (headers: Readonly<Record<string, string>> = {}, body = '{"a":1}') =>
  client.send("POST", `/v2/trigger/${URL_TEXT}`, { headers, body });

async function configOf(runId: string) {
  const [run] = await client.world.store.find("runs", "byId", [[runId]]);
  const [row] = await client.world.store.get("runConfigs", [run?.key ?? 0]);
  return JSON.parse(row?.config ?? "null");
}

const firstRequest = () => client.world.until(async () => requests[0]);

describe("a run that is triggered over REST", () => {
  test("gets an id and is answered with it", async () => {
    const answer = await trigger();
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      workflowRunId: expect.stringMatching(/^wfr_[\w-]{21}$/),
      workflowCreatedAt: client.world.host.now(),
    });
  });

  test("keeps the id that it is given, and is found by it", async () => {
    const first = await trigger({ "upstash-workflow-runid": "wfr_mine" });
    expect(first.json).toMatchObject({ workflowRunId: "wfr_mine" });
    const again = await trigger({ "upstash-workflow-runid": "wfr_mine" });
    expect(again).toMatchObject({ status: 200, json: { deduplicated: true } });
  });

  test("looks to the app like one that its SDK has started", async () => {
    await trigger({
      "upstash-workflow-runid": "wfr_a",
      "upstash-forward-authorization": "Bearer u",
      "upstash-label": "red,blue",
    });
    const { headers, body } = await firstRequest();
    expect(headers).toMatchObject({
      "upstash-workflow-sdk-version": "1",
      "upstash-workflow-runid": "wfr_a",
      "upstash-label": "red,blue",
      authorization: "Bearer u",
    });
    expect(JSON.parse(String(body))).toEqual([
      { messageId: headers["upstash-message-id"], body: btoa('{"a":1}'), callType: "step" },
    ]);
    expect(await configOf("wfr_a")).toMatchObject({
      isPersistent: true,
      isDetecting: true,
      requiresSdkHeader: true,
      hop: "none",
    });
  });

  test("tells the workflow's own failure function when nobody else is named", async () => {
    await trigger({
      "upstash-workflow-runid": "wfr_a",
      "upstash-forward-authorization": "Bearer u",
    });
    const { failureCallback } = await configOf("wfr_a");
    expect(failureCallback).toEqual({
      url: URL_TEXT,
      config: {
        forward: {
          "upstash-workflow-is-failure": "true",
          "upstash-workflow-failure-callback": "true",
          authorization: "Bearer u",
        },
      },
    });
  });

  test("tells the failure URL that is named", async () => {
    await trigger({
      "upstash-workflow-runid": "wfr_a",
      "upstash-failure-callback": "https://other.test/failed",
      "upstash-failure-callback-forward-x-a": "1",
    });
    expect((await configOf("wfr_a")).failureCallback).toMatchObject({
      url: "https://other.test/failed",
      config: { forward: { "x-a": "1", "upstash-workflow-is-failure": "true" } },
    });
  });

  test("takes the hop when the caller does not know the SDK", async () => {
    await trigger({ "upstash-workflow-unknown-sdk": "true" });
    const { headers } = await firstRequest();
    expect(headers["upstash-workflow-unknown-sdk"]).toBe("true");
    expect(headers).not.toHaveProperty(["upstash-workflow-sdk-version"]);
  });

  test("waits for its delay", async () => {
    await trigger({ "upstash-delay": "10s" });
    await client.world.host.advance(9_999);
    expect(requests).toEqual([]);
    await client.world.host.advance(1);
    await firstRequest();
  });

  test.each([
    [{ "upstash-workflow-runid": "a/b" }, "invalid_run_id"],
    [{ "upstash-delay": "10 parsecs" }, "invalid_duration"],
    [{ "upstash-retry-delay": "1/0" }, "invalid_retry_delay"],
    [{ "upstash-failure-callback": "nowhere" }, "invalid_destination"],
    [{ "upstash-flow-control-value": "rate=1" }, "invalid_header"],
  ])("is refused with 400 for %j", async (headers, code) => {
    expect(await trigger(headers)).toMatchObject({ status: 400, json: { code } });
  });
});

describe("several runs at once", () => {
  const batch = (items: unknown) =>
    client.send("POST", "/v2/batch/trigger", { body: JSON.stringify(items) });

  test("are answered with 201, in their places", async () => {
    const headers = { "Upstash-Workflow-RunId": "wfr_a" };
    const answer = await batch([
      { destination: URL_TEXT, headers, body: "one" },
      { destination: URL_TEXT },
      { destination: URL_TEXT, headers },
    ]);
    expect(answer.status).toBe(201);
    const workflowCreatedAt = client.world.host.now();
    expect(answer.json).toEqual([
      { workflowRunId: "wfr_a", workflowCreatedAt },
      { workflowRunId: expect.stringMatching(/^wfr_/), workflowCreatedAt },
      { workflowRunId: "wfr_a", workflowCreatedAt, deduplicated: true },
    ]);
  });

  test.each([
    ["a bad destination", [{ destination: URL_TEXT }, { destination: "x" }], /^item 1: /],
    [
      "an injected header",
      [{ destination: URL_TEXT, headers: { "upstash-forward-a": "b\r\nc" } }],
      /^item 0: header/,
    ],
    ["an empty list", [], /1 to 1000 runs/],
    ["no list", {}, /JSON array/],
  ])("with %s start nothing", async (_name, items, error) => {
    const answer = await batch(items);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error).toMatch(error);
    const runs = await client.world.store.list("runs", { where: [], order: "ascending", limit: 1 });
    expect(runs).toEqual([]);
  });
});
