// What `runs show` tells of each kind of step.

import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorkflowWorld, quietSdk, type WorkflowWorld } from "./workflow-app.test.fixture.ts";

quietSdk();

let world: WorkflowWorld;

beforeEach(async () => {
  world = await openWorkflowWorld();
});

afterEach(() => world.close());

const NOTHING_LISTENS = "http://127.0.0.1:9/";

test("a sleep says how long, a wait for what, and both until when", async () => {
  const url = world.serve("/w", async (context) => {
    await Promise.all([
      context.sleep("nap", "1h"),
      context.waitForEvent("wait", "paid 7", { timeout: "2h" }),
      context.run("ready", () => "now"),
    ]);
  });
  const runId = await world.trigger(url, "--body", "the order");
  // Each has a delivery of its own, in whatever order.
  await world.shown(runId, /waits for event paid 7/);
  await world.shown(runId, /sleeps until/);
  const { out, err } = await world.shown(runId, /ready \(Run\)\n {6}result: "now"$/m);
  expect(out).toMatch(
    /^ {2}side by side\n {4}STEP_PROGRESS {2}nap \(SleepFor\)\n {6}sleeps until \d{4}-.*Z \(60 min\)$/m,
  );
  expect(out).not.toContain("due at");
  expect(out).toMatch(
    /^ {4}STEP_PROGRESS {2}wait \(Wait\)\n {6}waits for event paid 7 until \d{4}-.*Z \(2h\)$/m,
  );
  expect(out).toMatch(/init \(Initial\)\n {4}payload: the order$/m);
  expect(out).toMatch(/^triggered from +127\.0\.0\.1$/m);
  expect(err).toContain(`reprise notify 'paid 7' --run ${runId}`);
  expect(err).toContain(`reprise runs cancel ${runId}`);
});

test("an event that came shows its data, one that did not that its time is over", async () => {
  const url = world.serve("/w", async (context) => {
    await context.waitForEvent("first", "paid", { timeout: "1d" });
    await context.waitForEvent("second", "shipped", { timeout: "1s" });
    await context.sleep("rest", "1h");
  });
  const runId = await world.trigger(url);
  await world.shown(runId, /first \(Wait\)/);
  await world.run(["notify", "paid", "--run", runId, "--data", '{"by":"card"}']);
  const { out } = await world.shown(runId, /rest \(SleepFor\)/);
  expect(out).toMatch(
    /first \(Wait\)\n {4}waited for event paid until .*\n {4}result: \{"by":"card"\}$/m,
  );
  expect(out).toMatch(/second \(Wait\)\n.*event shipped.*; it did not come in time$/m);
  expect((await world.run(["runs", "show", runId])).err).not.toContain("reprise notify");
});

test("a call shows where it went, with what, and how it was answered", async () => {
  const url = world.serve("/w", async (context) => {
    await context.call("charge", { url: `${origin(url)}/nothing`, method: "POST", body: "30" });
    await context.call("lost", { url: NOTHING_LISTENS, retries: 0 });
    await context.sleep("rest", "1h");
  });
  const runId = await world.trigger(url);
  const { out } = await world.shown(runId, /rest \(SleepFor\)/);
  expect(out).toMatch(
    /charge \(Call\)\n {4}called POST http.*\/nothing\n {4}body: 30\n {4}answered 404: nothing here$/m,
  );
  expect(out).toMatch(/lost \(Call\)\n {4}called GET http:\/\/127\.0\.0\.1:9\/\n {4}no answer.*$/m);
});

test("a webhook shows its URL, and what was sent there", async () => {
  const url = world.serve("/w", async (context) => {
    const webhook = await context.createWebhook("hook");
    await context.waitForWebhook("called", webhook, "1d");
    await context.sleep("rest", "1h");
  });
  const runId = await world.trigger(url);
  const waiting = await world.shown(runId, /called \(WaitForWebhook\)/);
  const hook = /"webhookUrl":"([^"]+)"/.exec(waiting.out)?.[1] ?? "";
  expect(waiting.out).toMatch(/waits for webhook evt_\S+ until \d{4}-.*Z/);
  await fetch(hook, { method: "POST", body: "shipped" });
  const { out } = await world.shown(runId, /rest \(SleepFor\)/);
  expect(out).toMatch(/called \(WaitForWebhook\)\n.*\n {4}result: .*"method":"POST"/m);
});

test("parent and child name each other", async () => {
  world.serve("/child", async (context) => {
    await context.sleep("nap", "1h");
  });
  const url = world.serve("/parent", async (context) => {
    await context.call("x", { url: NOTHING_LISTENS, retries: 0 });
    // The endpoint behind the last part of the URL.
    await context.invoke("child run", { workflow: { workflowId: "child" } as never, body: "go" });
  });
  const parent = await world.trigger(url);
  const shown = await world.shown(parent, /child run \(Invoke\)/);
  const child = /invokes run (\S+) of http.*\/child$/m.exec(shown.out)?.[1] ?? "";
  expect(child).toMatch(/^wfr_/);
  expect(shown.out).toMatch(/payload: "?go"?$/m);
  const { out } = await world.run(["runs", "show", child]);
  expect(out).toMatch(new RegExp(`^invoked by +${parent} of ${url}$`, "m"));
});

test("a branch that fails shows each attempt, beside those that did not", async () => {
  // Behind the end of the run no result is recorded any more.
  const hasResult = Promise.withResolvers<void>();
  const url = world.serve("/w", async (context) => {
    await Promise.all([
      context.run("good", () => 1),
      context.run("bad", async () => {
        await hasResult.promise;
        throw new Error("out of stock");
      }),
    ]);
  });
  const runId = await world.trigger(url, "--retries", "1", "--retry-delay", "10");
  await world.shown(runId, /STEP_SUCCESS {2}good \(Run\)/);
  hasResult.resolve();
  const { out } = await world.shown(runId, /^state +RUN_FAILED$/m);
  expect(out).toMatch(/^ {4}STEP_SUCCESS {2}good \(Run\)\n {6}result: 1$/m);
  expect(out).toMatch(/^ {4}STEP_FAILED {2}bad \(Run\)\n {6}attempt 1 of 2 failed at /m);
  expect(out).toMatch(/^ {6}attempt 2 of 2 failed at .*\n {8}.*out of stock$/m);
});

function origin(url: string): string {
  return new URL(url).origin;
}
