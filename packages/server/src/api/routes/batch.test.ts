import { beforeEach, describe, expect, test } from "vitest";
import { respond } from "../test-world.suite.ts";
import { type Client, initItem, openClient, stepItem } from "./api-client.suite.ts";

let client: Client;

beforeEach(async () => {
  client = await openClient();
  // The app is asked and never answers: what is submitted comes from the tests alone.
  client.world.host.app = () => new Promise(() => {});
});

const batch = (items: unknown, headers: Readonly<Record<string, string>> = {}) =>
  client.send("POST", "/v2/batch", { body: JSON.stringify(items), headers });

const messageId = expect.stringMatching(/^msg_[0-9a-z]+$/);

async function runOf(runId: string) {
  const [run] = await client.world.store.find("runs", "byId", [[runId]]);
  return run;
}

async function configOf(runId: string): Promise<unknown> {
  const run = await runOf(runId);
  const [row] = await client.world.store.get("runConfigs", [run?.key ?? 0]);
  return JSON.parse(row?.config ?? "null");
}

describe("starting runs", () => {
  test("answers each in its place and takes over what the SDK sent", async () => {
    const items = [
      initItem("wfr_a", {
        "upstash-retries": "5",
        "upstash-retry-delay": "1000 * (1 + retried)",
        "upstash-label": "red,blue",
        "upstash-forward-upstash-label": "red,blue",
        "upstash-forward-authorization": "Bearer u",
        "upstash-forward-host": "forged.test",
        "upstash-failure-callback": "https://app.test/api/order",
        "upstash-failure-callback-retries": "2",
        "upstash-failure-callback-forward-upstash-workflow-is-failure": "true",
        "upstash-failure-callback-feature-set": "LazyFetch",
      }),
      initItem("wfr_b"),
    ];
    const answer = await batch(items);
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual([
      { messageId, workflowRunId: "wfr_a", workflowCreatedAt: client.world.host.now() },
      { messageId, workflowRunId: "wfr_b", workflowCreatedAt: client.world.host.now() },
    ]);
    expect(await runOf("wfr_a")).toMatchObject({
      url: "https://app.test/api/order",
      labels: ",red,blue,",
      callerIp: "192.0.2.1",
      bodyBytes: 11,
    });
    expect(await configOf("wfr_a")).toMatchObject({
      isPersistent: true,
      isDetecting: true,
      requiresSdkHeader: false,
      hop: "none",
      retries: 5,
      retryDelay: "1000 * (1 + retried)",
      forward: { authorization: "Bearer u", "upstash-label": "red,blue" },
      failureCallback: {
        url: "https://app.test/api/order",
        config: { retries: 2, forward: { "upstash-workflow-is-failure": "true" } },
      },
    });
    expect(await configOf("wfr_b")).toMatchObject({ retries: 3, failureCallback: null });
  });

  test("again with the id of a live run finds that run", async () => {
    const [first] = JSON.parse((await batch([initItem("wfr_a")])).text);
    const again = await batch([initItem("wfr_a")]);
    expect(again.json).toEqual([{ ...first, deduplicated: true }]);
  });

  test("without a body has an empty payload", async () => {
    const { body: _body, ...item } = initItem("wfr_a");
    await batch([{ ...item, queue: null }]);
    expect(await runOf("wfr_a")).toMatchObject({ bodyBytes: 0 });
  });

  test("by a client that keeps no configuration leaves each message its own", async () => {
    const item = initItem("wfr_a", {
      "upstash-feature-set": "LazyFetch,InitialBody",
      "Upstash-Retries": "9",
      "Upstash-Forward-X-A": "1",
    });
    await batch([item]);
    expect(await configOf("wfr_a")).toMatchObject({ isPersistent: false, isDetecting: false });
    const run = await runOf("wfr_a");
    const [step] = await client.world.store.find("steps", "bySlot", [[run?.key ?? 0, 0]]);
    expect(JSON.parse(step?.config ?? "")).toMatchObject({ retries: 9, forward: { "x-a": "1" } });
  });
});

