// `GET /v2/waits` and `GET /v2/keptEvents`: what runs wait for, and what came before they did.

import type { KeptEventPage, WaitPage } from "@reprise/protocol";
import { expect, test } from "vitest";
import { waiting } from "./surface.ts";
import { useWorld } from "./world.ts";

const world = useWorld();

async function ask(path: string): Promise<unknown> {
  const { status, json } = await world.call("GET", path);
  expect(status, path).toBe(200);
  return json;
}

// The shapes that the tests check.
const waits = async (query = "") => (await ask(`/v2/waits${query}`)) as WaitPage;
// As above.
const kept = async (query = "") => (await ask(`/v2/keptEvents${query}`)) as KeptEventPage;

const serveWait = (path: string, eventId: string) =>
  world.serve(path, (context) => context.waitForEvent("wait", eventId, { timeout: "2h" }));

test("a wait says who waits for what, and until when", async () => {
  const url = serveWait("/flow", "event");
  const runId = await world.trigger({ url });
  await waiting(world, "event");
  const { waits: list, cursor } = await waits();
  expect(cursor).toBeUndefined();
  expect(list).toEqual([
    {
      kind: "event",
      state: "open",
      workflowRunId: runId,
      workflowUrl: url,
      workflowState: "RUN_STARTED",
      stepId: 1,
      stepName: "wait",
      createdAt: expect.any(Number),
      deadline: expect.any(Number),
      eventId: "event",
    },
  ]);
  await world.client.notify({ eventId: "event" });
  await world.succeeded(runId);
  expect((await waits()).waits).toEqual([]);
});

test("waits are found by event, run and kind, newest first, page by page", async () => {
  const runIds: string[] = [];
  for (const name of ["a", "b", "c"]) {
    runIds.push(await world.trigger({ url: serveWait(`/${name}`, `event-${name}`) }));
    await waiting(world, `event-${name}`);
  }
  const namesOf = (page: WaitPage) => page.waits.map(({ eventId }) => eventId);
  expect(namesOf(await waits("?eventId=event-b"))).toEqual(["event-b"]);
  expect(namesOf(await waits(`?workflowRunId=${runIds[0]}`))).toEqual(["event-a"]);
  expect(namesOf(await waits("?kind=call"))).toEqual([]);
  const first = await waits("?count=2");
  expect(namesOf(first)).toEqual(["event-c", "event-b"]);
  const second = await waits(`?count=2&cursor=${first.cursor}`);
  expect(namesOf(second)).toEqual(["event-a"]);
  expect(second.cursor).toBeUndefined();
});

test("an event that came too early is kept for its run until the run takes it", async () => {
  const url = serveWait("/first", "first");
  const runId = await world.trigger({ url });
  await waiting(world, "first");
  await world.client.notify({ eventId: "later", eventData: "seven", workflowRunId: runId });
  expect((await kept()).events).toEqual([
    {
      eventId: "later",
      source: "notify",
      workflowRunId: runId,
      workflowUrl: url,
      createdAt: expect.any(Number),
      bytes: 5,
    },
  ]);
  expect((await kept("?eventId=other")).events).toEqual([]);
  await world.client.notify({ eventId: "first" });
  await world.succeeded(runId);
  expect((await kept()).events).toEqual([]);
});

test.each([
  ["/v2/waits?kind=sleep", "kind"],
  ["/v2/waits?workflowRunId=7", "workflowRunId"],
  ["/v2/waits?state=open", "state"],
  ["/v2/keptEvents?kind=event", "kind"],
])("%s is refused, and the parameter is named", async (path, name) => {
  const { status, text } = await world.call("GET", path);
  expect(status).toBe(400);
  expect(text).toContain(name);
});
