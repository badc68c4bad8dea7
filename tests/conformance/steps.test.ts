// Steps that succeed: what is delivered, how often, and with which part of the list.

import type { RawStep } from "@reprise/protocol";
import { expect, test } from "vitest";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** The lists that arrived at `path`, as message ids, in order of arrival. */
function listsAt(path: string): readonly (readonly string[])[] {
  return world.app.at(path).map(({ body }) => {
    // Inline deliveries carry such a list, or the parse fails.
    const list = JSON.parse(body) as readonly RawStep[];
    return list.map(({ messageId }) => messageId);
  });
}

/** Each delivery must end with its own message, and all must be beginnings of one list. */
function expectExactPrefixes(path: string): void {
  const lists = listsAt(path);
  const longest = lists.toSorted((a, b) => b.length - a.length)[0] ?? [];
  for (const list of lists) expect(list).toEqual(longest.slice(0, list.length));
  const ends = world.app.at(path).map(({ headers }) => headers["upstash-message-id"]);
  expect(lists.map((list) => list.at(-1))).toEqual(ends);
  expect(new Set(ends).size).toBe(ends.length);
}

test("three steps take four deliveries, each with the list up to its own message", async () => {
  const calls: string[] = [];
  const url = world.serve("/three", async (context) => {
    const one = await context.run("one", () => note("one", 1));
    const two = await context.run("two", () => note("two", one + 1));
    return context.run("three", () => note("three", two + 1));
  });
  function note(name: string, value: number): number {
    calls.push(name);
    return value;
  }
  const run = await world.succeeded(await world.trigger({ url }));
  await world.close();
  expect(run.workflowRunResponse).toBe("3");
  expect(calls).toEqual(["one", "two", "three"]);
  expect(listsAt("/three").map((list) => list.length)).toEqual([1, 2, 3, 4]);
  expectExactPrefixes("/three");
});

test.each([2, 3, 10, 50])(
  "a group of %i parallel steps takes a delivery for each plan and each result",
  async (size) => {
    const calls: number[] = [];
    const url = world.serve("/group", async (context) => {
      const parts = Array.from({ length: size }, (_, index) =>
        context.run(`part ${index}`, async () => {
          calls.push(index);
          return index * index;
        }),
      );
      return Promise.all(parts);
    });
    const run = await world.succeeded(await world.trigger({ url }));
    await world.close();
    const indexes = Array.from({ length: size }, (_, index) => index);
    expect(JSON.parse(run.workflowRunResponse ?? "")).toEqual(
      indexes.map((index) => index * index),
    );
    expect(calls.toSorted((a, b) => a - b)).toEqual(indexes);
    expect(world.app.at("/group")).toHaveLength(1 + 2 * size);
    expectExactPrefixes("/group");
  },
);

test("a sleeping branch gets its own slice although others have moved on, and joins last", async () => {
  const calls: string[] = [];
  const url = world.serve("/branches", async (context) => {
    // Longer than a busy machine takes for the other branch.
    await Promise.all([context.run("a", () => calls.push("a")), context.sleep("b", "3s")]);
    await context.run("after", () => calls.push("after"));
  });
  await world.succeeded(await world.trigger({ url }));
  await world.close();
  expect(calls).toEqual(["a", "after"]);
  expect(listsAt("/branches").map((list) => list.length)).toEqual([1, 2, 4, 3, 5, 6]);
  expectExactPrefixes("/branches");
});

test("groups can follow each other and stand between sequential steps", async () => {
  const calls: string[] = [];
  const url = world.serve("/mixed", async (context) => {
    const step = (name: string) =>
      context.run(name, () => {
        calls.push(name);
        return name;
      });
    const first = await step("first");
    const pair = await Promise.all([step("a"), step("b")]);
    const triple = await Promise.all([step("c"), step("d"), step("e")]);
    return [first, ...pair, ...triple, await step("last")].join("");
  });
  const run = await world.succeeded(await world.trigger({ url }));
  await world.close();
  expect(run.workflowRunResponse).toBe('"firstabcdelast"');
  expect(calls).toHaveLength(7);
  expect(new Set(calls).size).toBe(7);
  expect(world.app.at("/mixed")).toHaveLength(1 + 1 + 4 + 6 + 1);
  expectExactPrefixes("/mixed");
});

test("parallel branches of several steps each keep to their own order", async () => {
  const calls: string[] = [];
  const url = world.serve("/chains", async (context) => {
    const step = (name: string) => context.run(name, () => calls.push(name));
    await Promise.all([step("a1"), step("b1")]);
    await Promise.all([step("a2"), step("b2")]);
  });
  await world.succeeded(await world.trigger({ url }));
  expect(calls.indexOf("a2")).toBeGreaterThan(calls.indexOf("b1"));
  expect(calls).toHaveLength(4);
});

test("a sleep lasts at least as long as asked, and its record is in the log at once", async () => {
  const url = world.serve("/sleep", async (context) => {
    await context.sleep("nap", 1);
    return "awake";
  });
  const runId = await world.trigger({ url });
  const sleeping = await until("the sleep in the log", async () => {
    const run = await world.log(runId);
    return run?.steps.find(({ steps }) => steps[0]?.stepName === "nap");
  });
  expect(sleeping.steps[0]).toMatchObject({ stepType: "SleepFor" });
  await world.succeeded(runId);
  const [first, second] = world.app.at("/sleep");
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1000);
  expect(world.app.at("/sleep")).toHaveLength(2);
});

