import { HEADER, messageKey } from "@reprise/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ScheduleRow } from "../core/rows.ts";
import type { ScheduleConfig } from "../core/schedule.ts";
import type { PutSchedule } from "../core/schedule-command.ts";
import { update } from "../core/transition.ts";
import type { SetEndpoints } from "../core/url-group-command.ts";
import type { OutgoingRequest } from "../host/host.ts";
import { allMessages, openWorld, type World } from "./engine.suite.ts";
import { accepted } from "./scripted-host.suite.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

let world: World;
let requests: { readonly request: OutgoingRequest; readonly at: number }[];

beforeEach(async () => {
  world = await openWorld();
  requests = [];
  world.host.respond = (request) => {
    requests.push({ request, at: world.host.now() });
    return accepted();
  };
});

afterEach(() => world.store.close());

function config(more: Partial<ScheduleConfig> = {}): ScheduleConfig {
  return { method: "POST", headers: {}, retries: 0, callerIp: "192.0.2.9", ...more };
}

function put(more: Partial<PutSchedule> = {}): PutSchedule {
  return {
    type: "putSchedule",
    scheduleId: "scd_a",
    cron: "* * * * *",
    destination: "https://app.test/tick",
    config: config(),
    body: new TextEncoder().encode("tick"),
    dedup: null,
    dedupUntil: 0,
    ...more,
  };
}

async function schedule(id = "scd_a"): Promise<ScheduleRow> {
  const [row] = await world.store.find("schedules", "byId", [[id]]);
  if (row === undefined) throw new Error(`there is no schedule ${id}`);
  return row;
}

/** Messages that were made at all, open or not. */
function madeMessages() {
  return world.store.count("envelopes", []);
}

const ticksAt = () => requests.map(({ at }) => at);
/** The first whole minute behind now. */
const nextMinute = () => Math.floor(world.host.now() / MINUTE_MS) * MINUTE_MS + MINUTE_MS;

describe("a tick", () => {
  test("makes one message at each instant of the expression", async () => {
    const first = nextMinute();
    await world.engine.execute([put()]);
    expect(await schedule()).toMatchObject({ dueAt: first, lastAt: null, isPaused: 0 });
    await world.host.advance(first + 2 * MINUTE_MS - world.host.now());
    expect(ticksAt()).toEqual([first, first + MINUTE_MS, first + 2 * MINUTE_MS]);
    expect(await schedule()).toMatchObject({
      dueAt: first + 3 * MINUTE_MS,
      lastAt: first + 2 * MINUTE_MS,
      error: null,
    });
  });

  test("sends what the schedule was given, its id and its creator's address", async () => {
    const headers = { "content-type": "text/plain", "x-a": "1" };
    await world.engine.execute([put({ config: config({ method: "PUT", headers }) })]);
    await world.host.advance(MINUTE_MS);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.request).toMatchObject({
      url: "https://app.test/tick",
      method: "PUT",
      body: new TextEncoder().encode("tick"),
      headers: {
        ...headers,
        [HEADER.scheduleId]: "scd_a",
        [HEADER.callerIp]: "192.0.2.9",
      },
    });
    const id = requests[0]?.request.headers[HEADER.messageId] ?? "";
    expect(JSON.parse((await schedule()).lastMessages ?? "")).toEqual([messageKey(id)]);
  });

  test("comes for every schedule, also when more are due than one transaction takes", async () => {
    const ids = Array.from({ length: 120 }, (_, index) => `scd_${index}`);
    await world.engine.execute(ids.map((scheduleId) => put({ scheduleId })));
    const first = nextMinute();
    await world.host.advance(first - world.host.now());
    expect(ticksAt()).toEqual(ids.map(() => first));
    await world.host.advance(MINUTE_MS);
    expect(requests).toHaveLength(240);
  });

  test("delays each message from the tick on", async () => {
    const first = nextMinute();
    await world.engine.execute([put({ config: config({ delayMs: 90_000 }) })]);
    await world.host.advance(first + 3 * MINUTE_MS - world.host.now());
    expect(ticksAt()).toEqual([first + 90_000, first + MINUTE_MS + 90_000]);
  });

  test("leaves alone the messages of a schedule that is deleted behind it", async () => {
    const first = nextMinute();
    await world.engine.execute([put({ config: config({ delayMs: 90_000 }) })]);
    await world.host.advance(first - world.host.now());
    await world.engine.execute([{ type: "deleteSchedule", scheduleId: "scd_a" }]);
    await world.host.advance(5 * MINUTE_MS);
    expect(ticksAt()).toEqual([first + 90_000]);
  });

  test("is made once where clocks are set forth, and once where they are set back", async () => {
    const zone = "CRON_TZ=Europe/Berlin 30 2 * * *";
    // The clocks of Berlin jump from 2:00 to 3:00 on 2027-03-28, and from 3:00 to 2:00 on 2027-10-31.
    await world.host.advance(Date.UTC(2027, 2, 27, 12) - world.host.now());
    await world.engine.execute([put({ cron: zone })]);
    await world.host.advance(2 * DAY_MS);
    await world.engine.execute([{ type: "deleteSchedule", scheduleId: "scd_a" }]);
    await world.host.advance(Date.UTC(2027, 9, 30, 12) - world.host.now());
    await world.engine.execute([put({ cron: zone })]);
    await world.host.advance(2 * DAY_MS);
    expect(ticksAt().map((at) => new Date(at).toISOString())).toEqual([
      "2027-03-28T01:00:00.000Z",
      "2027-03-29T00:30:00.000Z",
      "2027-10-31T00:30:00.000Z",
      "2027-11-01T01:30:00.000Z",
    ]);
  });
});

