import { hash } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  APP_URL,
  createWorld,
  type Failed,
  respond,
  type StartOptions,
  type World,
} from "../test-world.suite.ts";

const FAILURE_URL = "https://failures.example/report";
const failureCallback = { url: FAILURE_URL, config: { forward: {}, retries: 0 } };
const withCallback = { config: { failureCallback } } satisfies StartOptions;

async function listIds(world: World, search = ""): Promise<readonly string[]> {
  const { status, body } = await world.call(`/v2/workflows/dlq${search}`);
  expect(status, JSON.stringify(body)).toBe(200);
  return body.messages.map(({ dlqId }) => dlqId);
}

async function get(world: World, { dlqId }: Failed) {
  return (await world.call(`/v2/workflows/dlq/${dlqId}`)).body;
}

/** The failure call of `failed` has come to `state`. */
async function callbackIs(world: World, failed: Failed, state: string) {
  await world.until(async () => (await get(world, failed)).failureFunctionState === state);
}

describe("one entry", () => {
  test("S14: it keeps what is needed to analyse and to resume", async () => {
    const world = await createWorld();
    world.host.app = () =>
      respond(500, '{"error":"Error","message":"boom"}', { "x-a": ["1", "2"] });
    const failed = await world.fail({
      payload: '{"order":1}',
      callerIp: "198.51.100.4",
      config: {
        labels: ["eu", "vip"],
        retries: 0,
        retryDelay: "1000 * (1 + retried)",
        flowControl: { key: "shop", parallelism: 3, rate: 10, periodMs: 60_000 },
        forward: { "x-tenant": "acme" },
        failureCallback,
      },
    });
    const now = world.host.now();
    expect(await get(world, failed)).toMatchObject({
      dlqId: failed.dlqId,
      messageId: expect.stringMatching(/^msg_/),
      url: APP_URL,
      workflowUrl: APP_URL,
      method: "POST",
      body: '{"order":1}',
      maxRetries: 0,
      retryDelayExpression: "1000 * (1 + retried)",
      notBefore: now,
      createdAt: now,
      callerIP: "198.51.100.4",
      workflowRunId: failed.runId,
      workflowCreatedAt: now,
      failureCallback: FAILURE_URL,
      label: "eu",
      labels: ["eu", "vip"],
      flowControlKey: "shop",
      parallelism: 3,
      rate: 10,
      period: 60,
      responseStatus: 500,
      responseHeader: { "X-A": ["1", "2"] },
      responseBody: '{"error":"Error","message":"boom"}',
      reason: "500 Internal Server Error",
    });
  });

  test("S42: every request and response header and body of each attempt is there", async () => {
    const world = await createWorld();
    let attempts = 0;
    world.host.app = () => {
      attempts += 1;
      return respond(500 + attempts, `answer ${attempts}`, { "x-attempt": [String(attempts)] });
    };
    const runId = await world.start({ config: { retries: 1, retryDelay: "1000" } });
    await world.until(
      async () => (await world.log(runId)).steps.at(-1)?.steps[0]?.state === "STEP_RETRY",
    );
    await world.host.advance(1000);
    const [dlqId] = await world.until(async () => {
      const ids = await listIds(world);
      return ids.length > 0 && ids;
    });
    const entry = (await world.call(`/v2/workflows/dlq/${dlqId}`)).body;
    expect(entry.attempts).toMatchObject([
      {
        retried: 0,
        requestHeader: { "Upstash-Retried": ["0"], "Upstash-Workflow-Runid": [runId] },
        responseStatus: 501,
        responseHeader: { "X-Attempt": ["1"] },
        responseBody: "answer 1",
        isTruncated: false,
      },
      { retried: 1, requestHeader: { "Upstash-Retried": ["1"] }, responseBody: "answer 2" },
    ]);
    expect(entry.attempts?.[0]?.move).toContain("retry");
    expect(entry.header["Upstash-Retried"]).toEqual(["1"]);
  });

  test("S42: bytes that are no text are there as base64", async () => {
    const world = await createWorld();
    world.host.app = () => respond(500, new Uint8Array([0xff, 0x00, 0xfe]));
    const failed = await world.fail({ payload: new Uint8Array([0xc3, 0x28]) });
    const entry = await get(world, failed);
    expect(entry).toMatchObject({ bodyBase64: "wyg=", responseBodyBase64: "/wD+" });
    expect(entry).not.toHaveProperty("body");
    expect(entry).not.toHaveProperty("responseBody");
  });

  test("S43: the page of a closed tunnel can be read, with its headers", async () => {
    const world = await createWorld();
    const page = "<!DOCTYPE html><html><body>ERR_NGROK_3200</body></html>";
    world.host.app = () =>
      respond(404, page, {
        "content-type": ["text/html"],
        "ngrok-error-code": ["ERR_NGROK_3200"],
      });
    const failed = await world.fail();
    expect(await get(world, failed)).toMatchObject({
      responseStatus: 404,
      responseHeader: { "Content-Type": ["text/html"], "Ngrok-Error-Code": ["ERR_NGROK_3200"] },
      responseBody: page,
      reason: "404 Not Found; ngrok answered, not the app (ERR_NGROK_3200: the tunnel is offline)",
    });
  });

  test("an endpoint that cannot be reached has status 0 and a machine-readable cause", async () => {
    const world = await createWorld();
    world.host.app = () => ({ type: "error", cause: "refused", message: "connection refused" });
    const failed = await world.fail();
    expect(await get(world, failed)).toMatchObject({
      responseStatus: 0,
      responseBody: "connection refused",
      attempts: [{ responseStatus: 0, cause: "refused", error: "connection refused" }],
    });
  });

  test("redacted fields never leave, and the attempts hide them as well", async () => {
    const world = await createWorld();
    world.host.app = () => respond(500, "canary-answer", { "x-secret": ["canary-header"] });
    const failed = await world.fail({
      payload: "canary-payload",
      config: {
        forward: { "x-secret": "canary-forward", "x-open": "seen" },
        redaction: { isBodyRedacted: true, headers: ["x-secret"] },
      },
    });
    const answers = [
      await get(world, failed),
      (await world.call("/v2/workflows/dlq")).body,
      (await world.call("/v2/workflows/logs")).body,
      (await world.call("/v2/workflows/events")).body,
    ];
    for (const answer of answers) expect(JSON.stringify(answer)).not.toContain("canary");
    const [entry] = answers;
    expect(entry?.body).toBe(`REDACTED:${hash("sha256", "canary-payload", "hex")}`);
    expect(entry?.header).toMatchObject({
      "X-Secret": [expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/)],
      "X-Open": ["seen"],
    });
  });

  test.each(["0-1", "1750000000000-99999", "unknown", "1750000000000-", "..%2Fx", "1e3-1"])(
    "S38, S40: the unknown id %s is 404 everywhere",
    async (dlqId) => {
      const world = await createWorld();
      const failed = await world.fail(withCallback);
      for (const [method, target] of [
        ["GET", `/v2/workflows/dlq/${dlqId}`],
        ["DELETE", `/v2/workflows/dlq/${dlqId}`],
        ["POST", `/v2/workflows/dlq/resume/${dlqId}`],
        ["POST", `/v2/workflows/dlq/restart/${dlqId}`],
        ["POST", `/v2/workflows/dlq/callback/${dlqId}`],
        ["DELETE", `/v2/workflows/dlq/callback/${dlqId}`],
        ["POST", `/v2/workflows/dlq/resume?dlqIds=${dlqId}`],
        ["POST", `/v2/workflows/dlq/restart?dlqIds=${dlqId}`],
      ] as const) {
        const reply = await world.call(target, { method });
        expect(reply.status, `${method} ${target}`).toBe(404);
        expect(reply.body.error).toContain("there is no dead letter");
      }
      expect(await listIds(world)).toEqual([failed.dlqId]);
    },
  );

  test("an id with the right key but another time is unknown", async () => {
    const world = await createWorld();
    const failed = await world.fail();
    const reply = await world.call(`/v2/workflows/dlq/1-${failed.key}`);
    expect(reply.status).toBe(404);
  });

  test("a deleted entry is gone, once", async () => {
    const world = await createWorld();
    const failed = await world.fail();
    const target = `/v2/workflows/dlq/${failed.dlqId}`;
    expect(await world.call(target, { method: "DELETE" })).toEqual({
      status: 200,
      body: { deleted: 1 },
    });
    expect((await world.call(target, { method: "DELETE" })).status).toBe(404);
    expect((await world.call(target)).status).toBe(404);
    expect(await listIds(world)).toEqual([]);
  });
});

