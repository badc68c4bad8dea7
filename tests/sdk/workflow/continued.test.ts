// Invocations that go on behind a result that is on disk, and what ends them.

import { type RouteFunction, type ServeOptions, serve } from "@reprise/sdk";
import { expect, test } from "vitest";
import { recordsOf, resultOf } from "../../conformance/surface.ts";
import { useWorld } from "../../conformance/world.ts";

const world = useWorld({ isOnDisk: true });

type Fetch = typeof fetch;

function serveContinued<T>(
  route: RouteFunction<unknown, T>,
  own: Partial<ServeOptions<unknown, T>> & { readonly fetch?: Fetch } = {},
): string {
  const { fetch: way, ...options } = own;
  const address = { baseUrl: world.server.url, token: world.token };
  const qstashClient = way === undefined ? address : { ...address, fetch: way };
  const base = {
    qstashClient,
    receiver: world.app.receiver,
    mode: "continued",
    warm: false,
  } as const;
  // A spread cannot show that options which exclude each other still do.
  const handler = serve(route, { ...base, ...options } as ServeOptions<unknown, T>);
  return world.app.on("/flow", (request) => handler(request));
}

function tenSteps(done: number[]) {
  return async (context: Parameters<RouteFunction<unknown>>[0]) => {
    for (let n = 0; n < 10; n++) await context.run(`step ${n}`, () => void done.push(n));
    return done.length;
  };
}

test("ten steps are one delivery, each recorded before the next begins", async () => {
  const recorded: number[] = [];
  const url = serveContinued(async (context) => {
    for (let n = 0; n < 10; n++) {
      await context.run(`step ${n}`, async () => {
        recorded.push((await recordsOf(world, context.workflowRunId)).length);
        return n;
      });
    }
  });
  await world.succeeded(await world.trigger({ url }));
  expect(world.app.at("/flow")).toHaveLength(1);
  expect(recorded).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("no step is begun behind the time budget: another delivery goes on", async () => {
  const done: number[] = [];
  const url = serveContinued(tenSteps(done), { maxDuration: 0 });
  expect(resultOf(await world.succeeded(await world.trigger({ url })))).toBe(10);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(world.app.at("/flow").length).toBe(11);
});

test("an acknowledgement that is lost is asked for again, and the step is recorded once", async () => {
  const done: number[] = [];
  let lost = 0;
  const lossy: Fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (!String(input).endsWith("/steps") || lost >= 2) return response;
    lost++;
    throw new TypeError("fetch failed");
  };
  const url = serveContinued(tenSteps(done), { fetch: lossy });
  const runId = await world.trigger({ url, retries: 3, retryDelay: "1" });
  const run = await world.succeeded(runId);
  expect(lost).toBe(2);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(run.steps.filter(({ type }) => type === "sequential")).toHaveLength(11);
});

test("a server that is restarted in the middle delivers what was held, and nothing recorded is done again", async () => {
  const done: string[] = [];
  let restarted: Promise<void> | null = null;
  const url = serveContinued(async (context) => {
    for (const name of ["a", "b", "c", "d"]) {
      await context.run(name, () => {
        done.push(name);
        if (name === "b") restarted ??= world.restartServer();
      });
    }
    return "end";
  });
  const runId = await world.trigger({ url, retries: 3, retryDelay: "1" });
  expect(resultOf(await world.succeeded(runId))).toBe("end");
  await restarted;
  expect(done.filter((name) => name === "a")).toHaveLength(1);
  expect([...new Set(done)]).toEqual(["a", "b", "c", "d"]);
});

test("a run that is cancelled meanwhile begins no further step", async () => {
  const done: string[] = [];
  const url = serveContinued(async (context) => {
    await context.run("a", async () => {
      done.push("a");
      await world.client.cancel(context.workflowRunId);
    });
    await context.run("b", () => void done.push("b"));
  });
  const run = await world.ended(await world.trigger({ url }));
  await world.close();
  expect(run.workflowState).toBe("RUN_CANCELED");
  expect(done).toEqual(["a"]);
});

test("branches are done in the invocation when the author wants it", async () => {
  const url = serveContinued(
    async (context) => {
      const names = ["a", "b", "c"];
      const all = await Promise.all(names.map((name) => context.run(name, () => name)));
      return context.run("after", () => all.join(""));
    },
    { parallel: "invocation" },
  );
  expect(resultOf(await world.succeeded(await world.trigger({ url })))).toBe("abc");
  expect(world.app.at("/flow")).toHaveLength(1);
});

test("one of them that fails is tried again by itself, and can be caught", async () => {
  const counts = { good: 0, flaky: 0, bad: 0 };
  const url = serveContinued(
    async (context) => {
      const branch = (name: keyof typeof counts, failures: number) =>
        context.run(name, () => {
          counts[name]++;
          if (counts[name] <= failures) throw new Error(name);
          return name;
        });
      const steps = [branch("good", 0), branch("flaky", 1), branch("bad", 99)];
      const ends = await Promise.allSettled(steps);
      return context.run("after", () => ends.map(({ status }) => status));
    },
    { parallel: "invocation" },
  );
  const runId = await world.trigger({ url, retries: 1, retryDelay: "1" });
  const statuses = ["fulfilled", "fulfilled", "rejected"];
  expect(resultOf(await world.succeeded(runId))).toEqual(statuses);
  expect(counts.good).toBe(1);
  expect(counts.flaky).toBe(2);
});
