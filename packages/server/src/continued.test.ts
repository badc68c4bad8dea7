import { describe, expect, test } from "vitest";
import { type Called, type Held, openFastWorld, plan, result } from "./fast-app.suite.ts";

/** What a running invocation submits while it goes on. See docs/fast-modes.md#continued. */

/** What an acknowledgement makes the app hold. */
function heldBy({ status, body }: Called): Held {
  expect({ status, body }).toEqual({
    status: 200,
    body: { messageId: expect.stringMatching(/^msg_/), hold: expect.any(Number), retries: 3 },
  });
  return { messageId: String(body.messageId), hold: Number(body.hold) };
}

const stopped = (reason: string) => ({ status: 200, body: { stop: true, reason } });
const LOST = stopped("the invocation does not hold the message any more");
const OTHERS = stopped("other deliveries bring the run on");

async function begin(runId = "wfr_a") {
  const world = await openFastWorld();
  await world.trigger(runId);
  return { world, first: await world.delivery(1) };
}

describe("an invocation that goes on", () => {
  test("holds the next message with each step, and one delivery does it all", async () => {
    const { world, first } = await begin();
    const one = heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
    expect(one.messageId).not.toBe(first.held.messageId);
    const two = heldBy(await world.proceed("wfr_a", one, [result(2)]));
    first.submit([result(3)]);
    const next = await world.delivery(2);
    expect(next.list).toHaveLength(4);
    expect(next.held.messageId).not.toBe(two.messageId);
    next.submit([{ finish: {} }]);
    await world.runIn("RUN_SUCCESS", "wfr_a");
    expect(world.app.deliveries).toHaveLength(2);
  });

  test("may end the run itself", async () => {
    const { world, first } = await begin();
    const one = heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
    expect(await world.proceed("wfr_a", one, [{ finish: { response: "1" } }])).toEqual(OTHERS);
    first.submit([]);
    const run = await world.runIn("RUN_SUCCESS", "wfr_a");
    expect(run.workflowRunResponse).toBe("1");
  });

  test("runs a group within itself", async () => {
    const { world, first } = await begin();
    const group = { concurrent: 2 };
    const lines = [plan(1, 2), plan(2, 2), result(1, group), result(2, group)];
    const held = heldBy(await world.proceed("wfr_a", first.held, lines));
    heldBy(await world.proceed("wfr_a", held, [result(3)]));
    expect(await world.records("wfr_a")).toHaveLength(6);
    expect(world.app.deliveries).toHaveLength(1);
  });

  test("that loses an answer and asks again is told the same, and the step is recorded once", async () => {
    const { world, first } = await begin();
    const one = heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
    expect(heldBy(await world.proceed("wfr_a", first.held, [result(1)]))).toEqual(one);
    const two = heldBy(await world.proceed("wfr_a", one, [result(2)]));
    // What it held before the last time is past.
    expect(await world.proceed("wfr_a", first.held, [result(1)])).toEqual(
      stopped("the step had been recorded already"),
    );
    heldBy(await world.proceed("wfr_a", two, [result(3)]));
    expect(await world.records("wfr_a")).toHaveLength(4);
  });

  test("that is asked twice at the same time goes on once", async () => {
    const { world, first } = await begin();
    const answers = await Promise.all(
      [1, 2, 3].map(() => world.proceed("wfr_a", first.held, [result(1)])),
    );
    const held = answers.map(heldBy);
    expect(new Set(held.map(({ messageId }) => messageId)).size).toBe(1);
    expect(await world.records("wfr_a")).toHaveLength(2);
    expect(world.app.deliveries).toHaveLength(1);
  });

  test("fails with the message that it holds, and is tried again from there", async () => {
    const { world, first } = await begin();
    const one = heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
    heldBy(await world.proceed("wfr_a", one, [result(2)]));
    first.answer(500, "no", { "retry-after": "0" });
    const second = await world.delivery(2);
    expect(second.list).toHaveLength(3);
    expect(second.headers["upstash-retried"]).toBe("1");
    expect(second.held.hold).toBe(2);
    heldBy(await world.proceed("wfr_a", second.held, [result(3)]));
  });

  test("is told by its error how many retries the step has", async () => {
    const { world, first } = await begin();
    const one = heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
    heldBy(await world.proceed("wfr_a", one, [result(2)]));
    first.answer(500, "no", { "reprise-answer": "v=1; retries=0" });
    await world.runIn("RUN_FAILED", "wfr_a");
    expect(world.app.deliveries).toHaveLength(1);
    const [letter] = await world.deadLetters();
    await world.call("POST", `/v2/workflows/dlq/resume/${letter?.dlqId}`);
    const second = await world.delivery(2);
    expect(second.list).toHaveLength(3);
    const runId = String(second.headers["upstash-workflow-runid"]);
    heldBy(await world.proceed(runId, second.held, [result(3)]));
  });
});