describe("the list", () => {
  test("both paths of the wire give the same page; without a source there are no plain messages", async () => {
    const world = await createWorld();
    const failed = await world.fail();
    const page = (await world.call("/v2/workflows/dlq")).body;
    expect(page.messages[0]?.dlqId).toBe(failed.dlqId);
    expect((await world.call("/v2/dlq?source=workflow")).body).toEqual(page);
    expect((await world.call("/v2/dlq")).body).toEqual({ messages: [] });
    expect((await world.call("/v2/dlq?source=other")).status).toBe(400);
  });

  test("pages follow each other without a gap, oldest first or newest first", async () => {
    const world = await createWorld();
    const ids: string[] = [];
    for (let index = 0; index < 5; index += 1) ids.push((await world.fail()).dlqId);
    for (const order of ["earliestFirst", "latestFirst"]) {
      const seen: string[] = [];
      let cursor = "";
      do {
        const { body } = await world.call(
          `/v2/workflows/dlq?count=2&order=${order}&cursor=${cursor}`,
        );
        expect(body.messages.length).toBeLessThanOrEqual(2);
        for (const entry of body.messages) seen.push(entry.dlqId);
        expect("cursor" in body).toBe(seen.length < ids.length);
        cursor = body.cursor ?? "";
      } while (cursor !== "");
      expect(seen).toEqual(order === "earliestFirst" ? ids : ids.toReversed());
    }
  });

  test("a page of many entries ends where its bodies have become too much for one answer", async () => {
    const world = await createWorld();
    const payload = "x".repeat(900_000);
    for (let index = 0; index < 45; index += 1) await world.fail({ payload });
    const first = (await world.call("/v2/workflows/dlq")).body;
    expect(first.messages).toHaveLength(40);
    const second = (await world.call(`/v2/workflows/dlq?cursor=${first.cursor}`)).body;
    expect(second.messages).toHaveLength(5);
    expect(second).not.toHaveProperty("cursor");
  });

  test.each([
    "cursor=x",
    "cursor=5.AAAAAAAAAAAAAAAAAAAAAA",
    "count=-1",
    "count=NaN",
    "order=drop table",
  ])("%s is refused", async (search) => {
    const world = await createWorld();
    const reply = await world.call(`/v2/workflows/dlq?${search}`);
    expect(reply.status).toBe(400);
    expect(reply.body.error).toMatch(/^(cursor|count|order) must be/);
  });

  test("a cursor of another endpoint is refused", async () => {
    const world = await createWorld();
    for (let index = 0; index < 2; index += 1) await world.fail();
    const { body } = await world.call("/v2/workflows/dlq?count=1");
    for (const target of ["/v2/workflows/logs", "/v2/workflows/events", "/v2/workflows/dlq"]) {
      const order = target.endsWith("dlq") ? "&order=latestFirst" : "";
      const reply = await world.call(`${target}?cursor=${body.cursor}${order}`);
      expect(reply.status, target).toBe(400);
    }
    const resume = await world.call(`/v2/workflows/dlq/resume?count=1&cursor=${body.cursor}`, {
      method: "POST",
    });
    expect(resume.status).toBe(400);
    expect(await listIds(world)).toHaveLength(2);
  });

  test("a read ignores names that it does not know, as newer clients may send them", async () => {
    const world = await createWorld();
    await world.fail();
    expect(await listIds(world, "?somethingNew=1")).toHaveLength(1);
  });
});

