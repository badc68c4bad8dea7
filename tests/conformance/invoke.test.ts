// `context.invoke`: what the invoked workflow gets, and what its end gives to the one that waits for it.

import { expect, test } from "vitest";
import { expectDeliveries } from "./sdk.ts";
import { invokable, resultOf, serveTogether } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

/** Runs `parent` to its end and gives what it has returned. */
async function runParent(url: (name: string) => string, body?: unknown): Promise<unknown> {
  return resultOf(await world.succeeded(await world.trigger({ url: url("parent"), body })));
}

async function runsAt(url: string) {
  return (await world.client.logs({ filter: { workflowUrl: url } })).runs;
}

test.each<[string, unknown, unknown]>([
  ["an object", { a: [1, { b: "ü漢😀<&>" }] }, { a: [1, { b: "ü漢😀<&>" }] }],
  ["a text", "done", "done"],
  ["a text that is JSON", '{"a":1}', '{"a":1}'],
  ["a number", 42, 42],
  ["null", null, null],
  ["an empty text", "", ""],
  ["nothing", undefined, undefined],
])("a child can return %s", async (_name, result, expected) => {
  const seen: unknown[] = [];
  const child = invokable(async (context) => {
    await context.run("work", () => 1);
    return result;
  });
  const parent = invokable(async (context) => {
    const answer = await context.invoke("ask", { workflow: child, body: undefined });
    await context.run("look", () => seen.push(answer));
  });
  await runParent(serveTogether(world, { parent, child }));
  expect(seen).toEqual([{ body: expected, isFailed: false, isCanceled: false }]);
});

test.each<[string, unknown, unknown]>([
  ["an object", { n: 1, text: "ü漢😀<&>" }, { n: 1, text: "ü漢😀<&>" }],
  ["a text", "hello", "hello"],
  ["an empty text", "", undefined],
  ["nothing", undefined, undefined],
])("a child can be given %s", async (_name, body, expected) => {
  const payloads: unknown[] = [];
  const child = invokable(async (context) => {
    await context.run("work", () => payloads.push(context.requestPayload));
  });
  const parent = invokable(async (context) => {
    await context.invoke("ask", { workflow: child, body });
  });
  await runParent(serveTogether(world, { parent, child }));
  expect(payloads).toEqual([expected]);
});

test("an invoke takes one delivery for its result, and the child those of a run", async () => {
  const child = invokable(async (context) => context.run("work", () => 1));
  const parent = invokable(async (context) => {
    await context.run("before", () => 1);
    await context.invoke("ask", { workflow: child, body: "b" });
    await context.run("after", () => 1);
  });
  await runParent(serveTogether(world, { parent, child }));
  await world.close();
  expectDeliveries(world.app.at("/many/child"), 2);
  expectDeliveries(world.app.at("/many/parent"), 4);
});

test("a child knows its invoker, and lives in the logs as a run of its own", async () => {
  const child = invokable(async (context) => context.run("work", () => context.workflowRunId));
  const parent = invokable(async (context) => {
    return context.invoke("ask", { workflow: child, body: "b" });
  });
  const url = serveTogether(world, { parent, child });
  const parentRun = await world.succeeded(await world.trigger({ url: url("parent") }));
  const [childRun, ...others] = await runsAt(url("child"));
  expect(others).toEqual([]);
  expect(resultOf(parentRun)).toMatchObject({ body: childRun?.workflowRunId });
  expect(childRun).toMatchObject({
    workflowState: "RUN_SUCCESS",
    workflowUrl: url("child"),
    invoker: {
      workflowRunId: parentRun.workflowRunId,
      workflowUrl: url("parent"),
      workflowRunCreatedAt: parentRun.workflowRunCreatedAt,
    },
  });
});

test("a child gets the headers that the invoke gives it, and none of its parent's", async () => {
  const child = invokable(async (context) => context.run("work", () => 1));
  const parent = invokable(async (context) => {
    const headers = { "x-child": "c", authorization: "Bearer child" };
    await context.invoke("ask", { workflow: child, body: "b", headers });
  });
  const url = serveTogether(world, { parent, child });
  const headers = { "x-parent": "p", authorization: "Bearer parent" };
  await world.succeeded(await world.trigger({ url: url("parent"), headers }));
  const [first, second] = world.app.at("/many/child");
  for (const delivery of [first, second]) {
    expect(delivery?.headers).toMatchObject({ "x-child": "c", authorization: "Bearer child" });
    expect(delivery?.headers).not.toHaveProperty("x-parent");
  }
  for (const delivery of world.app.at("/many/parent")) {
    expect(delivery.headers).toMatchObject(headers);
    expect(delivery.headers).not.toHaveProperty("x-child");
  }
});