test("sleepUntil waits for its instant, and one that has passed does not wait", async () => {
  const until1 = Math.ceil(Date.now() / 1000) + 1;
  const url = world.serve("/until", async (context) => {
    await context.sleepUntil("past", new Date(Date.now() - 3_600_000));
    await context.sleepUntil("soon", until1);
    return "awake";
  });
  await world.succeeded(await world.trigger({ url }));
  const [first, afterPast, afterSoon] = world.app.at("/until");
  expect((afterPast?.at ?? 0) - (first?.at ?? 0)).toBeLessThan(60_000);
  expect(afterSoon?.at).toBeGreaterThanOrEqual(until1 * 1000);
});

test.each<[string, unknown, unknown]>([
  [
    "nested objects",
    { a: [{ b: { c: [null, 1.5, "x"] } }] },
    { a: [{ b: { c: [null, 1.5, "x"] } }] },
  ],
  ["undefined", undefined, undefined],
  ["null", null, null],
  ["an empty text", "", ""],
  ["zero and false", [0, false], [0, false]],
  ["unicode", 'aé漢😀\u2028<>&\\"', 'aé漢😀\u2028<>&\\"'],
  ["a text that looks like JSON", '{"a":1}', '{"a":1}'],
  ["integer-like keys", { 2: "b", 1: "a" }, { 1: "a", 2: "b" }],
])("a step's result comes back unchanged: %s", async (_name, result, expected) => {
  const seen: unknown[] = [];
  const url = world.serve("/result", async (context) => {
    const value = await context.run("make", () => result);
    await context.run("see", () => seen.push(value));
  });
  await world.succeeded(await world.trigger({ url }));
  expect(seen).toEqual([expected]);
});

test.each<[string, unknown, string | undefined]>([
  ["an object", { done: true }, '{"done":true}'],
  ["a text", "done", '"done"'],
  ["nothing", undefined, undefined],
])("what the route function returns is the run's response: %s", async (_name, result, response) => {
  const url = world.serve("/return", async (context) => {
    await context.run("only", () => 1);
    return result;
  });
  const run = await world.succeeded(await world.trigger({ url }));
  expect(run.workflowRunResponse).toBe(response);
  expect(run.workflowRunCompletedAt).toBeGreaterThanOrEqual(run.workflowRunCreatedAt);
});

test("names of steps may hold any text", async () => {
  const name = "füge 漢字 & <b>'\"\\ hinzu";
  const url = world.serve("/names", async (context) => {
    await context.run(name, () => 1);
  });
  const run = await world.succeeded(await world.trigger({ url }));
  expect(run.steps[1]?.steps[0]?.stepName).toBe(name);
});

test("an answer that is lost after its step was accepted does not run the step again", async () => {
  const calls: string[] = [];
  const workflow = world.workflow(async (context) => {
    await context.run("one", () => calls.push("one"));
    await Promise.all([
      context.run("two", () => calls.push("two")),
      context.run("three", () => calls.push("three")),
    ]);
    // Time enough for second attempts of the deliveries before.
    await context.sleep("rest", "1s");
    return "done";
  });
  const url = world.app.on("/lossy", async (request) => {
    await workflow(request);
    return new Response("lost", { status: 502 });
  });
  await world.succeeded(await world.trigger({ url, retryDelay: "1" }));
  await world.close();
  expect(calls.toSorted()).toEqual(["one", "three", "two"]);
});

test("an answer that is lost after its step was accepted does not fail the run, even without retries", async () => {
  const workflow = world.workflow(async (context) => {
    await context.run("one", () => 1);
    await context.run("two", () => 2);
    return "done";
  });
  const url = world.app.on("/lossy", async (request) => {
    await workflow(request);
    return new Response("lost", { status: 502 });
  });
  await world.succeeded(await world.trigger({ url, retries: 0 }));
  await world.close();
  expect(world.app.at("/lossy")).toHaveLength(3);
});

test("a record that is submitted twice is recorded once, the first one wins, and nothing more is delivered", async () => {
  const seen: unknown[] = [];
  const url = world.serve("/twice", async (context) => {
    seen.push(await context.run("one", () => "from the app"));
    await context.sleep("rest", "1h");
  });
  const runId = await world.trigger({ url });
  const list = async () => (await world.call("GET", `/v2/workflows/runs/${runId}`)).json;
  await until(
    "the sleep",
    async () => JSON.stringify(await list()).split("messageId").length === 4,
  );
  const submit = (out: string) =>
    world.call("POST", "/v2/batch", {
      body: JSON.stringify([
        {
          destination: url,
          headers: { "upstash-workflow-init": "false", "upstash-workflow-runid": runId },
          body: JSON.stringify({ stepId: 1, stepName: "one", stepType: "Run", out, concurrent: 1 }),
        },
      ]),
    });
  const again = await submit('"something else"');
  const onceMore = await submit('"something else"');
  expect(again.status).toBe(200);
  expect(again.json).toEqual([{ messageId: expect.stringMatching(/^msg_/), deduplicated: true }]);
  expect(onceMore.json).toEqual(again.json);
  expect(await list()).toHaveLength(3);
  await world.close();
  expect(seen).toEqual(["from the app"]);
  expect(world.app.at("/twice")).toHaveLength(2);
});

test("the end of a run may be announced twice", async () => {
  const url = world.serve("/end", async (context) => {
    await context.run("only", () => 1);
    return "first";
  });
  const runId = await world.trigger({ url });
  await world.succeeded(runId);
  const again = await world.call("DELETE", `/v2/workflows/runs/${runId}?cancel=false`, {
    body: '"second"',
  });
  expect([again.status, again.text]).toEqual([200, ""]);
  expect((await world.log(runId))?.workflowRunResponse).toBe('"first"');
  const unknown = await world.call("DELETE", "/v2/workflows/runs/wfr_unknown?cancel=false");
  expect(unknown.status).toBe(200);
});
