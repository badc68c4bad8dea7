import { describe, expect, test } from "vitest";
import { createWorld, type StartOptions, type World } from "../test-world.suite.ts";

async function cancel(world: World, search = "", init: RequestInit = {}) {
  return world.call(`/v2/workflows/runs${search}`, { ...init, method: "DELETE" });
}

async function live(world: World): Promise<string> {
  const { body } = await world.call("/v2/workflows/logs?state=RUN_STARTED");
  return body.runs
    .map(({ workflowRunId }) => workflowRunId)
    .toSorted()
    .join();
}

/** Live runs with these ids. */
async function running(runs: Readonly<Record<string, StartOptions>>): Promise<World> {
  const world = await createWorld();
  world.host.app = () => new Promise(() => {});
  for (const [runId, options] of Object.entries(runs)) await world.start({ ...options, runId });
  return world;
}

describe("by ids", () => {
  test.each([
    ["?workflowRunIds=a,b", undefined],
    ["?workflowRunIds=a&workflowRunIds=b", undefined],
    ["", '{"workflowRunIds":["a","b"]}'],
    ["?workflowRunIds=a,b,unknown&label=nobody&count=1", undefined],
  ])("%s %s cancels the named ones and counts those that were live", async (search, body) => {
    const world = await running({ a: {}, b: {}, c: {} });
    const init = body === undefined ? {} : { body };
    expect(await cancel(world, search, init)).toEqual({ status: 200, body: { cancelled: 2 } });
    expect(await live(world)).toBe("c");
    expect(await cancel(world, search, init)).toEqual({ status: 200, body: { cancelled: 0 } });
    expect((await world.log("a")).workflowState).toBe("RUN_CANCELED");
  });
});

describe("by filters", () => {
  test.each([
    ["workflowUrl=https://app.example/or", "b"],
    ["workflowUrl=https://app.example/order&workflowUrlExactMatch=true", "a,b"],
    ["workflowUrl=https://app.example/order&workflowUrlExactMatch=false", "b"],
    ["workflowUrl=https://app.example/o,https://other.example/", ""],
    ["workflowUrl=https://app.example/orders&workflowUrlExactMatch=true", "b,c"],
    ["label=x", "b,c"],
    ["label=x,y", "c"],
    ["callerIp=192.0.2.1", "a,c"],
    ["flowControlKey=k", "a,b"],
    ["host=other.example", "a,c"],
    ["host=app.example&path=/order", "a,b"],
    ["label=x&callerIp=192.0.2.1", "a,b,c"],
    ["fromDate=1750000000001", "a,b,c"],
    ["toDate=1750000000000", ""],
    ["fromDate=1750000000000&toDate=1750000000000", ""],
    ["count=100", ""],
    ["count=1", "b,c"],
    ["count=2", "c"],
  ])("%s leaves %j", async (search, left) => {
    const world = await running({
      a: { url: "https://app.example/orders", config: { labels: ["x"] } },
      b: { url: "https://other.example/", callerIp: "192.0.2.1", config: { labels: ["y"] } },
      c: {
        url: "https://app.example/order",
        config: { flowControl: { key: "k", parallelism: 1, rate: null, periodMs: 1000 } },
      },
    });
    const { status, body } = await cancel(world, `?${search}`);
    expect(status).toBe(200);
    expect(await live(world)).toBe(left);
    expect(body.cancelled).toBe(3 - left.split(",").filter((id) => id !== "").length);
  });

  test("without count at most 100 are cancelled", async () => {
    const world = await createWorld();
    world.host.app = () => new Promise(() => {});
    for (let index = 0; index < 103; index += 1) await world.start({ config: { labels: ["x"] } });
    expect((await cancel(world, "?label=x")).body).toEqual({ cancelled: 100 });
    expect((await cancel(world, "?label=x&host=app.example")).body).toEqual({ cancelled: 3 });
  });

  test("more than one transaction takes are cancelled by a greater count", async () => {
    const world = await createWorld();
    world.host.app = () => new Promise(() => {});
    for (let index = 0; index < 253; index += 1) await world.start();
    expect((await cancel(world, "?count=251&host=app.example")).body).toEqual({ cancelled: 251 });
    expect((await cancel(world, "?count=1000")).body).toEqual({ cancelled: 2 });
  });

  test("filters in a JSON body choose as well", async () => {
    const world = await running({ a: { config: { labels: ["x"] } }, b: {} });
    expect((await cancel(world, "", { body: '{"label":["x"]}' })).body).toEqual({ cancelled: 1 });
    expect(await live(world)).toBe("b");
  });

  test("runs that have ended are not counted", async () => {
    const world = await createWorld();
    await world.fail();
    expect((await cancel(world, "?count=10")).body).toEqual({ cancelled: 0 });
  });
});

describe("refused", () => {
  test.each([
    ["", undefined],
    ["?qstash_token=t", undefined],
    ["?workflowUrlExactMatch=true", undefined],
  ])("a request that names nothing (%s %s) cancels nothing", async (search, body) => {
    const world = await running({ a: {} });
    const reply = await cancel(world, search, body === undefined ? {} : { body });
    expect(reply.status).toBe(400);
    expect(reply.body.error).toContain("send count, workflowRunIds or a filter");
    expect(await live(world)).toBe("a");
  });

  test.each(["{}", '{"workflowRunIds":null}'])(
    "a body that names nothing (%s) cancels nothing",
    async (body) => {
      const world = await running({ a: {} });
      const reply = await cancel(world, "", { body });
      expect(reply.status).toBe(400);
      expect(reply.body.error).toContain("the body names no ids and no filter");
      expect(await live(world)).toBe("a");
    },
  );

  test.each([
    "?workflowRunIds=",
    "?workflowRunIds=a,,b",
    "?workflowRunIds=a/b",
    "?label=",
    "?workflowUrl=",
    "?labeel=x",
    "?cancel=true",
    "?cancel=false&count=5",
    "?cursor=x&count=5",
    "?count=0",
    "?count=-5",
    "?count=x",
    "?fromDate=2&toDate=1",
    "?count=5&workflowUrlExactMatch=maybe",
  ])("%s cancels nothing", async (search) => {
    const world = await running({ a: {} });
    const reply = await cancel(world, search);
    expect(reply.status).toBe(400);
    expect(await live(world)).toBe("a");
  });

  test("an empty list in a body cancels nothing", async () => {
    const world = await running({ a: {} });
    for (const body of [
      '{"workflowRunIds":[]}',
      '{"workflowRunIds":[],"count":5}',
      '{"label":[]}',
    ]) {
      expect((await cancel(world, "", { body })).status, body).toBe(400);
    }
    expect(await live(world)).toBe("a");
  });

  test("what looks like a message cancels nothing", async () => {
    const world = await running({ a: {} });
    const headers = { "upstash-method": "DELETE" };
    expect((await cancel(world, "?count=5", { headers })).status).toBe(400);
    expect(await live(world)).toBe("a");
  });
});