describe("filters select", () => {
  /** Entries a and b, and searches with the ones that they must give. */
  async function twoFailures(a: StartOptions, b: StartOptions) {
    const world = await createWorld();
    const first = await world.fail(a);
    await world.host.advance(1000);
    const second = await world.fail(b);
    const ids = async (search: string) => {
      const found = await listIds(world, `?${search}`);
      return found
        .map((id) => (id === first.dlqId ? "a" : id === second.dlqId ? "b" : id))
        .join("");
    };
    return { world, first, second, ids };
  }

  test("S60, S61: the times of failure, both ends included", async () => {
    const { world, ids } = await twoFailures({}, {});
    const at = world.host.now() - 1000;
    expect(await ids(`fromDate=${at}`)).toBe("ab");
    expect(await ids(`fromDate=${at + 1}`)).toBe("b");
    expect(await ids(`toDate=${at}`)).toBe("a");
    expect(await ids(`toDate=${at - 1}`)).toBe("");
    expect(await ids(`fromDate=${at}&toDate=${at}`)).toBe("a");
  });

  test("S60: the field createdAt of an entry is the time that the filters compare", async () => {
    const world = await createWorld();
    world.host.app = async () => {
      await world.host.advance(500);
      return respond(500);
    };
    const failed = await world.fail();
    const { createdAt, workflowCreatedAt } = await get(world, failed);
    expect(createdAt).toBe(workflowCreatedAt + 500);
    expect(await listIds(world, `?fromDate=${createdAt}&toDate=${createdAt}`)).toHaveLength(1);
    expect(await listIds(world, `?fromDate=${createdAt + 1}`)).toEqual([]);
  });

  test("S41, S62: the workflow's URL, exactly; several are alternatives", async () => {
    const { ids } = await twoFailures(
      { url: "https://a.example/x" },
      { url: "https://a.example/xy" },
    );
    expect(await ids("workflowUrl=https://a.example/x")).toBe("a");
    expect(await ids("workflowUrl=https://a.example/x&workflowUrl=https://a.example/xy")).toBe(
      "ab",
    );
    expect(await ids("workflowUrl=https://a.example/x,https://a.example/xy")).toBe("ab");
    expect(await ids("url=https://a.example/xy")).toBe("b");
    expect(await ids("workflowUrl=https://a.example/")).toBe("");
  });

  test("S41, S63: the run id, exactly", async () => {
    const { first, ids } = await twoFailures({ runId: "wfr_x" }, { runId: "wfr_xy" });
    expect(await ids(`workflowRunId=${first.runId}`)).toBe("a");
    expect(await ids("workflowRunId=wfr_")).toBe("");
  });

  test("S64: creation and run id together tell reused ids apart", async () => {
    const { world, ids } = await twoFailures({ runId: "wfr_same" }, { runId: "wfr_same" });
    const at = world.host.now();
    expect(await ids("workflowRunId=wfr_same")).toBe("ab");
    expect(await ids(`workflowRunId=wfr_same&workflowCreatedAt=${at}`)).toBe("b");
    expect(await ids(`workflowRunId=wfr_same&workflowCreatedAt=${at - 1000}`)).toBe("a");
    expect(await ids(`workflowRunId=wfr_same&workflowCreatedAt=${at - 1}`)).toBe("");
  });

  test("S65: any label of the run; several are alternatives", async () => {
    const { ids } = await twoFailures(
      { config: { labels: ["one", "two"] } },
      { config: { labels: ["two", "three"] } },
    );
    expect(await ids("label=one")).toBe("a");
    expect(await ids("label=two")).toBe("ab");
    expect(await ids("label=one,three")).toBe("ab");
    expect(await ids("label=on")).toBe("");
    expect(await ids("label=%25")).toBe("");
  });

  test("S67: the publisher's address; several are alternatives", async () => {
    const { ids } = await twoFailures({ callerIp: "192.0.2.1" }, { callerIp: "192.0.2.10" });
    expect(await ids("callerIp=192.0.2.1")).toBe("a");
    expect(await ids("callerIP=192.0.2.10")).toBe("b");
    expect(await ids("callerIp=192.0.2.1,192.0.2.10")).toBe("ab");
  });

  test("S68: the flow-control key; several are alternatives", async () => {
    const keyed = (key: string) => ({
      config: { flowControl: { key, parallelism: 1, rate: null, periodMs: 1000 } },
    });
    const { ids } = await twoFailures(keyed("k1"), keyed("k2"));
    expect(await ids("flowControlKey=k1")).toBe("a");
    expect(await ids("flowControlKey=k1&flowControlKey=k2")).toBe("ab");
  });

  test("S69: different filters all have to hold", async () => {
    const { ids } = await twoFailures(
      { callerIp: "192.0.2.1", config: { labels: ["x"] } },
      { callerIp: "192.0.2.2", config: { labels: ["x"] } },
    );
    expect(await ids("label=x&callerIp=192.0.2.2")).toBe("b");
    expect(await ids("label=y&callerIp=192.0.2.2")).toBe("");
  });

  test("the status of the last response, an older filter", async () => {
    const { ids } = await twoFailures({}, {});
    expect(await ids("responseStatus=500")).toBe("ab");
    expect(await ids("responseStatus=404")).toBe("");
  });

  test("S66, S70-S74: the state of the failure function, and none", async () => {
    const world = await createWorld();
    let answer = respond(500, "not yet");
    world.host.app = ({ url }) => (url === FAILURE_URL ? answer : respond(500));
    const none = await world.fail();
    const failedCall = await world.fail(withCallback);
    await callbackIs(world, failedCall, "CALLBACK_FAIL");
    answer = respond(200, "{}");
    const succeeded = await world.fail(withCallback);
    await callbackIs(world, succeeded, "CALLBACK_SUCCESS");
    world.host.app = ({ url }) => (url === FAILURE_URL ? new Promise(() => {}) : respond(500));
    const canceled = await world.fail(withCallback);
    const cancel = await world.call(`/v2/workflows/dlq/callback/${canceled.dlqId}`, {
      method: "DELETE",
    });
    expect(cancel.status).toBe(200);
    const inProgress = await world.fail(withCallback);
    for (const [state, entry] of [
      ["CALLBACK_INPROGRESS", inProgress],
      ["CALLBACK_SUCCESS", succeeded],
      ["CALLBACK_FAIL", failedCall],
      ["CALLBACK_CANCELED", canceled],
      ["NONE", none],
    ] as const) {
      expect(await listIds(world, `?failureFunctionState=${state}`), state).toEqual([entry.dlqId]);
      expect(await listIds(world, `?failureCallbackState=${state}`), state).toEqual([entry.dlqId]);
      const { failureFunctionState, failureCallbackInfo } = await get(world, entry);
      expect(failureFunctionState).toBe(state === "NONE" ? undefined : state);
      expect(failureCallbackInfo?.state).toBe(failureFunctionState);
    }
    expect(await listIds(world, "?failureFunctionState=NONE,CALLBACK_FAIL")).toEqual([
      none.dlqId,
      failedCall.dlqId,
    ]);
    expect((await get(world, failedCall)).failureCallbackInfo).toEqual({
      state: "CALLBACK_FAIL",
      responseStatus: 500,
      responseBody: "not yet",
      responseHeaders: {},
    });
  });
});