describe("submitting records", () => {
  beforeEach(() => batch([initItem("wfr_a")]));

  test("answers with the message, and the second time with the same one", async () => {
    const item = stepItem("wfr_a", { stepId: 1 });
    const first = await batch([item]);
    expect(first).toMatchObject({ status: 200, json: [{ messageId }] });
    const again = await batch([item]);
    expect(again.json).toEqual([{ ...JSON.parse(first.text)[0], deduplicated: true }]);
    expect(await runOf("wfr_a")).toMatchObject({ stepCount: 2 });
  });

  test("of a group is taken whole, and points behind the group", async () => {
    const plans = [1, 2, 3].map((targetStep) =>
      stepItem("wfr_a", { stepId: 0, targetStep, concurrent: 3, out: undefined }),
    );
    const answer = await batch(plans);
    expect(answer.json).toEqual([{ messageId }, { messageId }, { messageId }]);
    const run = await runOf("wfr_a");
    const steps = await client.world.store.find("steps", "byRun", [[run?.key ?? 0]]);
    expect(steps.map(({ slot, nextStepId }) => [slot, nextStepId]).toSorted()).toEqual([
      [0, 1],
      [2, 4],
      [4, 4],
      [6, 4],
    ]);
  });

  test("keeps the bytes of a record as they came, whatever they look like", async () => {
    const item = stepItem("wfr_a", { stepId: 1 });
    const body = `{ "stepId":1,  "stepName":"h\\u00e9","stepType":"Run","out":"<&>","concurrent":1,"extra":null}`;
    await batch([{ ...item, body }]);
    const run = await runOf("wfr_a");
    const [step] = await client.world.store.find("steps", "bySlot", [[run?.key ?? 0, 3]]);
    expect(new TextDecoder().decode(step?.body)).toBe(body);
  });

  test("to a run that has ended is answered with 400, which the SDK reads as the end", async () => {
    await client.send("DELETE", "/v2/workflows/runs/wfr_a?cancel=true");
    for (const runId of ["wfr_a", "wfr_never_started"]) {
      expect(await batch([stepItem(runId, { stepId: 1 })])).toMatchObject({
        status: 400,
        json: { code: "run_ended" },
      });
    }
  });
});

describe("a fault in a submission is answered with 412, because 400 would read as the end of the run", () => {
  beforeEach(() => batch([initItem("wfr_a")]));

  const fine = { stepId: 1 };

  test.each([
    [
      "a record without its name",
      stepItem("wfr_a", { stepId: 1, stepName: undefined }),
      "invalid_step",
    ],
    ["an unknown type", stepItem("wfr_a", { stepId: 1, stepType: "Fly" }), "invalid_step"],
    ["a plan without a target", stepItem("wfr_a", { stepId: 0 }), "invalid_step"],
    ["a body that is no JSON", { ...stepItem("wfr_a", fine), body: "{" }, "invalid_step"],
    [
      "no run id",
      stepItem("wfr_a", fine, { "upstash-workflow-runid": undefined }),
      "invalid_header",
    ],
    ["a bad run id", stepItem("wfr/a", fine), "invalid_run_id"],
    [
      "a bad destination",
      { ...stepItem("wfr_a", fine), destination: "ftp://x" },
      "invalid_destination",
    ],
    ["no destination", { ...stepItem("wfr_a", fine), destination: undefined }, "invalid_request"],
    ["a bad delay", stepItem("wfr_a", fine, { "upstash-delay": "soon" }), "invalid_duration"],
    [
      "an injected header",
      stepItem("wfr_a", fine, { "upstash-forward-x": "a\r\nb: c" }),
      "invalid_header",
    ],
    [
      "an injected header name",
      stepItem("wfr_a", fine, { "upstash-forward-x\r\ny": "1" }),
      "invalid_header",
    ],
    ["a header of a wrong type", stepItem("wfr_a", fine, { "x-a": 7 }), "invalid_header"],
    [
      "the spelling of another client",
      stepItem("wfr_a", fine, { "upstash-workflow-init": "False", "upstash-delay": "x" }),
      "invalid_duration",
    ],
  ])("%s", async (_name, item, code) => {
    const answer = await batch([item]);
    expect(answer).toMatchObject({ status: 412, json: { code } });
    expect(await runOf("wfr_a")).toMatchObject({ state: "started", stepCount: 1 });
  });

  test("and none of the items is taken when one is refused", async () => {
    const answer = await batch([stepItem("wfr_a", fine), stepItem("wfr_a", { stepId: -1 })]);
    expect(answer).toMatchObject({ status: 412 });
    expect(JSON.parse(answer.text).error).toMatch(/^item 1: stepId of a step must be/);
    expect(await runOf("wfr_a")).toMatchObject({ stepCount: 1 });
  });
});

