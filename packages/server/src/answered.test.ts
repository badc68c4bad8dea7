import { describe, expect, test } from "vitest";
import { openFastWorld, result } from "./fast-app.suite.ts";

/** What an app submits with its answer to a delivery. See docs/fast-modes.md#answered. */

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
});

describe("an invocation that goes on", () => {
  test("holds the next message with each step, and one delivery does it all", async () => {
    const world = await openFastWorld();
    await world.trigger("wfr_a");
    const { held, submit } = await world.delivery(1);
    const one = await world.proceed("wfr_a", held, [result(1)]);
    expect(one).toEqual({
      status: 200,
      body: { messageId: expect.stringMatching(/^msg_/), hold: 1, retries: 3 },
    });
    const two = await world.proceed("wfr_a", one.body as never, [result(2)]);
    expect(two.body).toMatchObject({ hold: 1 });
    submit([result(3)]);
    const next = await world.delivery(2);
    expect(next.list).toHaveLength(4);
    next.submit([{ finish: {} }]);
    await world.runIn("RUN_SUCCESS", "wfr_a");
  });
});