describe("ticks that were missed", () => {
  test("are made up for once, after a time in which no server ran", async () => {
    const first = nextMinute();
    await world.engine.execute([put()]);
    await world.engine.stop(0);
    await world.host.advance(first + 1_000 * MINUTE_MS + 5_000 - world.host.now());
    expect(requests).toEqual([]);
    world.restart().start();
    await world.host.advance(0);
    expect(ticksAt()).toEqual([world.host.now()]);
    expect(await schedule()).toMatchObject({
      lastAt: first,
      dueAt: first + 1_001 * MINUTE_MS,
    });
  });

  test("do not come back when a schedule is put again at the start", async () => {
    const first = nextMinute();
    await world.engine.execute([put({ cron: "0 0 * * *" })]);
    const due = (await schedule()).dueAt ?? 0;
    await world.engine.stop(0);
    await world.host.advance(due + MINUTE_MS - world.host.now());
    expect(due).toBeGreaterThan(first);
    const engine = world.restart();
    await engine.execute([put({ cron: "0 0 * * *" })]);
    await world.host.advance(0);
    expect(ticksAt()).toEqual([world.host.now()]);
    expect(await schedule()).toMatchObject({ lastAt: due, dueAt: due + DAY_MS });
  });
});

describe("a pause", () => {
  beforeEach(async () => {
    await world.engine.execute([put()]);
    await world.engine.execute([{ type: "pauseSchedule", scheduleId: "scd_a" }]);
  });

  test("skips ticks, also behind a restart", async () => {
    expect(await schedule()).toMatchObject({ isPaused: 1, dueAt: null });
    await world.host.advance(5 * MINUTE_MS);
    await world.engine.stop(0);
    world.restart().start();
    await world.host.advance(5 * MINUTE_MS);
    expect(requests).toEqual([]);
  });

  test("outlasts a replacement of the schedule", async () => {
    await world.engine.execute([put({ cron: "*/2 * * * *" })]);
    await world.host.advance(5 * MINUTE_MS);
    expect(requests).toEqual([]);
    expect(await schedule()).toMatchObject({ isPaused: 1, dueAt: null, cron: "*/2 * * * *" });
  });

  test("ends with the next tick from then on", async () => {
    await world.host.advance(5 * MINUTE_MS);
    const first = nextMinute();
    await world.engine.execute([{ type: "resumeSchedule", scheduleId: "scd_a" }]);
    await world.host.advance(MINUTE_MS);
    expect(ticksAt()).toEqual([first]);
  });
});

