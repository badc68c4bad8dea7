import type { ScheduleResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type MessageWorld, openMessageWorld } from "./message-target.test.fixture.ts";

const NIGHTLY = "CRON_TZ=Europe/Berlin 0 6 * * *";

let world: MessageWorld;

beforeEach(async () => {
  world = await openMessageWorld();
});

afterEach(() => world.close());

const schedules = (...args: readonly string[]) => world.run(["schedules", ...args]);
const create = (...args: readonly string[]) =>
  schedules("create", world.url, "--cron", NIGHTLY, ...args);
const show = (id: string) => world.json<ScheduleResource>(["schedules", "show", id]);

test("a new schedule prints its id, and is listed with its next time", async () => {
  const { exitCode, out, err } = await create();
  expect([exitCode, out, err]).toEqual([0, expect.stringMatching(/^scd_\S+\n$/), ""]);
  const list = await schedules("list");
  expect(list.out).toMatch(/^schedule +cron +next +last +of the last +destination\n/);
  expect(list.out).toMatch(
    /^scd_\S+ +CRON_TZ=Europe\/Berlin 0 6 \* \* \* +\d{4}-\S+ 0[45]:00:00Z +- +- +http/m,
  );
  expect(list.err).toBe("1 schedule\n");
  expect(await world.json(["schedules", "list"])).toMatchObject([{ scheduleId: out.trim() }]);
});

test("every option reaches the schedule, and the same id replaces it", async () => {
  await create(
    ...["--schedule-id", "nightly", "--body", '{"a":1}', "--retries", "5", "--delay", "90s"],
    ...["--timeout", "9s", "--label", "x", "--queue", "orders", "--method", "PUT"],
    ...["--header", "X-Job: report", "--callback", "http://127.0.0.1:9/done"],
  );
  expect(await show("nightly")).toMatchObject({
    cron: NIGHTLY,
    destination: world.url,
    body: '{"a":1}',
    header: { "Content-Type": ["application/json"], "X-Job": ["report"] },
    retries: 5,
    delay: 90,
    timeout: 9,
    labels: ["x"],
    queueName: "orders",
    method: "PUT",
    callback: "http://127.0.0.1:9/done",
  });
  const { out } = await schedules("show", "nightly");
  for (const line of [/^schedule +nightly$/m, /^delay +90 s$/m, /^body\n {2}\{"a":1\}$/m]) {
    expect(out).toMatch(line);
  }
  const again = await schedules(
    "create",
    world.url,
    "--cron",
    "@daily",
    "--schedule-id",
    "nightly",
  );
  expect(again.out).toBe("nightly\n");
  expect(await show("nightly")).toMatchObject({ cron: "@daily", retries: 3 });
});

test("a schedule is paused and resumed", async () => {
  await create("--schedule-id", "nightly");
  expect(await schedules("pause", "nightly")).toEqual({
    exitCode: 0,
    out: "",
    err: "nightly: paused\n",
  });
  expect((await show("nightly")).isPaused).toBe(true);
  expect((await schedules("list")).out).toMatch(/^nightly +CRON\S+ [\d* ]+ +paused /m);
  expect((await schedules("resume", "nightly")).exitCode).toBe(0);
  expect((await show("nightly")).isPaused).toBe(false);
});

test("a deletion is asked about", async () => {
  await create("--schedule-id", "nightly");
  expect((await schedules("delete", "nightly")).exitCode).toBe(2);
  expect((await show("nightly")).scheduleId).toBe("nightly");
  const deleted = await schedules("delete", "nightly", "--yes", "--json");
  expect([deleted.exitCode, JSON.parse(deleted.out)]).toEqual([0, {}]);
  expect((await schedules("show", "nightly")).exitCode).toBe(1);
});

test("wrong uses are refused here, wrong expressions by the server", async () => {
  expect((await schedules("create", world.url)).exitCode).toBe(2);
  expect((await schedules("create", "example", "--cron", "")).exitCode).toBe(1);
  expect((await schedules("delete", "..", "--yes")).exitCode).toBe(2);
  const wrong = await schedules("create", world.url, "--cron", "0 0 * * 7");
  expect([wrong.exitCode, wrong.out]).toEqual([1, ""]);
  expect(wrong.err).toContain("day of week (field 5)");
});
