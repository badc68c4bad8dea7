// Several workflows under one endpoint: `createWorkflow` and `serveMany`.

import { Client as QstashClient } from "@upstash/qstash";
import { createWorkflow, serveMany } from "@upstash/workflow/hono";
import { serveMany as serveManyNextjs } from "@upstash/workflow/nextjs";
import { Hono } from "hono";
import { expect, test } from "vitest";
import { sdkOptions, sdkWords } from "./sdk.ts";
import { faultOf, invokable, resultOf, serveTogether } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

test("the last part of the path picks the workflow, and its query does not matter", async () => {
  const routes = {
    one: invokable(async (context) => context.run("who", () => "one")),
    "two-b": invokable(async (context) => context.run("who", () => "two")),
  };
  const url = serveTogether(world, routes);
  const ids = [url("one"), url("two-b"), `${url("one")}?tenant=7`].map((at) =>
    world.trigger({ url: at }),
  );
  const runs = await Promise.all((await Promise.all(ids)).map((id) => world.succeeded(id)));
  expect(runs.map(resultOf)).toEqual(["one", "two", "one"]);
});

test("a name that is not served fails the run with what the endpoint says", async () => {
  const { POST } = serveManyNextjs({ one: invokable(async () => {}) });
  const url = world.app.on("/many/other", (request) => POST(request));
  const run = await world.failed(await world.trigger({ url, retries: 0 }));
  const body = expect.stringMatching(sdkWords.notServed);
  expect(faultOf(run)).toEqual({ status: 404, body });
});

test("a trigger over REST for a name that is not served fails in the same way", async () => {
  const { POST } = serveManyNextjs({ one: invokable(async () => {}) });
  const url = world.app.on("/many/other", (request) => POST(request));
  const headers = { "upstash-retries": "0" };
  const { json } = await world.call("POST", `/v2/trigger/${url}`, { headers });
  const { workflowRunId } = json as { readonly workflowRunId: string }; // As its own tests check.
  expect(faultOf(await world.failed(workflowRunId))).toMatchObject({ status: 404 });
});

test("a workflow invokes one beside it: the query of its own URL goes no further", async () => {
  const child = invokable(async (context) => context.run("where", () => context.url));
  const parent = invokable(async (context) => {
    return (await context.invoke("ask", { workflow: child, body: "b" })).body;
  });
  const url = serveTogether(world, { parent, child });
  const run = await world.succeeded(await world.trigger({ url: `${url("parent")}?x=1` }));
  expect(resultOf(run)).toBe(url("child"));
});

test("an app made with Hono serves several workflows that invoke and call each other", async () => {
  const qstashClient = new QstashClient({ baseUrl: world.server.url, token: world.token });
  const { receiver } = world.app;
  const leaf = createWorkflow<string, string>(async (context) => {
    return context.run("work", () => `leaf of ${context.requestPayload}`);
  });
  const tree = createWorkflow(async (context) => {
    const invoked = await context.invoke("invoke", { workflow: leaf, body: "tree" });
    const called = await context.call("call", { workflow: leaf, body: "caller" });
    return [invoked.body, called.status];
  });
  const app = new Hono().post(
    "/hono/*",
    serveMany({ leaf, tree }, { qstashClient, receiver, ...sdkOptions }),
  );
  for (const path of ["/hono/leaf", "/hono/tree"]) {
    world.app.on(path, (request) => app.fetch(request));
  }
  const run = await world.succeeded(await world.trigger({ url: `${world.app.url}/hono/tree` }));
  expect(resultOf(run)).toEqual(["leaf of tree", 200]);
});

test("options of the whole hold for each workflow, and one may have its own", async () => {
  const failed: string[] = [];
  const route = async (context: Parameters<Parameters<typeof invokable>[0]>[0]) => {
    await context.run("broken", () => Promise.reject(new Error("broken")));
  };
  const own = invokable(route, {
    failureFunction: async () => {
      failed.push("own");
    },
  });
  const url = serveTogether(world, { own, common: invokable(route) });
  for (const name of ["own", "common"]) {
    const runId = await world.trigger({ url: url(name), retries: 0 });
    await world.deadLetterIn(runId, name === "own" ? "CALLBACK_SUCCESS" : null);
  }
  expect(failed).toEqual(["own"]);
});

test("runs of all of them are found by the host, and each by its path", async () => {
  const routes = {
    one: invokable(async (context) => context.run("who", () => 1)),
    two: invokable(async (context) => context.run("who", () => 2)),
  };
  const url = serveTogether(world, routes);
  for (const name of ["one", "two"]) await world.succeeded(await world.trigger({ url: url(name) }));
  const { host } = new URL(world.app.url);
  expect((await world.client.logs({ filter: { host } })).runs).toHaveLength(2);
  const { runs } = await world.client.logs({ filter: { path: "/many/two" } });
  expect(runs.map(({ workflowUrl }) => workflowUrl)).toEqual([url("two")]);
});