describe("a crash", () => {
  test.each(["before", "after"] as const)(
    "%s the commit of a tick neither loses nor repeats it",
    async (moment) => {
      const first = nextMinute();
      await world.engine.execute([put()]);
      world.faults.next = [moment];
      await world.host.advance(first - world.host.now());
      expect(world.host.logs.map(({ event }) => event)).toContain("transaction_failed");
      await world.host.advance(30_000);
      expect(await madeMessages()).toBe(1);
      expect(requests).toHaveLength(1);
      expect(await schedule()).toMatchObject({ lastAt: first, dueAt: first + MINUTE_MS });
    },
  );

  test("of the process at the tick leaves it to the next one", async () => {
    const first = nextMinute();
    await world.engine.execute([put()]);
    world.faults.next = ["after"];
    await world.host.advance(first - world.host.now());
    const { lastAt } = await schedule();
    world.restart().start();
    await world.host.advance(0);
    expect(lastAt).toBe(first);
    expect(await madeMessages()).toBe(1);
    expect(requests.length).toBeGreaterThan(0);
  });
});

describe("a tick to a URL group", () => {
  const endpoints: SetEndpoints = {
    type: "setEndpoints",
    name: "orders",
    endpoints: [{ name: "one", url: "https://one.test/" }, { url: "https://two.test/" }],
  };

  test("makes a message for each endpoint that the group has then", async () => {
    await world.engine.execute([endpoints]);
    await world.engine.execute([put({ destination: "orders" })]);
    await world.engine.execute([{ ...endpoints, endpoints: [{ url: "https://three.test/" }] }]);
    await world.host.advance(MINUTE_MS);
    expect(requests.map(({ request }) => request.url)).toEqual([
      "https://one.test/",
      "https://two.test/",
      "https://three.test/",
    ]);
    expect(requests[0]?.request.headers[HEADER.topicName]).toBe("orders");
    expect(JSON.parse((await schedule()).lastMessages ?? "")).toHaveLength(3);
  });

  test("draws no more keys than were reserved, however many messages there are", async () => {
    const urls = Array.from({ length: 100 }, (_, index) => ({ url: `https://one.test/${index}` }));
    await world.engine.execute([{ ...endpoints, endpoints: urls }]);
    const flowControl = { key: "k", parallelism: 1, rate: null, periodMs: 1_000 };
    const own = { destination: "orders", config: config({ flowControl, queueName: "slow" }) };
    const ids = Array.from({ length: 40 }, (_, index) => `scd_${index}`);
    await world.engine.execute(ids.map((scheduleId) => put({ ...own, scheduleId })));
    world.host.respond = null;
    await world.host.advance(MINUTE_MS);
    expect(world.host.logs).toEqual([]);
    expect(await madeMessages()).toBe(4_000);
  });

  test("needs the group when the schedule is made", async () => {
    await expect(world.engine.execute([put({ destination: "orders" })])).rejects.toMatchObject({
      code: "url_group_not_found",
    });
    expect(await world.store.count("schedules", [])).toBe(0);
  });

  test("leaves an error when the group is gone, until it is back", async () => {
    await world.engine.execute([endpoints]);
    await world.engine.execute([put({ destination: "orders" })]);
    await world.engine.execute([{ type: "deleteUrlGroup", name: "orders" }]);
    const first = nextMinute();
    await world.host.advance(MINUTE_MS);
    expect(await schedule()).toMatchObject({
      error: expect.stringContaining("topic orders not found"),
      lastAt: first,
      lastMessages: "[]",
      dueAt: first + MINUTE_MS,
    });
    await world.engine.execute([endpoints]);
    await world.host.advance(MINUTE_MS);
    expect(requests).toHaveLength(2);
    expect(await schedule()).toMatchObject({ error: null });
  });
});

