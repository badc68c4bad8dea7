// Calls of services that fail: their own retries and timeouts, and the one answer that the workflow gets in the end.

import type { CallSettings } from "@upstash/workflow";
import { expect, test } from "vitest";
import { expectDeliveries } from "./sdk.ts";
import { callbacksAmong, resultAt } from "./surface.ts";
import { CLOCK_STEP_MS } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld({ config: { attemptTimeoutMs: 20_000 } });

interface CallbackBody {
  readonly status: number;
  readonly retried: number;
  readonly maxRetries: number;
}

/** The answers that the workflow was told, in order. */
function tellings(): readonly CallbackBody[] {
  return callbacksAmong(world.app.at("/flow")).map(({ body }) => JSON.parse(body));
}

const retriedAt = (path: string) =>
  world.app.at(path).map(({ headers }) => headers["upstash-retried"]);

test("a call is not tried again unless asked", async () => {
  const url = world.app.on("/service", () => new Response("no", { status: 500 }));
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url })).status;
  });
  expect(await resultAt(world, workflow)).toBe(500);
  expect(retriedAt("/service")).toEqual(["0"]);
  expect(tellings()).toMatchObject([{ status: 500, retried: 0, maxRetries: 0 }]);
});

test("a call that fails every time is told once, as its last attempt", async () => {
  let count = 0;
  const url = world.app.on("/service", () => {
    count += 1;
    return new Response(`no ${count}`, { status: 500 + count, headers: { "x-count": `${count}` } });
  });
  const workflow = world.serve("/flow", async (context) => {
    const { status, body, header } = await context.call("ask", {
      url,
      retries: 2,
      retryDelay: "1",
    });
    return [status, body, header["X-Count"]];
  });
  expect(await resultAt(world, workflow)).toEqual([503, "no 3", ["3"]]);
  await world.close();
  expect(retriedAt("/service")).toEqual(["0", "1", "2"]);
  expect(tellings()).toMatchObject([{ status: 503, retried: 2, maxRetries: 2 }]);
  expectDeliveries(world.app.at("/flow"), 3);
});

test("a call that recovers is told once, with the good answer", async () => {
  const url = world.app.on("/service", (_request, { headers }) =>
    headers["upstash-retried"] === "2"
      ? new Response("at last")
      : new Response("", { status: 503 }),
  );
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url, retries: 5, retryDelay: "1" })).body;
  });
  expect(await resultAt(world, workflow)).toBe("at last");
  await world.close();
  expect(retriedAt("/service")).toEqual(["0", "1", "2"]);
  expect(tellings()).toMatchObject([{ status: 200, retried: 2, maxRetries: 5 }]);
});

test("three retries, which the SDK does not say for runs, are said for calls", async () => {
  const url = world.app.on("/service", () => new Response("", { status: 500 }));
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url, retries: 3, retryDelay: "1" })).status;
  });
  expect(await resultAt(world, workflow)).toBe(500);
  expect(retriedAt("/service")).toEqual(["0", "1", "2", "3"]);
});

test("the retries of the run are not those of its calls", async () => {
  const url = world.app.on("/service", () => new Response("", { status: 500 }));
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url })).status;
  });
  await world.succeeded(await world.trigger({ url: workflow, retries: 5, retryDelay: "1" }));
  expect(retriedAt("/service")).toEqual(["0"]);
});

test("the retry delay of a call is an expression over the retries so far", async () => {
  const url = world.app.on("/service", () => new Response("", { status: 500 }));
  const workflow = world.serve("/flow", async (context) => {
    const retryDelay = "200 * (1 + retried)";
    return (await context.call("ask", { url, retries: 2, retryDelay })).status;
  });
  expect(await resultAt(world, workflow)).toBe(500);
  const [first = 0, second = 0, third = 0] = world.app.at("/service").map(({ at }) => at);
  expect(second - first).toBeGreaterThanOrEqual(200 - CLOCK_STEP_MS);
  expect(third - second).toBeGreaterThanOrEqual(400 - CLOCK_STEP_MS);
});

test("a service that says when to come again is obeyed", async () => {
  const url = world.app.on("/service", (_request, { headers }) =>
    headers["upstash-retried"] === "0"
      ? new Response("", { status: 429, headers: { "retry-after": "0" } })
      : new Response("ok"),
  );
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url, retries: 1, retryDelay: "3600000" })).status;
  });
  expect(await resultAt(world, workflow)).toBe(200);
});

test("a service that says that retries are in vain gets none", async () => {
  const headers = { "Upstash-NonRetryable-Error": "true" };
  const url = world.app.on("/service", () => new Response("never", { status: 489, headers }));
  const workflow = world.serve("/flow", async (context) => {
    return (await context.call("ask", { url, retries: 3, retryDelay: "1" })).status;
  });
  expect(await resultAt(world, workflow)).toBe(489);
  await world.close();
  expect(retriedAt("/service")).toEqual(["0"]);
  expect(tellings()).toMatchObject([{ status: 489, retried: 3, maxRetries: 3 }]);
});

test.each<[string, CallSettings["timeout"]]>([
  ["seconds", 1],
  ["a duration", "1s"],
])(
  "a silent service has the time that the call gives, in %s: status 0 and the reason",
  async (_name, timeout) => {
    const url = world.app.onRaw("/service", () => {}); // Never answers.
    const workflow = world.serve("/flow", async (context) => {
      const { status, body } = await context.call("ask", {
        url,
        ...(timeout === undefined ? {} : { timeout }),
      });
      return { status, body };
    });
    expect(await resultAt(world, workflow)).toEqual({
      status: 0,
      body: expect.stringMatching(/1 ?s|1000|time/i),
    });
    const [asked, told] = [world.app.at("/service")[0]?.at ?? 0, world.app.at("/flow")[1]?.at ?? 0];
    expect(told - asked).toBeGreaterThanOrEqual(900);
    expect(told - asked).toBeLessThan(60_000);
  },
);

test("a service that nobody can reach: status 0 and the reason", async () => {
  const workflow = world.serve("/flow", async (context) => {
    const url = "http://127.0.0.1:1/";
    const { status, body } = await context.call("ask", { url, retries: 1, retryDelay: "1" });
    return { status, body };
  });
  expect(await resultAt(world, workflow)).toEqual({
    status: 0,
    body: expect.stringMatching(/refused/i),
  });
  expect(tellings()).toMatchObject([{ status: 0, retried: 1, maxRetries: 1 }]);
});

test("a service that cuts the connection: status 0 and the reason", async () => {
  const url = world.app.onRaw("/service", (request) => request.socket.destroy());
  const workflow = world.serve("/flow", async (context) => {
    const { status, body } = await context.call("ask", { url });
    return { status, body };
  });
  expect(await resultAt(world, workflow)).toEqual({ status: 0, body: expect.stringMatching(/./) });
});

test("a call that fails leaves no dead letter and no failure call", async () => {
  const failures: unknown[] = [];
  const url = world.app.on("/service", () => new Response("no", { status: 500 }));
  const workflow = world.serve(
    "/flow",
    async (context) => (await context.call("ask", { url, retries: 1, retryDelay: "1" })).status,
    { failureFunction: (failure) => void failures.push(failure) },
  );
  expect(await resultAt(world, workflow)).toBe(500);
  await world.close();
  expect(failures).toEqual([]);
  expectDeliveries(world.app.at("/flow"), 3);
});
