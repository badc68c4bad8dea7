import type { Overview } from "@reprise/protocol";
import { beforeEach, expect, test } from "vitest";
import { insert } from "../core/transition.ts";
import { Timeline } from "../observe/timeline.ts";
import { fullRows } from "../store/full-rows.suite.ts";
import { errorResponse } from "./errors.ts";
import { createMessageWorld, type MessageWorld } from "./message-world.suite.ts";
import type { ApiRoom } from "./room.ts";
import { overviewRoutes } from "./routes/overview.ts";
import { respond, type World } from "./test-world.suite.ts";

let known: MessageWorld;
let world: World;
let timeline: Timeline;

beforeEach(async () => {
  known = await createMessageWorld();
  ({ world } = known);
  timeline = new Timeline();
});

async function ask(query = "", room: Partial<ApiRoom> = {}): Promise<Overview> {
  const overview = { timeline, stuckCount: () => 3 };
  const app = overviewRoutes({ ...world.room, overview, ...room });
  const answer = await app.request(`/v2/overview${query}`);
  expect(answer.status).toBe(200);
  // The test compares it with what it should be.
  return (await answer.json()) as Overview;
}

test("a server on which nothing has happened says so", async () => {
  const overview = await ask("", { overview: { timeline, stuckCount: () => 0 } });
  expect(overview).toEqual({
    now: world.host.now(),
    windowMs: 3_600_000,
    runs: { started: 0, succeeded: 0, failed: 0, canceled: 0 },
    buckets: expect.any(Array),
    attempts: { count: 0, failed: 0 },
    latencyMs: null,
    oldestDueAgeMs: null,
    open: { runs: 0, messages: 0, deadLetters: 0, deadMessages: 0 },
    stuckRuns: 0,
    flowControls: [],
    queues: [],
    schedules: { count: 0, paused: 0 },
    attention: [],
  });
  expect(overview.buckets).toHaveLength(60);
});

test("what is open is counted, and what needs somebody is named", async () => {
  world.host.app = () => respond(500, "boom");
  await world.fail();
  await known.fail();
  await known.hold();
  await world.start({ delayMs: 60_000 });
  const gate = { name: "k", waitingCount: 150, inFlightCount: 2, parallelism: 2 } as const;
  await world.store.transaction((transaction) =>
    transaction.write([
      insert("flowControls", {
        ...fullRows.flowControls,
        dueAt: null,
        isPaused: 0,
        key: 900_000,
        ...gate,
      }),
      insert("flowControls", {
        ...fullRows.flowControls,
        ...{ key: 900_001, ...gate, name: "p", isPaused: 1, dueAt: null },
      }),
      insert("queues", {
        ...fullRows.queues,
        ...{
          key: 900_002,
          name: "line",
          parallelism: 1,
          openCount: 1,
          waitingCount: 2,
          isPaused: 1,
        },
      }),
    ]),
  );
  timeline.add("runsFailed", world.host.now());
  timeline.attempt(false, world.host.now(), 7);
  const overview = await ask("?window=24h");
  expect(overview).toMatchObject({
    windowMs: 86_400_000,
    runs: { failed: 1 },
    attempts: { count: 1, failed: 1 },
    latencyMs: { p50: 10 },
    open: { runs: 1, messages: 1, deadLetters: 1, deadMessages: 1 },
    stuckRuns: 3,
    flowControls: [{ name: "k", waiting: 150, inFlight: 2, parallelism: 2 }, { name: "p" }],
    queues: [{ name: "line", waiting: 2, inFlight: 1, parallelism: 1 }],
  });
  expect(overview.buckets.at(-1)).toMatchObject({ failed: 1, failedRuns: 1 });
  const told = overview.attention.map(({ type, count, subject, gate }) => [
    type,
    count,
    ...(gate === null ? [subject] : [gate, subject]),
  ]);
  expect(told).toEqual([
    ["dead_letters", 1, null],
    ["dead_messages", 1, null],
    ["stuck_runs", 3, null],
    ["paused", 150, "flow_control", "p"],
    ["paused", 2, "queue", "line"],
    ["gate_full", 150, "flow_control", "k"],
  ]);
});

test("dead letters that are about to expire, and late deliveries, come to mind", async () => {
  const { host, room } = world;
  await world.fail();
  await host.advance(room.settings.deadLetterRetentionMs - 3_600_000);
  const { attention } = await ask();
  expect(attention[0]).toMatchObject({ type: "expiring_dead_letters", count: 1 });
});

test("an unknown window is refused, and an answer serves all who ask within a second", async () => {
  const app = overviewRoutes({ ...world.room });
  app.onError((error) => errorResponse(error, world.host));
  expect(await (await app.request("/v2/overview")).json()).toMatchObject({ buckets: [] });
  await world.fail();
  expect(await (await app.request("/v2/overview")).json()).toMatchObject({
    open: { deadLetters: 0 },
  });
  await world.host.advance(1_000);
  expect(await (await app.request("/v2/overview")).json()).toMatchObject({
    open: { deadLetters: 1 },
  });
  expect((await app.request("/v2/overview?window=2h")).status).toBe(400);
});