describe("the failure callback", () => {
  test("S37, S70: it runs again after it has failed, and can then succeed", async () => {
    const world = await createWorld();
    let answer = respond(500);
    world.host.app = ({ url }) => (url === FAILURE_URL ? answer : respond(500));
    const failed = await world.fail(withCallback);
    await callbackIs(world, failed, "CALLBACK_FAIL");
    answer = respond(200, '{"result":"told"}');
    const reply = await world.call(`/v2/workflows/dlq/callback/${failed.dlqId}`, {
      method: "POST",
    });
    expect(reply).toEqual({
      status: 200,
      body: { workflowRunId: failed.runId, workflowCreatedAt: world.host.now() },
    });
    await callbackIs(world, failed, "CALLBACK_SUCCESS");
    expect((await world.log(failed.runId)).failureFunction).toMatchObject({
      url: FAILURE_URL,
      state: "CALLBACK_SUCCESS",
      responseStatus: 200,
      responseBody: '{"result":"told"}',
      failStatus: 500,
      dlqId: failed.dlqId,
    });
  });

  test("S38: it runs again only after it has failed", async () => {
    const world = await createWorld();
    world.host.app = ({ url }) => (url === FAILURE_URL ? respond(200, "{}") : respond(500));
    const none = await world.fail();
    const succeeded = await world.fail(withCallback);
    await callbackIs(world, succeeded, "CALLBACK_SUCCESS");
    world.host.app = ({ url }) => (url === FAILURE_URL ? new Promise(() => {}) : respond(500));
    const inProgress = await world.fail(withCallback);
    for (const { dlqId } of [none, succeeded, inProgress]) {
      const reply = await world.call(`/v2/workflows/dlq/callback/${dlqId}`, { method: "POST" });
      expect(reply.status).toBe(400);
      expect(reply.body.error).toContain("the failure callback can be called again only after");
    }
    const target = `/v2/workflows/dlq/callback/${inProgress.dlqId}`;
    expect((await world.call(target, { method: "DELETE" })).status).toBe(200);
    expect((await world.call(target, { method: "POST" })).status).toBe(400);
  });

  test("S38, S73: it can be cancelled only while it is in progress", async () => {
    const world = await createWorld();
    world.host.app = ({ url }) => (url === FAILURE_URL ? new Promise(() => {}) : respond(500));
    const failed = await world.fail(withCallback);
    const target = `/v2/workflows/dlq/callback/${failed.dlqId}`;
    expect(await world.call(target, { method: "DELETE" })).toEqual({
      status: 200,
      body: { workflowRunId: failed.runId, workflowCreatedAt: world.host.now() },
    });
    expect((await get(world, failed)).failureFunctionState).toBe("CALLBACK_CANCELED");
    expect((await world.call(target, { method: "DELETE" })).status).toBe(400);
  });
});
