import { describe, expect, test } from "vitest";
import type { Heard, RawApp } from "./connected-app.suite.ts";
import { createConnectedWorld, SDK_HEADERS, until } from "./connected-world.suite.ts";

/** Runs whose steps are submitted over the connection, by an app that goes on. */

const world = createConnectedWorld();
const URL = "http://shop.connected.alt/order";

const record = (stepId: number, own: object = {}) =>
  JSON.stringify({
    stepId,
    stepName: `step ${stepId}`,
    stepType: "Run",
    out: '"ok"',
    concurrent: 1,
    ...own,
  });
const finish = (response?: string) =>
  JSON.stringify({ finish: response === undefined ? {} : { response } });

const submit = (app: RawApp, { deliver }: Heard, ...lines: readonly string[]) =>
  app.say({ submit: deliver, lines: lines.length }, ...lines);

const end = (app: RawApp, { deliver }: Heard, own: object = {}) =>
  app.say({ end: deliver, status: 200, headers: SDK_HEADERS, ...own });

const listOf = ({ body }: Heard): readonly unknown[] => JSON.parse(body);

const succeeded = (runId: string) =>
  until(async () => {
    const run = await world.run(runId);
    return run?.workflowState === "RUN_SUCCESS" ? run : null;
  });

const stepNames = async (runId: string) => {
  const run = await world.run(runId);
  return run?.steps.flatMap(({ steps }) => steps.flatMap(({ stepName }) => stepName ?? []));
};

/** Starts a run and gives its first delivery. */
async function begin(app: RawApp, runId = "wfr_a", headers = {}): Promise<Heard> {
  await world.trigger(URL, runId, headers);
  return app.nextWith("deliver");
}

describe("an app that goes on", () => {
  test("does a whole run within one delivery", async () => {
    await world.start();
    const app = await world.connect();
    const delivery = await begin(app);
    expect(delivery.headers?.["reprise-delivery"]).toBe("v=1; hold=1; retries=3");
    for (const stepId of [1, 2, 3]) {
      submit(app, delivery, record(stepId));
      expect(await app.next()).toMatchObject({ ack: 1, hold: 1, retries: 3 });
    }
    submit(app, delivery, finish('"done"'));
    expect(await app.next()).toMatchObject({ ack: 1, stop: true });
    end(app, delivery);
    const run = await succeeded("wfr_a");
    expect(run.workflowRunResponse).toBe('"done"');
    expect(await stepNames("wfr_a")).toEqual(["init", "step 1", "step 2", "step 3"]);
    expect(app.heard.filter((message) => "deliver" in message)).toHaveLength(1);
  });

  test("may submit ahead: the acknowledgements come in order", async () => {
    await world.start();
    const app = await world.connect();
    const delivery = await begin(app);
    for (const stepId of [1, 2, 3]) submit(app, delivery, record(stepId));
    submit(app, delivery, finish());
    end(app, delivery);
    for (const _ of [1, 2, 3]) expect(await app.next()).toMatchObject({ ack: 1, hold: 1 });
    expect(await app.next()).toMatchObject({ ack: 1, stop: true });
    await succeeded("wfr_a");
  });

  test("is told why its lines are refused, and may answer with them as over HTTP", async () => {
    await world.start();
    const app = await world.connect();
    const delivery = await begin(app);
    submit(app, delivery, '{"stepId":"one"}');
    const refused = await app.next();
    expect(refused).toMatchObject({ ack: 1, status: 412 });
    submit(app, delivery, "nonsense");
    expect(await app.next()).toMatchObject({ ack: 1, status: 412 });
    submit(app, delivery, record(1));
    expect(await app.next()).toMatchObject({ ack: 1, hold: 1 });
    const answer = { ...SDK_HEADERS, "Reprise-Answer": "v=1" };
    app.say({ end: 1, status: 200, headers: answer, lines: 2 }, record(2), finish());
    await succeeded("wfr_a");
    expect(await stepNames("wfr_a")).toEqual(["init", "step 1", "step 2"]);
  });

  test("stops at a sleep, and is delivered the rest", async () => {
    await world.start();
    const app = await world.connect();
    const delivery = await begin(app);
    submit(app, delivery, record(1, { stepType: "SleepFor", sleepFor: 1, out: undefined }));
    expect(await app.next()).toMatchObject({ ack: 1, stop: true });
    end(app, delivery);
    const next = await app.nextWith("deliver");
    expect(listOf(next)).toHaveLength(2);
  });

  test("speaks to the message that it holds when it fails", async () => {
    await world.start();
    const app = await world.connect();
    const delivery = await begin(app, "wfr_a", { "upstash-retries": "1" });
    submit(app, delivery, record(1));
    await app.next();
    app.say({ end: 1, status: 500, headers: { ...SDK_HEADERS, "retry-after": "0" }, body: "boom" });
    const again = await app.nextWith("deliver");
    expect(again.headers).toMatchObject({ "upstash-retried": "1" });
    expect(listOf(again)).toHaveLength(2);
    expect(again.headers?.["upstash-message-id"]).not.toBe(
      delivery.headers?.["upstash-message-id"],
    );
  });
});

