// The ways in which a program can wait for several steps: race, any, allSettled, and branches of functions.

import { expect, test } from "vitest";
import { expectDeliveries, isOwnSdk } from "./sdk.ts";
import { faultOf, resultAt, resultOf } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

test("Promise.race gives the first step of the group, once all of them are done", async () => {
  const url = world.serve("/flow", async (context) => {
    const winner = await Promise.race([
      context.run("a", () => "a"),
      context.run("b", () => "b"),
      context.sleep("c", 0.2),
    ]);
    return context.run("after", () => `${winner} won`);
  });
  expect(await resultAt(world, url)).toBe("a won");
  await world.close();
  expectDeliveries(world.app.at("/flow"), 1 + 2 * 3 + 1);
});

test("a branch may make a bad answer of its call an exception, once all of them are done", async () => {
  const bad = world.app.on("/bad", () => new Response("no", { status: 500 }));
  const url = world.serve("/flow", async (context) => {
    const ask = async () => {
      const { status } = await context.call("ask", { url: bad });
      if (status !== 200) throw new Error(`status ${status}`);
    };
    await Promise.all([ask(), context.run("own", () => "own")]);
  });
  const run = await world.failed(await world.trigger({ url, retries: 0 }));
  const error = expect.stringMatching(/"message":"status 500"/);
  expect(faultOf(run)).toEqual({ status: 500, body: error });
  expect(world.app.at("/bad")).toHaveLength(1);
});

type Form = (steps: readonly Promise<unknown>[]) => Promise<unknown>;

interface Ending {
  readonly status: number;
  readonly body: RegExp;
  readonly own: unknown;
}

test.each<[string, Form, Ending]>([
  ["Promise.any", (steps) => Promise.any(steps), { status: 500, body: /AggregateError/, own: "a" }],
  [
    "Promise.allSettled",
    (steps) => Promise.allSettled(steps),
    {
      status: 400,
      body: /Failed to authenticate/,
      own: ["a", "b"].map((value) => ({ status: "fulfilled", value })),
    },
  ],
])(
  "%s hides from the official SDK how it stops a program: the run fails and says so; with ours it works",
  async (_name, form, { status, body, own }) => {
    const url = world.serve("/flow", (context) =>
      form([context.run("a", () => "a"), context.run("b", () => "b")]),
    );
    if (isOwnSdk) {
      expect(await resultAt(world, url)).toEqual(own);
      return;
    }
    const run = await world.failed(await world.trigger({ url, retries: 0 }));
    expect(faultOf(run)).toEqual({ status, body: expect.stringMatching(body) });
  },
);

test("three naps that are started before they are awaited take twelve deliveries with what follows", async () => {
  const url = world.serve("/flow", async (context) => {
    const naps = [0.1, 0.2, 0.3].map((seconds, n) => context.sleep(`nap ${n}`, seconds));
    await Promise.all(naps);
    for (const name of ["a", "b", "c", "d", "e"]) await context.run(name, () => name);
  });
  await resultAt(world, url);
  await world.close();
  expectDeliveries(world.app.at("/flow"), 12);
});

test("a group of one is no group", async () => {
  const url = world.serve("/flow", async (context) => {
    const [one] = await Promise.all([context.run("one", () => 1)]);
    return one;
  });
  const run = await world.succeeded(await world.trigger({ url }));
  await world.close();
  expect(resultOf(run)).toBe(1);
  expect(run.steps.map(({ type }) => type)).toEqual(["sequential", "sequential"]);
  expectDeliveries(world.app.at("/flow"), 2);
});

test("steps in branches of functions are taken together, level by level", async () => {
  const service = world.app.on("/service", () => new Response("s"));
  const url = world.serve("/flow", async (context) => {
    const branch = async (name: string) => {
      const first = await context.run(`${name} 1`, () => name);
      const { body } = await context.call(`${name} 2`, { url: service });
      const { timeout } = await context.waitForEvent(`${name} 3`, "never", { timeout: 0 });
      return `${first}${body}${timeout}`;
    };
    return Promise.all([branch("a"), branch("b")]);
  });
  const run = await world.succeeded(await world.trigger({ url }));
  await world.close();
  expect(resultOf(run)).toEqual(["astrue", "bstrue"]);
  expect(run.steps.map(({ type }) => type)).toEqual([
    "sequential",
    "parallel",
    "parallel",
    "parallel",
  ]);
  expectDeliveries(world.app.at("/flow"), 1 + 4 + 6 + 4);
});

test("a branch may be shorter than the others", async () => {
  const url = world.serve("/flow", async (context) => {
    const long = async () => {
      await context.run("long 1", () => 1);
      await context.sleep("long 2", 0.1);
      return context.run("long 3", () => "long");
    };
    const answers = await Promise.all([long(), context.run("short", () => "short")]);
    return context.run("after", () => answers);
  });
  expect(await resultAt(world, url)).toEqual(["long", "short"]);
  await world.close();
  expectDeliveries(world.app.at("/flow"), 1 + 4 + 1 + 1 + 1);
});
