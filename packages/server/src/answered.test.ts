import { describe, expect, test } from "vitest";
import { openFastWorld, plan, result } from "./fast-app.suite.ts";

/** What an app submits with its answer to a delivery. See docs/fast-modes.md#answered. */

const NO_FEATURES = { "upstash-feature-set": "WF_TriggerOnConfig" };

describe("an answer", () => {
  test("submits a step, and the next delivery carries it byte by byte", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    const first = await world.delivery(1);
    expect(first.offer).toBe("v=1; hold=1; retries=3");
    const line = '{ "stepId":1, "stepName":"é", "stepType":"Run", "out":"1", "concurrent":1 }';
    first.submit([line]);
    const second = await world.delivery(2);
    expect(second.list).toEqual(["payload", line]);
    expect(second.headers["upstash-workflow-sdk-version"]).toBe("1");
    second.submit([{ finish: { response: '"bye"' } }]);
    const run = await world.runIn("RUN_SUCCESS", "wfr_a");
    expect(run.workflowRunResponse).toBe('"bye"');
    expect(world.app.deliveries).toHaveLength(2);
  });

  test("without the field is an answer of the public wire, whatever its body says", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    (await world.delivery(1)).answer(200, JSON.stringify(result(1)));
    await world.call("POST", "/v2/batch", {
      body: JSON.stringify([world.item("wfr_a", result(1))]),
    });
    expect((await world.delivery(2)).list).toHaveLength(2);
    expect(await world.records("wfr_a")).toHaveLength(2);
  });

  test("that leaves the version open which the app does not know submits nothing", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    (await world.delivery(1)).submit([result(1)], "v=2");
    await world.restart();
    expect(await world.records("wfr_a")).toEqual(["payload"]);
  });

  test("ends a group whose plans and results come together with one delivery", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    const group = { concurrent: 2 };
    const lines = [plan(1, 2), plan(2, 2), result(1, group), result(2, group)];
    (await world.delivery(1)).submit(lines);
    const second = await world.delivery(2);
    expect(second.list).toEqual(["payload", ...lines.map((line) => JSON.stringify(line))]);
    second.submit([result(3)]);
    (await world.delivery(3)).submit([{ finish: {} }]);
    await world.runIn("RUN_SUCCESS", "wfr_a");
    expect(world.app.deliveries).toHaveLength(3);
  });

  test("leaves the branches to others that it has only planned", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    const group = { concurrent: 3 };
    const lines = [plan(1, 3), plan(2, 3), plan(3, 3), result(2, group)];
    (await world.delivery(1)).submit(lines);
    const branches = [await world.delivery(2), await world.delivery(3)];
    const planned = branches.map(({ list }) => JSON.parse(list.at(-1) ?? "").targetStep);
    expect(planned.toSorted()).toEqual([1, 3]);
    branches[0]?.submit([result(planned[0], group)]);
    (await world.delivery(4)).submit([]);
    branches[1]?.submit([result(planned[1], group)]);
    const whole = await world.delivery(5);
    expect(whole.list).toHaveLength(7);
    whole.submit([{ finish: {} }]);
    await world.runIn("RUN_SUCCESS", "wfr_a");
  });

  test("asks a service, waits for an event and sleeps like the requests of the public wire", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    const headers = { "Upstash-Workflow-Init": "false", "Upstash-Workflow-RunId": "wfr_a" };
    (await world.delivery(1)).submit([
      {
        wait: {
          eventId: "paid",
          headers,
          body: {
            url: world.app.url,
            timeout: "1h",
            step: { ...result(1), stepType: "Wait", waitEventId: "paid" },
          },
        },
      },
    ]);
    const waiting = () => world.call("GET", "/v2/waiters/paid");
    while (JSON.stringify((await waiting()).body) === "[]");
    await world.call("POST", "/v2/notify/paid", { body: "now" });
    const second = await world.delivery(2);
    expect(JSON.parse(second.list[1] ?? "")).toMatchObject({ stepId: 1, stepType: "Wait" });
    second.submit([result(2, { stepType: "SleepFor", sleepFor: 3_600 })]);
    const shown = async () => JSON.stringify(await world.runIn("RUN_STARTED", "wfr_a"));
    await expect.poll(shown).toMatch(/"stepName":"s2".*"nextDeliveryTime":\d+/);
  });
});

describe("an answer that is refused", () => {
  test("because the run has ended changes nothing, and the attempt is over", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    const { submit } = await world.delivery(1);
    await world.call("DELETE", "/v2/workflows/runs/wfr_a");
    submit([result(1)]);
    const run = await world.runIn("RUN_CANCELED", "wfr_a");
    await world.settled();
    expect(run.workflowRunId).toBe("wfr_a");
    expect(await world.deadLetters()).toEqual([]);
    expect(world.app.deliveries).toHaveLength(1);
  });

  test.each([
    ["a bad line", [result(1), { stepId: 2 }], "line 2: stepName of a step must be"],
    ["no JSON", ["<html>"], "line 1: a line must be valid JSON"],
    ["a step that does not follow", [result(9)], "step 9 does not continue workflow run wfr_a"],
  ])("for %s fails the run at once, and the dead letter says why", async (_, lines, reason) => {
    const world = await openFastWorld();
    await world.trigger("wfr_a", NO_FEATURES);
    (await world.delivery(1)).submit(lines);
    await world.runIn("RUN_FAILED", "wfr_a");
    const [letter] = await world.deadLetters();
    expect(letter).toMatchObject({ responseStatus: 200 });
    expect(JSON.stringify(letter)).toContain(reason);
    expect(world.app.deliveries).toHaveLength(1);
  });

  test("for its length says so", async () => {
    const world = await openFastWorld({}, { limits: { responseBytesMax: 10 } });
    await world.trigger("wfr_a", NO_FEATURES);
    (await world.delivery(1)).submit([result(1, { out: "x".repeat(22 * 1024 * 1024) })]);
    await world.runIn("RUN_FAILED", "wfr_a");
    expect(JSON.stringify(await world.deadLetters())).toContain("submit long results by a request");
  });
});
