// Functions that wait in memory for the next delivery of their run, and everything that may happen to them meanwhile.

import { type RouteFunction, serve } from "@reprise/sdk";
import { expect, test } from "vitest";
import { resultOf, waiting } from "../../conformance/surface.ts";
import { useWorld } from "../../conformance/world.ts";

const world = useWorld();

/** Processes of an app behind one URL: each has a memory of its own. */
function processes<T>(count: number, route: RouteFunction<unknown, T>) {
  const qstashClient = { baseUrl: world.server.url, token: world.token };
  const { receiver } = world.app;
  const make = () => serve(route, { qstashClient, receiver, mode: "answered", warm: true });
  const handlers = Array.from({ length: count }, make);
  let turn = 0;
  const url = world.app.on("/flow", (request) => {
    turn++;
    const handler = handlers[turn % handlers.length];
    if (handler === undefined) throw new Error("no process");
    return handler(request);
  });
  const restart = () => handlers.splice(0, handlers.length, ...handlers.map(make));
  return { url, restart };
}

function needs(): number {
  const asks = ({ answerHeaders }: { readonly answerHeaders: Readonly<Record<string, string>> }) =>
    answerHeaders["reprise-answer"]?.includes("need=history") === true;
  return world.app.at("/flow").filter(asks).length;
}

test("a process that keeps the function is sent what is new, and begins it once", async () => {
  let begun = 0;
  const { url } = processes(1, async (context) => {
    begun++;
    let sum = 0;
    for (let n = 0; n < 10; n++) sum += await context.run(`step ${n}`, () => n);
    return sum;
  });
  expect(resultOf(await world.succeeded(await world.trigger({ url })))).toBe(45);
  expect([begun, needs()]).toEqual([1, 0]);
  const parts = world.app.at("/flow").map(({ body }) => body.startsWith('{"from":'));
  expect(parts).toEqual([false, ...Array.from({ length: 10 }, () => true)]);
});

test("two processes behind one URL ask for the history, and each step is done once", async () => {
  const done: string[] = [];
  const { url } = processes(2, async (context) => {
    for (const name of ["a", "b", "c", "d"]) await context.run(name, () => void done.push(name));
    return "end";
  });
  expect(resultOf(await world.succeeded(await world.trigger({ url })))).toBe("end");
  expect(done).toEqual(["a", "b", "c", "d"]);
  expect(needs()).toBeGreaterThan(0);
});

test("an app that was restarted meanwhile goes on from the whole list", async () => {
  let begun = 0;
  const { url, restart } = processes(1, async (context) => {
    begun++;
    const first = await context.run("first", () => 1);
    const { eventData } = await context.waitForEvent("wait", "go");
    return [first, eventData];
  });
  const runId = await world.trigger({ url });
  await waiting(world, "go");
  restart();
  await world.client.notify({ eventId: "go", eventData: 2 });
  expect(resultOf(await world.succeeded(runId))).toEqual([1, 2]);
  expect([begun, needs()]).toEqual([2, 1]);
});

test("the facts of a delivery are new in a function that is kept", async () => {
  const seen: number[] = [];
  const { url } = processes(1, async (context) => {
    await context.run("first", () => "ok");
    await context.run("second", () => {
      seen.push(context.retried);
      if (seen.length < 3) throw new Error("again");
    });
    seen.push(context.retried);
    return context.run("third", () => context.retried);
  });
  const runId = await world.trigger({ url, retries: 3, retryDelay: "1" });
  expect(resultOf(await world.succeeded(runId))).toBe(0);
  expect(seen.slice(0, 3)).toEqual([0, 1, 2]);
});

test("a failure between steps begins the function anew", async () => {
  let failures = 0;
  const { url } = processes(1, async (context) => {
    const value = await context.run("first", () => 7);
    failures++;
    if (failures < 3) throw new Error("between");
    return context.run("second", () => value);
  });
  const runId = await world.trigger({ url, retries: 3, retryDelay: "1" });
  expect(resultOf(await world.succeeded(runId))).toBe(7);
});