describe("an app whose connection is lost", () => {
  test("is taken over by another process at the step that is not recorded", async () => {
    await world.start();
    const first = await world.connect();
    const delivery = await begin(first);
    submit(first, delivery, record(1));
    await first.next();
    const second = await world.connect();
    first.close();
    const next = await second.nextWith("deliver");
    expect(listOf(next)).toHaveLength(2);
    expect(next.headers).toMatchObject({ "upstash-retried": "1" });
    submit(second, next, record(2));
    expect(await second.next()).toMatchObject({ ack: 1, hold: expect.any(Number) });
    submit(second, next, finish());
    end(second, next);
    await succeeded("wfr_a");
    expect(await stepNames("wfr_a")).toEqual(["init", "step 1", "step 2"]);
  });

  test("with a submission under way has it recorded once", async () => {
    await world.start();
    const first = await world.connect();
    const delivery = await begin(first);
    submit(first, delivery, record(1));
    first.close();
    await first.closed;
    const second = await world.connect();
    const next = await second.nextWith("deliver");
    submit(second, next, record(1));
    const ack = await second.nextWith("ack");
    // Recorded by the first, or by the second: never by both.
    expect(listOf(next).length === 1 ? ack.hold : ack.stop).toBeTruthy();
    expect(await stepNames("wfr_a")).toEqual(["init", "step 1"]);
  });

  test("has a dead letter after its retries, which says that it was disconnected", async () => {
    await world.start();
    await world.trigger(URL, "wfr_a", { "upstash-retries": "0" });
    const app = await world.connect();
    await app.nextWith("deliver");
    app.close();
    const dead = await until(async () => {
      const { body } = await world.call("GET", "/v2/workflows/dlq");
      return body.messages[0];
    });
    expect(dead).toMatchObject({ workflowRunId: "wfr_a" });
    expect(JSON.stringify(dead)).toContain("the connection of the app shop was lost");
  });
});

describe("a service that is a connected app", () => {
  test("is asked by a run, and goes on when the run is cancelled meanwhile", async () => {
    await world.start();
    const app = await world.connect();
    const service = await world.connect({ app: "service" });
    const delivery = await begin(app);
    const call = {
      destination: "http://service.connected.alt/ask",
      headers: {
        "upstash-workflow-runid": "wfr_a",
        "upstash-workflow-calltype": "toCallback",
        "upstash-callback": URL,
        "upstash-callback-workflow-runid": "wfr_a",
        "upstash-callback-workflow-calltype": "fromCallback",
        "upstash-callback-forward-upstash-workflow-callback": "true",
        "upstash-callback-forward-upstash-workflow-stepid": "1",
        "upstash-callback-forward-upstash-workflow-stepname": "ask",
        "upstash-callback-forward-upstash-workflow-steptype": "Call",
        "upstash-callback-forward-upstash-workflow-concurrent": "1",
        "upstash-workflow-init": "false",
        "upstash-workflow-url": URL,
      },
      body: "question",
    };
    submit(app, delivery, JSON.stringify({ call }));
    expect(await app.next()).toMatchObject({ ack: 1, stop: true });
    const asked = await service.nextWith("deliver");
    expect(asked).toMatchObject({ path: "/ask", body: "question" });
    await world.call("DELETE", "/v2/workflows/runs/wfr_a");
    expect(await app.next()).toMatchObject({ abort: 1 });
    // It serves whoever waits for it, whatever has become of the run; and it has no steps of the run to submit.
    service.say({ ping: 1 });
    expect(await service.next()).toMatchObject({ pong: 1 });
    submit(service, asked, record(2));
    expect(await service.next()).toMatchObject({ ack: asked.deliver, stop: true });
  });
});

describe("an app that wants to stop", () => {
  test("is not given the next message; another process is", async () => {
    await world.start();
    const first = await world.connect();
    const delivery = await begin(first);
    const second = await world.connect();
    first.say({ parallelism: 0 });
    submit(first, delivery, record(1));
    expect(await first.next()).toMatchObject({ ack: 1, stop: true });
    end(first, delivery);
    const next = await second.nextWith("deliver");
    expect(next.headers).toMatchObject({ "upstash-retried": "0" });
    submit(second, next, record(2));
    expect(await second.next()).toMatchObject({ ack: 1, hold: 1 });
  });
});

describe("many runs at once", () => {
  test("share a connection, and go on side by side", async () => {
    await world.start();
    const app = await world.connect({ parallelism: 50 });
    const ids = Array.from({ length: 20 }, (_, index) => `wfr_${index}`);
    await Promise.all(ids.map((id) => world.trigger(URL, id)));
    const progress = new Map<number, number>();
    let ended = 0;
    while (ended < ids.length) {
      const heard = await app.next();
      const id = heard.deliver ?? heard.ack ?? 0;
      const step = (progress.get(id) ?? 0) + 1;
      progress.set(id, step);
      if (heard.stop === true) {
        app.say({ end: id, status: 200, headers: SDK_HEADERS });
        ended++;
      } else if (step <= 5) app.say({ submit: id, lines: 1 }, record(step));
      else app.say({ submit: id, lines: 1 }, finish());
    }
    for (const id of ids) await succeeded(id);
    expect(app.heard.filter((message) => "deliver" in message)).toHaveLength(20);
    // What arises in one turn goes out together.
    expect(app.frames.length).toBeLessThan(app.heard.length);
  });
});
