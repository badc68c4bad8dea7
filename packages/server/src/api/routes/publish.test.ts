import { beforeEach, describe, expect, test } from "vitest";
import { type Client, initHeaders, openClient, stepItem } from "./api-client.suite.ts";

let client: Client;

beforeEach(async () => {
  client = await openClient();
  client.world.host.app = () => new Promise(() => {});
});

const publish = (target: string, headers: Readonly<Record<string, string>>, body = "{}") =>
  client.send("POST", `/v2/publish/${target}`, { headers, body });

async function urlOf(runId: string) {
  const [run] = await client.world.store.find("runs", "byId", [[runId]]);
  return run?.url;
}

describe("starting a run", () => {
  test("answers with one object", async () => {
    const answer = await publish("https://app.test/api/order", initHeaders("wfr_a"));
    expect(answer.status).toBe(200);
    expect(answer.json).toEqual({
      messageId: expect.stringMatching(/^msg_/),
      workflowRunId: "wfr_a",
      workflowCreatedAt: client.world.host.now(),
    });
  });

  test.each([
    ["https://app.test/a/../b//c?x=1&y=%2F", "https://app.test/a/../b//c?x=1&y=%2F"],
    ["https:/app.test/collapsed", "https://app.test/collapsed"],
    ["https%3A%2F%2Fapp.test%2Fencoded", "https://app.test/encoded"],
    ["https://app.test/x?a=1&qstash_token=t&upstash-retries=7", "https://app.test/x?a=1"],
    ["https://app.test/x?qstash_token=t", "https://app.test/x"],
  ])("takes the destination %s byte for byte", async (target, url) => {
    expect(
      (await publish(target, { ...initHeaders("wfr_a"), authorization: "Bearer t" })).status,
    ).toBe(200);
    expect(await urlOf("wfr_a")).toBe(url);
  });

  test("takes settings from the query, and a header wins over them", async () => {
    const target = "https://app.test/x?upstash-retries=7&upstash-label=query";
    await publish(target, { ...initHeaders("wfr_a"), "upstash-label": "header" });
    const [run] = await client.world.store.find("runs", "byId", [["wfr_a"]]);
    const [row] = await client.world.store.get("runConfigs", [run?.key ?? 0]);
    expect(JSON.parse(row?.config ?? "")).toMatchObject({ retries: 7, labels: ["header"] });
  });

  test.each([
    "",
    "app.test/x",
    "ftp://app.test/x",
    "https://",
    "https://a b/",
    "https://u:p@app.test/",
  ])("refuses the destination %j with 400", async (target) => {
    expect(await publish(target, initHeaders("wfr_a"))).toMatchObject({ status: 400 });
    expect(await urlOf("wfr_a")).toBeUndefined();
  });
});

describe("submitting a record", () => {
  const { headers, body } = stepItem("wfr_a", { stepId: 1 });
  const flat = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, String(value)]),
  );

  beforeEach(() => publish("https://app.test/api/order", initHeaders("wfr_a")));

  test("answers with the message", async () => {
    expect(await publish("https://app.test/api/order", flat, body)).toMatchObject({
      status: 200,
      json: { messageId: expect.stringMatching(/^msg_/) },
    });
  });

  test("with any fault is answered with 412, never with 400 while the run lives", async () => {
    for (const [target, record] of [
      ["ftp://app.test", body],
      ["https://app.test/api/order", "{"],
      ["https://app.test/api/order?upstash-delay=soon", body],
    ] as const) {
      expect((await publish(target, flat, record)).status).toBe(412);
    }
    const large = "x".repeat(1_000_001);
    const length = { "content-length": String(large.length) };
    expect(
      (await publish("https://app.test/api/order", { ...flat, ...length }, large)).status,
    ).toBe(412);
  });

  test("to an ended run is answered with 400", async () => {
    await client.send("DELETE", "/v2/workflows/runs/wfr_a");
    expect(await publish("https://app.test/api/order", flat, body)).toMatchObject({
      status: 400,
      json: { code: "run_ended" },
    });
  });
});