test("a child has its own retries, labels and flow control", async () => {
  const child = invokable(async (context) => {
    await context.run("broken", () => Promise.reject(new Error("broken")));
  });
  const parent = invokable(async (context) => {
    const flowControl = { key: "children", parallelism: 3 };
    const label = ["kid", "small"];
    const settings = {
      workflow: child,
      body: "b",
      retries: 1,
      retryDelay: "1",
      flowControl,
      label,
    };
    return (await context.invoke("ask", settings)).isFailed;
  });
  const url = serveTogether(world, { parent, child });
  const options = {
    url: url("parent"),
    retries: 5,
    label: "grown",
    flowControl: { key: "p", rate: 99 },
  };
  const run = await world.succeeded(await world.trigger(options));
  expect(resultOf(run)).toBe(true);
  expect(run).toMatchObject({ labels: ["grown"], flowControlKey: "p" });
  const [childRun] = await runsAt(url("child"));
  expect(childRun).toMatchObject({ labels: ["kid", "small"], flowControlKey: "children" });
  const steps = world.app.at("/many/child").filter(({ headers }) => {
    return headers["upstash-workflow-is-failure"] === undefined;
  });
  expect(steps.map(({ headers }) => headers["upstash-retried"])).toEqual(["0", "1"]);
  expect(steps[0]?.headers["upstash-label"]).toBe("kid,small");
  expect((await world.call("GET", "/v2/flowControl/children")).json).toMatchObject({
    parallelismMax: 3,
  });
});

test("several children run at the same time, and each result goes to its own step", async () => {
  const child = invokable<number>(async (context) => {
    const n = context.requestPayload;
    await context.sleep("nap", n % 2);
    return context.run("square", () => n * n);
  });
  const parent = invokable(async (context) => {
    const invokes = [1, 2, 3, 4, 5].map((n) =>
      context.invoke(`ask ${n}`, { workflow: child, body: n }),
    );
    return (await Promise.all(invokes)).map(({ body }) => body);
  });
  expect(await runParent(serveTogether(world, { parent, child }))).toEqual([1, 4, 9, 16, 25]);
  await world.close();
  expectDeliveries(world.app.at("/many/parent"), 1 + 2 * 5);
});

test("three levels deep, results come back up and every level knows how deep it is", async () => {
  const service = world.app.on("/service", () => new Response("ok"));
  const bottom = invokable(async (context) => {
    await context.call("ask", { url: service });
    return context.run("work", () => ["bottom"]);
  });
  const middle = invokable(async (context) => {
    const { body } = await context.invoke("down", { workflow: bottom, body: undefined });
    return [...body, "middle"];
  });
  const parent = invokable(async (context) => {
    const { body } = await context.invoke("down", { workflow: middle, body: undefined });
    return [...body, "parent"];
  });
  const url = serveTogether(world, { parent, middle, bottom });
  expect(await runParent(url)).toEqual(["bottom", "middle", "parent"]);
  const depths = (path: string) =>
    new Set(world.app.at(path).map(({ headers }) => headers["upstash-workflow-invoke-count"]));
  expect(depths("/many/parent")).toEqual(new Set([undefined]));
  expect(depths("/many/middle")).toEqual(new Set(["1"]));
  expect(depths("/many/bottom")).toEqual(new Set(["2"]));
  expect(depths("/service")).toEqual(new Set(["2"]));
});

test("a workflow may invoke itself, and children one after the other", async () => {
  const parent = invokable<{ n: number } | undefined>(async (context): Promise<number> => {
    const n = context.requestPayload?.n ?? 4;
    if (n === 0) return context.run("bottom", () => 0);
    const { body } = await context.invoke("down", { workflow: parent, body: { n: n - 1 } });
    return Number(body) + n;
  });
  expect(await runParent(serveTogether(world, { parent }))).toBe(10);
});

test("an invoke that is asked for twice starts one child", async () => {
  const child = invokable(async (context) => context.run("work", () => 1));
  const parent = invokable(async (context) => {
    return (await context.invoke("ask", { workflow: child, body: "b" })).body;
  });
  const url = serveTogether(world, { parent, child }, { isTwice: true });
  expect(await runParent(url)).toBe(1);
  expect(await runsAt(url("child"))).toHaveLength(1);
});

test("a child id may be given, and the run has it", async () => {
  const child = invokable(async (context) => context.run("work", () => context.workflowRunId));
  const parent = invokable(async (context) => {
    const settings = { workflow: child, body: "b", workflowRunId: "my-child" };
    const first = await context.invoke("first", settings);
    // The one before has ended: its id is free again.
    const second = await context.invoke("second", settings);
    return [first.body, second.body];
  });
  const result = await runParent(serveTogether(world, { parent, child }));
  expect(result).toEqual(["wfr_my-child", "wfr_my-child"]);
});

test("a resume behind an invoke invokes nothing again", async () => {
  let isBroken = true;
  const child = invokable(async (context) => context.run("work", () => "child"));
  const parent = invokable(async (context) => {
    const { body } = await context.invoke("ask", { workflow: child, body: "b" });
    await context.run("broken", () => {
      if (isBroken) throw new Error("broken");
    });
    return body;
  });
  const url = serveTogether(world, { parent, child });
  const { dlqId = "" } = await world.deadLetter(
    await world.trigger({ url: url("parent"), retries: 0 }),
  );
  isBroken = false;
  const { workflowRunId } = await world.client.dlq.resume({ dlqId });
  expect(resultOf(await world.succeeded(workflowRunId))).toBe("child");
  expect(await runsAt(url("child"))).toHaveLength(1);
});
