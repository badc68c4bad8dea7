import { beforeEach, describe, expect, test } from "vitest";
import { type Client, initItem, openClient, stepItem } from "./api-client.suite.ts";

let client: Client;

beforeEach(async () => {
  client = await openClient();
  client.world.host.app = () => new Promise(() => {});
  const items = [initItem("wfr_a"), stepItem("wfr_a", { stepId: 1 })];
  await client.send("POST", "/v2/batch", { body: JSON.stringify(items) });
});

const PATH = "/v2/workflows/runs/wfr_a";

async function stateOf() {
  const [run] = await client.world.store.find("runs", "byId", [["wfr_a"]]);
  return run;
}

describe("the list of a run, for an SDK that fetches it", () => {
  test("is whole, with the bytes of each record", async () => {
    const answer = await client.send("GET", PATH);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-type")).toBe("application/json");
    const messageId = expect.stringMatching(/^msg_/);
    expect(answer.json).toEqual([
      { messageId, body: btoa('{"order":7}'), callType: "step" },
      { messageId, body: btoa(stepItem("wfr_a", { stepId: 1 }).body), callType: "step" },
    ]);
  });

  test("is gone when the run has ended, and was never there for another id", async () => {
    await client.send("DELETE", PATH);
    for (const path of [PATH, "/v2/workflows/runs/wfr_b"]) {
      expect(await client.send("GET", path)).toMatchObject({
        status: 404,
        json: { code: "run_not_found" },
      });
    }
  });
});

describe("finishing", () => {
  test("keeps what the route function returned and answers with nothing", async () => {
    const answer = await client.send("DELETE", `${PATH}?cancel=false`, { body: '{"ok":true}' });
    expect(answer).toMatchObject({ status: 200, text: "" });
    const run = await stateOf();
    expect(run).toMatchObject({ state: "succeeded", completedAt: client.world.host.now() });
    expect(new TextDecoder().decode(run?.response ?? undefined)).toBe('{"ok":true}');
  });

  test("without a body keeps nothing", async () => {
    await client.send("DELETE", `${PATH}?cancel=false`);
    expect(await stateOf()).toMatchObject({ state: "succeeded", response: null });
  });

  test("again, or of a run that never was, is no error", async () => {
    await client.send("DELETE", `${PATH}?cancel=false`, { body: "1" });
    await client.send("DELETE", `${PATH}?cancel=false`, { body: "2" });
    expect(new TextDecoder().decode((await stateOf())?.response ?? undefined)).toBe("1");
    expect((await client.send("DELETE", "/v2/workflows/runs/wfr_b?cancel=false")).status).toBe(200);
  });
});

describe("cancelling", () => {
  test.each([PATH, `${PATH}?cancel=true`])("with %s ends the run", async (target) => {
    expect(await client.send("DELETE", target)).toMatchObject({ status: 200, text: "" });
    expect(await stateOf()).toMatchObject({ state: "canceled" });
  });

  test("what is not alive is answered with 404", async () => {
    await client.send("DELETE", PATH);
    expect(await client.send("DELETE", PATH)).toMatchObject({
      status: 404,
      json: { code: "run_not_found" },
    });
  });

  test("asked for in another way changes nothing", async () => {
    const answer = await client.send("DELETE", `${PATH}?cancel=maybe`);
    expect(answer).toMatchObject({
      status: 400,
      json: { code: "invalid_query", error: "cancel must be true or false, got maybe" },
    });
    expect(await stateOf()).toMatchObject({ state: "started" });
  });
});

test("an id that cannot be one is answered with 400", async () => {
  expect(await client.send("GET", "/v2/workflows/runs/a%20b")).toMatchObject({
    status: 400,
    json: { code: "invalid_run_id" },
  });
});