describe("the server says stop", () => {
  test.each([
    [
      "a sleep",
      [result(1, { stepType: "SleepFor", sleepFor: 60 })],
      "the next delivery does not begin now",
    ],
    ["plans", [plan(1, 2), plan(2, 2)], OTHERS.body.reason],
    ["a group in part", [plan(1, 2), plan(2, 2), result(1, { concurrent: 2 })], OTHERS.body.reason],
    ["a finish", [{ finish: {} }], OTHERS.body.reason],
  ])("behind %s", async (_, lines, reason) => {
    const { world, first } = await begin();
    expect(await world.proceed("wfr_a", first.held, lines)).toEqual(stopped(reason));
  });

  test("when the invocation has ended, and what it submits is recorded and delivered", async () => {
    const { world, first } = await begin();
    first.submit([]);
    await expect.poll(() => world.runIn("RUN_STARTED", "wfr_a")).toMatchObject({ isStuck: true });
    expect(await world.proceed("wfr_a", first.held, [result(1)])).toEqual(LOST);
    expect((await world.delivery(2)).list).toHaveLength(2);
  });

  test("under a hold that nobody has", async () => {
    const { world, first } = await begin();
    const wrong = { ...first.held, hold: 7 };
    expect(await world.proceed("wfr_a", wrong, [result(1)])).toEqual(LOST);
    const unknown = { messageId: (await world.delivery(2)).held.messageId, hold: 9 };
    expect(await world.proceed("wfr_a", unknown, [result(2)])).toEqual(LOST);
    expect((await world.delivery(3)).list).toHaveLength(3);
  });

  test("behind a branch, whose invocation does not know what the others have recorded", async () => {
    const { world, first } = await begin();
    expect(await world.proceed("wfr_a", first.held, [plan(1, 2), plan(2, 2)])).toEqual(OTHERS);
    first.submit([]);
    for (const branch of [await world.delivery(2), await world.delivery(3)]) {
      const { targetStep } = JSON.parse(branch.list.at(-1) ?? "");
      const line = result(targetStep, { concurrent: 2 });
      expect(await world.proceed("wfr_a", branch.held, [line])).toEqual(OTHERS);
      branch.submit([]);
    }
    const lists = [(await world.delivery(4)).list.length, (await world.delivery(5)).list.length];
    expect(lists.toSorted()).toEqual([4, 5]);
  });

  test("when another invocation has recorded the step", async () => {
    const { world, first } = await begin();
    const items = JSON.stringify([world.item("wfr_a", result(1))]);
    await world.call("POST", "/v2/batch", { body: items });
    const again = await world.proceed("wfr_a", first.held, [result(1)]);
    expect(again).toEqual(stopped("the step had been recorded already"));
    expect((await world.delivery(2)).list).toHaveLength(2);
  });
});

describe("a submission that is refused", () => {
  test("with 400 when the run has ended", async () => {
    const { world, first } = await begin();
    const one = heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
    await world.call("DELETE", "/v2/workflows/runs/wfr_a");
    const { status, body } = await world.proceed("wfr_a", one, [result(2)]);
    expect([status, body.code]).toEqual([400, "run_ended"]);
    first.submit([]);
    await world.runIn("RUN_CANCELED", "wfr_a");
  });

  test.each([
    ["a bad line", {}, ["{}"], "line 1: must be a step record"],
    ["no line", {}, [], "a submission must have a line"],
    ["no message", { messageId: "msg" }, [result(1)], "Upstash-Message-Id must be"],
    ["no hold", { hold: Number.NaN }, [result(1)], "Reprise-Hold must be"],
  ])("with 412 for %s", async (_, hold, lines, message) => {
    const { world, first } = await begin();
    const { status, body } = await world.proceed("wfr_a", { ...first.held, ...hold }, lines);
    expect([status, body.error]).toEqual([412, expect.stringContaining(message)]);
    // Nothing has changed: the invocation may go on.
    heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
  });

  test("for a run of another id", async () => {
    const { world, first } = await begin();
    await world.trigger("wfr_b");
    await world.delivery(2);
    const { status } = await world.proceed("wfr_b", first.held, [result(1)]);
    expect(status).toBe(400);
    expect(await world.records("wfr_b")).toEqual(["payload"]);
  });

  test("with a token that may not send", async () => {
    const { world, first } = await begin();
    const { body } = await world.call("POST", "/v2/tokens", {
      body: JSON.stringify({ name: "reader", scope: "read-only" }),
    });
    const answer = await world.call("POST", "/v2/workflows/runs/wfr_a/steps", {
      body: JSON.stringify(result(1)),
      headers: {
        authorization: `Bearer ${body.token}`,
        "upstash-message-id": first.held.messageId,
        "reprise-hold": "1",
      },
    });
    expect(answer.status).toBeGreaterThanOrEqual(401);
    expect(await world.records("wfr_a")).toEqual(["payload"]);
  });
});

describe("a server that goes away", () => {
  test("delivers the message again that an invocation held", async () => {
    const { world, first } = await begin();
    const one = heldBy(await world.proceed("wfr_a", first.held, [result(1)]));
    await world.restart();
    const second = await world.delivery(2);
    expect(second.list).toHaveLength(2);
    expect(second.held).toEqual({ messageId: one.messageId, hold: 2 });
    // The first invocation goes on alone; what it has done counts, and the other one is told.
    expect(await world.proceed("wfr_a", one, [result(2)])).toEqual(LOST);
    expect(await world.proceed("wfr_a", second.held, [result(2)])).toEqual(
      stopped("the step had been recorded already"),
    );
    expect((await world.delivery(3)).list).toHaveLength(3);
  });
});
