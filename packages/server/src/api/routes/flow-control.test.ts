import { beforeEach, describe, expect, test } from "vitest";
import type { Outcome } from "../../core/outcome.ts";
import { respond } from "../test-world.suite.ts";
import { type Client, openClient } from "./api-client.suite.ts";

let client: Client;
let answers: ((outcome: Outcome) => void)[];

beforeEach(async () => {
  client = await openClient();
  answers = [];
  // Destinations answer when the test says so.
  client.world.host.app = () => new Promise((resolve) => answers.push(resolve));
});

async function publish(key: string, value: string) {
  const headers = { "upstash-flow-control-key": key, "upstash-flow-control-value": value };
  const received = await client.send("POST", "/v2/publish/https://app.test/hook", { headers });
  expect(received.status).toBe(200);
}

async function get(key: string): Promise<unknown> {
  const received = await client.send("GET", `/v2/flowControl/${key}`);
  expect(received.status).toBe(200);
  return received.json;
}

async function post(action: string): Promise<void> {
  const received = await client.send("POST", `/v2/flowControl/${action}`);
  expect(received).toMatchObject({ status: 200, json: {} });
}

const nothing = {
  waitListSize: 0,
  waitlistSize: 0,
  parallelismMax: 0,
  parallelismCount: 0,
  rateMax: 0,
  rateCount: 0,
  ratePeriod: 1,
  isPaused: false,
  isPinnedParallelism: false,
  isPinnedRate: false,
};

describe("a key", () => {
  test("is there once a message has named it, with all of its fields", async () => {
    const { host } = client.world;
    for (let index = 0; index < 3; index++) await publish("k", "parallelism=1, rate=9, period=60s");
    const shown = {
      ...nothing,
      flowControlKey: "k",
      waitListSize: 2,
      waitlistSize: 2,
      parallelismMax: 1,
      parallelismCount: 1,
      rateMax: 9,
      rateCount: 1,
      ratePeriod: 60,
      ratePeriodStart: Math.floor(host.now() / 1_000),
    };
    expect(await get("k")).toEqual(shown);
    await host.advance(61_000);
    const period = { rateCount: 0, ratePeriodStart: shown.ratePeriodStart + 60 };
    expect(await get("k")).toEqual({ ...shown, ...period });
  });

  test("may have slashes, blanks and words of actions in its name", async () => {
    for (const key of ["k/1 x", "a/pause", "reset", "100%", "ключ", "//"]) {
      const path = encodeURIComponent(key).replaceAll("%2F", "/");
      await post(`${path}/pin?parallelism=3`);
      expect(await get(path)).toMatchObject({ flowControlKey: key, parallelismMax: 3 });
    }
    await publish("k/1 x", "rate=2");
    expect(await get("k/1%20x")).toMatchObject({ parallelismMax: 3, rateMax: 2 });
    // Only once: what comes out may look like an encoding.
    await post("a%2520b/pin?rate=1");
    expect(await get("a%2520b")).toMatchObject({ flowControlKey: "a%20b" });
  });

  test("is listed, all of them or those whose name has a part", async () => {
    for (const key of ["orders-1", "orders-2", "mails"]) await publish(key, "rate=1");
    const keysOf = async (target: string) => {
      // A list of objects; what they have is tested above.
      const list = (await client.send("GET", target)).json as { flowControlKey: string }[];
      return list.map(({ flowControlKey }) => flowControlKey);
    };
    expect(await keysOf("/v2/flowControl")).toEqual(["orders-1", "orders-2", "mails"]);
    expect(await keysOf("/v2/FlowControl/")).toEqual(["orders-1", "orders-2", "mails"]);
    expect(await keysOf("/v2/flowControl?search=ders-")).toEqual(["orders-1", "orders-2"]);
    expect(await keysOf("/v2/flowControl?search=none")).toEqual([]);
  });

  test("is paused and resumed", async () => {
    const { world } = client;
    await post("k/pause");
    await publish("k", "parallelism=2");
    expect(await get("k")).toMatchObject({ isPaused: true, waitListSize: 1 });
    expect(answers).toHaveLength(0);
    await post("k/Resume");
    await world.until(async () => answers.length === 1);
    expect(await get("k")).toMatchObject({ isPaused: false, waitListSize: 0, parallelismCount: 1 });
  });

  test("is pinned and unpinned, one field at a time", async () => {
    await post("k/pin?parallelism=3&rate=20&period=120");
    await publish("k", "parallelism=7, rate=8, period=9");
    const pinned = { parallelismMax: 3, rateMax: 20, ratePeriod: 120 };
    const both = { isPinnedParallelism: true, isPinnedRate: true };
    expect(await get("k")).toMatchObject({ ...pinned, ...both });
    await post("k/unpin");
    expect(await get("k")).toMatchObject({ ...pinned, ...both });
    await post("k/unpin?parallelism=true");
    expect(await get("k")).toMatchObject({ ...pinned, ...both, isPinnedParallelism: false });
    await publish("k", "parallelism=7, rate=8, period=9");
    expect(await get("k")).toMatchObject({ ...pinned, parallelismMax: 7 });
    await post("k/unpin?parallelism=false&rate=True");
    await publish("k", "rate=8, period=9");
    const limits = { parallelismMax: 0, rateMax: 8, ratePeriod: 9 };
    expect(await get("k")).toMatchObject({ ...limits, isPinnedRate: false });
  });

  test.each(["resetRate", "reset", "resetrate"])(
    "begins a new period by %s, which does not forget attempts in flight",
    async (action) => {
      const { host } = client.world;
      await publish("k", "parallelism=5, rate=5, period=1h");
      await host.advance(5_000);
      await post(`k/${action}`);
      expect(await get("k")).toMatchObject({
        parallelismCount: 1,
        rateCount: 0,
        ratePeriodStart: Math.floor(host.now() / 1_000),
      });
    },
  );
});

