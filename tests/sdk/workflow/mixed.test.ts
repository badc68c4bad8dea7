// A run that one SDK has begun goes on with the other one behind the same URL, in both directions.

import { Client as QstashClient } from "@upstash/qstash";
import * as official from "@upstash/workflow";
import { describe, expect, test } from "vitest";
import { resultOf, waiting } from "../../conformance/surface.ts";
import { until } from "../../conformance/until.ts";
import { modes, useMode } from "./modes.ts";

/** Both contexts have what is used here. */
type Route = official.RouteFunction<unknown>;

// A connected app has another URL, under which no official SDK can be served.
describe.each(modes.filter((mode) => mode !== "connected"))("%s", (mode) => {
  const { world, serve } = useMode(mode, { mayPrint: true });

  const serveOfficial = (route: Route) => {
    const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
    const { receiver } = world.app;
    return world.app.on("/flow", official.serve(route, { qstashClient, receiver }).handler);
  };
  // Each SDK takes the function with its own type of context; what is used of it is the same in both.
  const toOwn = (route: Route) => route as unknown as Parameters<typeof serve>[1];
  const serveOwn = (route: Route) => serve("/flow", toOwn(route));

  const counts = { a: 0, b: 0, branch: 0, last: 0 };
  const route: Route = async (context) => {
    const step = (name: keyof typeof counts) => context.run(name, () => ++counts[name]);
    await step("a");
    await context.waitForEvent("one", "one");
    const branches = [step("branch"), context.sleep("nap", 0.05), step("branch")];
    const both = await Promise.all(branches);
    await context.waitForEvent("two", "two");
    await step("b");
    await context.sleep("nap", 0);
    return [both, await step("last")];
  };

  const reset = () => Object.assign(counts, { a: 0, b: 0, branch: 0, last: 0 });

  /** Deploys `next` while the run waits. */
  async function swap(eventId: string, next: (route: Route) => string) {
    await waiting(world, eventId);
    // The delivery that has begun the wait is answered by whoever has got it.
    await until("an answer", () => world.app.at("/flow").every(({ status }) => status !== 0));
    next(route);
    await world.client.notify({ eventId });
  }

  test.each([
    ["official, ours, official", [serveOfficial, serveOwn, serveOfficial]],
    ["ours, official, ours", [serveOwn, serveOfficial, serveOwn]],
  ] as const)("%s", async (_name, [first, second, third]) => {
    reset();
    const url = first(route);
    const runId = await world.trigger({ url });
    await swap("one", second);
    await swap("two", third);
    const [both, last] = resultOf<[unknown[], number]>(await world.succeeded(runId));
    expect([both.filter((value) => typeof value === "number").toSorted(), last]).toEqual([
      [1, 2],
      1,
    ]);
    expect(counts).toEqual({ a: 1, b: 1, branch: 2, last: 1 });
  });
});
