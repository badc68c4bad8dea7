// `GET /v2/waiters/{eventId}`: who waits for an event.

import type { WaiterResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { waitersFor, waiting } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

const serveWait = (path = "/flow", eventId = "event") =>
  world.serve(path, (context) => context.waitForEvent("wait", eventId, { timeout: "2h" }));

test("a waiter has all its fields, its deadline in seconds, and headers with canonical names", async () => {
  const url = serveWait();
  const runId = await world.trigger({ url });
  const [waiter, ...others] = await waiting(world, "event");
  expect(others).toEqual([]);
  const headers = {
    "Content-Type": ["application/json"],
    "Upstash-Feature-Set": [expect.stringMatching(/LazyFetch/)],
    "Upstash-Forward-Upstash-Workflow-Sdk-Version": ["1"],
    "Upstash-Workflow-Calltype": ["step"],
    "Upstash-Workflow-Init": ["false"],
    "Upstash-Workflow-Runid": [runId],
    "Upstash-Workflow-Url": [url],
  };
  expect(waiter).toEqual({
    url,
    deadline: expect.any(Number),
    headers: expect.objectContaining(headers),
    timeoutUrl: url,
    timeoutBody: "",
    timeoutHeaders: expect.objectContaining(headers),
  } satisfies Record<keyof WaiterResource, unknown>);
  const inMs = (waiter?.deadline ?? 0) * 1000 - Date.now();
  expect(inMs).toBeGreaterThan(7_100_000);
  expect(inMs).toBeLessThanOrEqual(7_200_000);
  const names = Object.keys(waiter?.headers ?? {});
  for (const name of names) expect(name).toMatch(/^[A-Z][a-z0-9]*(-[A-Z0-9][a-z0-9]*)*$/);
  expect(JSON.stringify(waiter)).not.toContain(world.token);
});

test("the client of the SDK reads the list", async () => {
  await world.trigger({ url: serveWait() });
  await waiting(world, "event");
  const waiters = await world.client.getWaiters({ eventId: "event" });
  expect(waiters.map(({ url }) => url)).toEqual([`${world.app.url}/flow`]);
});

test("nobody waits for an unknown event", async () => {
  expect(await world.call("GET", "/v2/waiters/nothing")).toMatchObject({ status: 200, json: [] });
});

test("waiters stand in the order in which they came", async () => {
  for (const path of ["/a", "/b", "/c"]) {
    await world.trigger({ url: serveWait(path) });
    await waiting(world, "event", path.charCodeAt(1) - 96);
  }
  const urls = (await waitersFor(world, "event")).map(({ url }) => new URL(url).pathname);
  expect(urls).toEqual(["/a", "/b", "/c"]);
});

test("what a run redacts is redacted in the list and in what a notifier is told", async () => {
  const workflow = world.workflow((context) => context.waitForEvent("wait", "event"));
  const url = world.app.on("/flow", (request) => workflow(request));
  const runId = await world.trigger({ url, redact: { header: ["Content-Type"], body: true } });
  const [waiter] = await waiting(world, "event");
  const hidden = [expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/)];
  expect(waiter?.headers).toMatchObject({ "Upstash-Workflow-Runid": [runId] });
  expect(waiter?.headers["Content-Type"]).toEqual(hidden);
  expect(waiter?.timeoutHeaders["Content-Type"]).toEqual(hidden);
  const [answer] = await world.client.notify({ eventId: "event" });
  expect(answer?.waiter.headers["Content-Type"]).toEqual(hidden);
  await world.succeeded(runId);
});

test("the list needs a token", async () => {
  expect(await world.call("GET", "/v2/waiters/event", { token: null })).toMatchObject({
    status: 401,
  });
  const answer = await world.call("POST", "/v2/notify/event", { token: "wrong" });
  expect(answer).toMatchObject({ status: 401 });
});
