// Against a server that knows the public wire alone, our SDK makes the same requests as the official one, one after the other.

import * as own from "@reprise/sdk";
import { Client as QstashClient } from "@upstash/qstash";
import * as official from "@upstash/workflow";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { quietSdk } from "../../conformance/quiet-sdk.ts";
import type { Asked, Told } from "./asked.ts";
import { ModelServer } from "./model-server.ts";
import { asOwn, type Route, SERVICE } from "./traces.ts";

quietSdk();

const APP = "http://app.test/flow";

let flaky = 0;

const ROUTES: readonly [string, Route][] = [
  ["one step", (context) => context.run("a", () => "A")],
  [
    "steps with all kinds of results",
    async (context) => {
      await context.run("text", () => "ü < > & \u2028");
      await context.run("nothing", () => {});
      await context.run("null", () => null);
      await context.run("object", () => ({ a: [1, { b: 2 }] }));
    },
  ],
  [
    "sleeps",
    async (context) => {
      await context.sleep("seconds", 1);
      await context.sleep("duration", "2m");
      await context.sleepUntil("date", new Date(1_900_000_000_000));
      await context.sleepUntil("number", 1_900_000_000);
    },
  ],
  [
    "a group",
    async (context) => {
      const steps = [context.run("a", () => 1), context.sleep("b", 1), context.run("c", () => 3)];
      return Promise.all(steps);
    },
  ],
  [
    "groups and steps by turns",
    async (context) => {
      await context.run("first", () => 1);
      await Promise.all([context.run("a", () => 1), context.run("b", () => 2)]);
      await context.run("middle", () => 1);
      await Promise.all([context.run("c", () => 1), context.run("d", () => 2)]);
    },
  ],
  [
    "a call",
    async (context) => {
      const { status, body } = await context.call("ask", {
        url: SERVICE,
        method: "POST",
        body: JSON.stringify({ a: "ü" }),
        headers: { "X-Own": "yes" },
      });
      return { status, body };
    },
  ],
  [
    "a wait and its event",
    async (context) => {
      const [{ eventData }] = await Promise.all([
        context.waitForEvent("wait", "event 1", { timeout: "1h" }),
        context.notify("tell", "event 1", { b: 1 }),
      ]);
      return eventData;
    },
  ],
  [
    "a step that fails once",
    async (context) => {
      await context.run("flaky", () => {
        flaky++;
        if (flaky === 1) throw new Error("flaky");
      });
    },
  ],
  [
    "a step that must not be retried",
    (context) =>
      context.run("never", () => {
        const error = new official.WorkflowNonRetryableError("never");
        throw error;
      }),
  ],
  [
    "a step that fails for good",
    (context) => context.run("bad", () => Promise.reject(new Error("bad"))),
  ],
  [
    "a cancel",
    async (context) => {
      await context.run("a", () => 1);
      await context.cancel();
    },
  ],
];

const SDKS = {
  official: (route: Route, model: ModelServer) => {
    const qstashClient = new QstashClient({ baseUrl: model.url, token: model.token });
    return official.serve(route, { qstashClient }).handler;
  },
  classic: (route: Route, model: ModelServer) => serveOwn(route, model, "classic"),
  auto: (route: Route, model: ModelServer) => serveOwn(route, model, "auto"),
} as const;

function serveOwn(route: Route, model: ModelServer, mode: own.Mode) {
  const qstashClient = { baseUrl: model.url, token: model.token };
  // The contexts have the same methods, which is what this file is about.
  return own.serve(route as unknown as own.RouteFunction<unknown>, { qstashClient, mode });
}

let model: ModelServer;

beforeEach(async () => {
  model = new ModelServer();
  await model.open();
  model.serve(SERVICE, async (request) => Response.json({ echo: await request.json() }));
});

afterEach(() => model.close());

interface Trace {
  readonly asked: readonly Asked[];
  readonly told: readonly Told[];
  readonly refusals: readonly string[];
}

async function traceOf(sdk: keyof typeof SDKS, route: Route): Promise<Trace> {
  flaky = 0;
  model.reset();
  model.serve(APP, SDKS[sdk](route, model));
  const client = new official.Client({ baseUrl: model.url, token: model.token });
  await client.trigger({ url: APP, body: { hello: "you" }, workflowRunId: "1", retries: 1 });
  await model.drain();
  return { asked: [...model.asked], told: [...model.told], refusals: [...model.refusals] };
}

describe.each(["classic", "auto"] as const)("%s", (mode) => {
  test.each(ROUTES)("%s", async (_name, route) => {
    const expected = await traceOf("official", route);
    const actual = await traceOf(mode, route);
    expect(expected.refusals).toEqual([]);
    expect(actual.refusals).toEqual([]);
    expect(actual.asked).toEqual(expected.asked.map(asOwn));
    expect(actual.told.map(({ status }) => status)).toEqual(
      expected.told.map(({ status }) => status),
    );
    for (const { headers } of actual.told) {
      expect(Object.keys(headers).filter((name) => name.startsWith("reprise-"))).toEqual([]);
    }
  });
});