describe("a fault elsewhere is answered with 400, names the item, and starts nothing", () => {
  test.each([
    ["no JSON", "[{", /^the body/],
    ["no list", "{}", /must be a JSON array/],
    ["an empty list", "[]", /must have 1 to 1000 items, got 0/],
    ["no object", "[7]", /^item 0: must be an object/],
  ])("%s", async (_name, body, error) => {
    const answer = await client.send("POST", "/v2/batch", { body });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error).toMatch(error);
  });

  test.each([
    [
      "an injected header",
      { "upstash-forward-x": "a\nb" },
      /^item 1: header upstash-forward-x has a control/,
    ],
    ["a header above U+00FF", { "upstash-forward-x": "日" }, /^item 1: header upstash-forward-x/],
    ["bad retries", { "upstash-retries": "-1" }, /^item 1: Upstash-Retries must be .*got "-1"/],
    ["a bad expression", { "upstash-retry-delay": "constructor" }, /^item 1: .*constructor/],
    [
      "a bad callback",
      { "upstash-failure-callback": "x" },
      /^item 1: invalid Upstash-Failure-Callback url/,
    ],
    [
      "a mark that is neither true nor false",
      { "upstash-workflow-init": "perhaps" },
      /^item 1: Upstash-Workflow-Init must be true or false/,
    ],
  ])("%s", async (_name, headers, error) => {
    const answer = await batch([initItem("wfr_a"), initItem("wfr_b", headers)]);
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text).error).toMatch(error);
    expect(await runOf("wfr_a")).toBeUndefined();
  });

  test("too many items", async () => {
    const items = Array.from({ length: 1_001 }, (_, index) => initItem(`wfr_${index}`));
    const answer = await batch(items);
    expect(JSON.parse(answer.text).error).toBe("a batch must have 1 to 1000 items, got 1001");
  });

  test("too many plans of a running workflow", async () => {
    const plan = { stepId: 0, targetStep: 1, stepName: "a", stepType: "Run", concurrent: 1 };
    const items = Array.from({ length: 1_001 }, () => stepItem("wfr_a", plan));
    // The SDK takes 400 for the end of the run, and would leave it hanging.
    expect(await batch(items)).toMatchObject({
      status: 412,
      json: { error: "a batch must have 1 to 1000 items, got 1001" },
    });
  });

  test("more retries than this server allows", async () => {
    expect(await batch([initItem("wfr_a", { "upstash-retries": "21" })])).toMatchObject({
      status: 412,
      json: { code: "quota_exceeded" },
    });
  });
});

describe("a destination that is no URL refuses the whole batch when the item belongs to a run", () => {
  test.each([
    ["that starts", "true", 400],
    ["that goes on", "false", 412],
  ])("%s", async (_name, init, status) => {
    const stray = initItem("wfr_b", { "upstash-workflow-init": init });
    const answer = await batch([initItem("wfr_a"), { ...stray, destination: "nowhere" }]);
    expect(answer).toMatchObject({ status, json: { code: "invalid_destination" } });
    expect(answer.text).toContain("nowhere");
    expect(await runOf("wfr_a")).toBeUndefined();
  });
});

test("what an app answers goes its way while the batch is answered at once", async () => {
  client.world.host.app = () => respond(200, "", { "upstash-workflow-sdk-version": ["1"] });
  expect(await batch([initItem("wfr_a")])).toMatchObject({ status: 200 });
  await client.world.until(async () => {
    const messages = await client.world.store.list("messages", {
      where: [],
      order: "ascending",
      limit: 1,
    });
    return messages.length === 0;
  });
  expect(await runOf("wfr_a")).toMatchObject({ state: "started" });
});