describe("a tick that fails", () => {
  test.each([
    ["settings", { config: "{" }, "its settings cannot be read"],
    ["expression", { cron: "every now and then" }, "Invalid cron expression"],
  ])("for its %s shows why, once, and does not hold up the others", async (_, damage, reason) => {
    await world.engine.execute([put(), put({ scheduleId: "scd_b" })]);
    const row = await schedule();
    await world.store.transaction((transaction) =>
      transaction.write([update("schedules", row, { ...row, ...damage })]),
    );
    const before = world.store.counters.commits;
    await world.host.advance(MINUTE_MS);
    expect(await schedule()).toMatchObject({ error: expect.stringContaining(reason) });
    const ids = requests.map(({ request }) => request.headers[HEADER.scheduleId]);
    expect(ids).toContain("scd_b");
    // A tick that came again and again would show here.
    expect(world.store.counters.commits - before).toBeLessThan(10);
  });
});

describe("the gates of a scheduled message", () => {
  test("a queue is made with the schedule, and one that exists is left as it is", async () => {
    await world.engine.execute([put({ config: config({ queueName: "slow" }) })]);
    const [made] = await world.store.find("queues", "byName", [["slow"]]);
    expect(made).toMatchObject({ parallelism: 1, isPaused: 0 });
    if (made === undefined) return;
    const changed = { ...made, parallelism: 7, isPaused: 1 } as const;
    await world.store.transaction((transaction) =>
      transaction.write([update("queues", made, changed)]),
    );
    await world.engine.execute([put({ config: config({ queueName: "slow" }) })]);
    await world.host.advance(MINUTE_MS);
    expect(requests).toEqual([]);
    const [after] = await world.store.find("queues", "byName", [["slow"]]);
    expect(after).toMatchObject({ parallelism: 7, isPaused: 1, waitingCount: 1 });
    expect(await allMessages(world.store)).toMatchObject([
      { state: "waiting", gate: "queue:slow" },
    ]);
  });

  test("flow control holds back what is above its rate", async () => {
    const flowControl = { key: "k", parallelism: null, rate: 1, periodMs: 5 * MINUTE_MS };
    await world.engine.execute([put({ config: config({ flowControl }) })]);
    await world.host.advance(3 * MINUTE_MS);
    expect(requests).toHaveLength(1);
    expect(await madeMessages()).toBe(3);
  });
});

describe("the same creation again", () => {
  const dedup = { kind: "id", id: "once" } as const;
  const again = () => put({ scheduleId: "scd_b", dedup, dedupUntil: world.host.now() + 600_000 });

  beforeEach(async () => {
    await world.engine.execute([{ ...again(), scheduleId: "scd_a" }]);
  });

  test("gives the schedule that exists", async () => {
    expect(await world.engine.execute([again()])).toEqual([
      { scheduleId: "scd_a", deduplicated: true },
    ]);
    expect(await world.store.count("schedules", [])).toBe(1);
  });

  test("makes another one when that is gone, or the window is over", async () => {
    await world.host.advance(600_000);
    expect(await world.engine.execute([again()])).toMatchObject([{ deduplicated: false }]);
    await world.engine.execute([{ type: "deleteSchedule", scheduleId: "scd_b" }]);
    expect(await world.engine.execute([again()])).toMatchObject([{ deduplicated: false }]);
  });

  test("is no claim on a published message of this id", async () => {
    const { notBefore = 0, ...envelope } = { ...config(), notBefore: world.host.now() };
    const [answer] = await world.engine.execute([
      {
        type: "publish",
        destination: { kind: "url", url: "https://app.test/" },
        envelope: { ...envelope, notBefore },
        body: new Uint8Array(),
        dedup,
        dedupUntil: world.host.now() + 600_000,
      },
    ]);
    expect(answer).toMatchObject({ messages: [{ deduplicated: false }] });
  });
});