test("actions on a key that nobody has named answer 200, and only a pause or a pin makes it", async () => {
  for (const action of ["resume", "unpin?rate=true", "resetRate", "reset"]) {
    await post(`new/${action}`);
    expect(await client.send("GET", "/v2/flowControl/new")).toMatchObject({
      status: 404,
      json: { code: "flow_control_not_found" },
    });
  }
  await post("new/pause");
  expect(await get("new")).toMatchObject({ ...nothing, isPaused: true });
});

test.each([
  ["POST", "/v2/flowControl/k", 404],
  ["POST", "/v2/flowControl/k/stop", 404],
  ["POST", "/v2/flowControl/pause", 400],
  ["POST", "/v2/flowControl//pause", 400],
  ["POST", `/v2/flowControl/${"k".repeat(257)}/pause`, 400],
  ["POST", "/v2/flowControl/k/pin", 400],
  ["POST", "/v2/flowControl/k/pin?parallelism=0", 400],
  ["POST", "/v2/flowControl/k/pin?rate=x", 400],
  ["POST", "/v2/flowControl/k/pin?rate=1&period=0", 400],
  ["POST", "/v2/flowControl/k/pin?rate=1&period=604801", 400],
  ["POST", "/v2/flowControl/k/pin?period=5", 400],
  ["POST", "/v2/flowControl/k/unpin?rate=yes", 400],
  ["POST", "/v2/flowControl/%ff/pause", 400],
  ["DELETE", "/v2/flowControl/k", 405],
])("%s %s answers %i and changes nothing", async (method, target, status) => {
  expect(await client.send(method, target)).toMatchObject({ status });
  expect((await client.send("GET", "/v2/flowControl")).json).toEqual([]);
});

test("the global parallelism counts attempts in flight", async () => {
  const { world } = client;
  const show = async () => (await client.send("GET", "/v2/globalParallelism")).json;
  expect(await show()).toEqual({ parallelismMax: 2_000, parallelismCount: 0 });
  for (let index = 0; index < 3; index++) await publish("k", "parallelism=2");
  await world.until(async () => answers.length === 2);
  expect(await show()).toEqual({ parallelismMax: 2_000, parallelismCount: 2 });
  answers.shift()?.(respond(200));
  answers.shift()?.(respond(200));
  await world.until(async () => answers.length === 1);
  expect(await show()).toEqual({ parallelismMax: 2_000, parallelismCount: 1 });
});
