import type { ScheduleResource } from "@reprise/protocol";
import { beforeEach, describe, expect, test } from "vitest";
import { respond } from "../test-world.suite.ts";
import { type Client, openClient, type Sent } from "./api-client.suite.ts";

const MINUTE_MS = 60_000;
const URL_A = "https://app.test/tick";

let client: Client;

beforeEach(async () => {
  client = await openClient();
  client.world.host.app = () => respond(200);
});

const cron = { "upstash-cron": "*/5 * * * *" };

function create(target: string, headers: Readonly<Record<string, string>> = cron, body = "hello") {
  return client.send("POST", `/v2/schedules/${target}`, { headers, body });
}

/** Creates a schedule that is accepted, and gives its id. */
async function created(more: Readonly<Record<string, string>> = {}, target = URL_A) {
  const { status, json, text } = await create(target, { ...cron, ...more });
  expect(status, text).toBe(200);
  // The shape is what the next line looks at.
  const { scheduleId } = json as { readonly scheduleId: string };
  expect(scheduleId).toEqual(expect.any(String));
  return scheduleId;
}

async function get(id: string): Promise<ScheduleResource> {
  const { status, json, text } = await client.send("GET", `/v2/schedules/${id}`);
  expect(status, text).toBe(200);
  // The shape is what the tests check.
  return json as ScheduleResource;
}

async function putGroup(name: string, ...urls: string[]) {
  const body = JSON.stringify({ endpoints: urls.map((url) => ({ url })) });
  const answer = await client.send("POST", `/v2/topics/${name}/endpoints`, { body });
  expect(answer.status, answer.text).toBe(200);
}

describe("a new schedule", () => {
  test("has an id of its own unless it is given one", async () => {
    expect(await created()).toMatch(/^scd_[A-Za-z0-9_-]{21}$/);
    expect(await created({ "upstash-schedule-id": "daily.report_1" })).toBe("daily.report_1");
  });

  test("is shown with everything that it was given", async () => {
    const id = await created({
      "upstash-cron": " CRON_TZ=Europe/Berlin */10 * * * * ",
      "upstash-method": "PUT",
      "content-type": "text/plain",
      "upstash-forward-x-key": "1",
      "upstash-delay": "10s",
      "upstash-timeout": "1.5s",
      "upstash-retries": "5",
      "upstash-retry-delay": "1000 * retried",
      "upstash-callback": "https://app.test/callback",
      "upstash-callback-forward-x-cb": "2",
      "upstash-failure-callback": "https://app.test/failed",
      "upstash-failure-callback-forward-x-fcb": "3",
      "upstash-queue-name": "slow",
      "upstash-flow-control-key": "k",
      "upstash-flow-control-value": "parallelism=3",
      "upstash-label": "a, b",
    });
    const now = client.world.host.now();
    expect(await get(id)).toEqual({
      scheduleId: id,
      cron: "CRON_TZ=Europe/Berlin */10 * * * *",
      createdAt: now,
      destination: URL_A,
      method: "PUT",
      isPaused: false,
      retries: 5,
      header: { "Content-Type": ["text/plain"], "X-Key": ["1"] },
      body: "hello",
      delay: 10,
      timeout: 2,
      retryDelayExpression: "1000 * retried",
      callback: "https://app.test/callback",
      callbackHeader: { "X-Cb": ["2"] },
      failureCallback: "https://app.test/failed",
      failureCallbackHeader: { "X-Fcb": ["3"] },
      callerIP: "192.0.2.1",
      callerIp: "192.0.2.1",
      queueName: "slow",
      flowControlKey: "k",
      parallelism: 3,
      period: 1,
      label: "a",
      labels: ["a", "b"],
      nextScheduleTime: Math.ceil((now + 1) / (10 * MINUTE_MS)) * 10 * MINUTE_MS,
    });
  });

  test("shows no more than it has", async () => {
    const { status } = await create("https://www.initial.com", cron, "");
    expect(status).toBe(200);
    const { json } = await client.send("GET", "/v2/schedules");
    expect(json).toEqual([
      {
        scheduleId: expect.stringMatching(/^scd_/),
        cron: "*/5 * * * *",
        createdAt: client.world.host.now(),
        destination: "https://www.initial.com",
        method: "POST",
        isPaused: false,
        retries: 3,
        callerIP: "192.0.2.1",
        callerIp: "192.0.2.1",
        nextScheduleTime: expect.any(Number),
      },
    ]);
  });

  test("shows a body that is no text as base64, and what is redacted as its hash", async () => {
    const body = new Uint8Array([0xff, 0xfe]);
    const binary = await client.send("POST", `/v2/schedules/${URL_A}`, { headers: cron, body });
    // The shape is that of every creation.
    const { scheduleId } = binary.json as { readonly scheduleId: string };
    expect(await get(scheduleId)).toMatchObject({ bodyBase64: "//4=" });
    const redacted = await get(
      await created({
        "upstash-redact-fields": "body,header[X-Key]",
        "upstash-forward-x-key": "s",
      }),
    );
    expect(redacted.body).toEqual(expect.stringMatching(/^REDACTED:[0-9a-f]{64}$/));
    expect(redacted.header?.["X-Key"]).toEqual([expect.stringMatching(/^REDACTED:/)]);
  });

  test("comes of a publish or an enqueue with a cron expression as well", async () => {
    const published = await client.send("POST", `/v2/publish/${URL_A}`, { headers: cron });
    expect(published.json).toEqual({ scheduleId: expect.stringMatching(/^scd_/) });
    const enqueued = await client.send("POST", `/v2/enqueue/slow/${URL_A}`, { headers: cron });
    const { scheduleId } = enqueued.json as { readonly scheduleId: string }; // As above.
    expect(await get(scheduleId)).toMatchObject({ queueName: "slow", destination: URL_A });
    const query = await client.send("POST", `/v2/publish/${URL_A}?a=1&upstash-cron=@daily`);
    expect(query.json).toEqual({ scheduleId: expect.any(String) });
    expect(await client.world.store.count("messages", [])).toBe(0);
  });

  test("takes a destination as a publish does", async () => {
    await putGroup("orders", "https://one.test/");
    const urls = [
      "https://app.test/a//b?x=1&y=%2F",
      "https%3A%2F%2Fapp.test%2Fencoded",
      "https:/app.test/pause/",
      "https://app.test/pause",
      "orders",
    ];
    const shown = [];
    for (const url of urls) shown.push((await get(await created({}, url))).destination);
    expect(shown).toEqual([
      "https://app.test/a//b?x=1&y=%2F",
      "https://app.test/encoded",
      "https://app.test/pause/",
      "https://app.test/pause",
      "orders",
    ]);
  });
});

describe("a creation is refused", () => {
  test.each<[string, Record<string, string>, string, number]>([
    ["without an expression", {}, URL_A, 400],
    ["with an empty one", { "upstash-cron": " " }, URL_A, 400],
    ["with seconds", { "upstash-cron": "* * * * * *" }, URL_A, 400],
    ["with one that never fires", { "upstash-cron": "0 0 31 2 *" }, URL_A, 400],
    ["in no time zone", { "upstash-cron": "CRON_TZ=Mars/Phobos * * * * *" }, URL_A, 400],
    ["with an instant", { ...cron, "upstash-not-before": "1800000000" }, URL_A, 400],
    ["under a bad id", { ...cron, "upstash-schedule-id": "a/b" }, URL_A, 400],
    ["under a long id", { ...cron, "upstash-schedule-id": "a".repeat(129) }, URL_A, 400],
    ["under an empty id", { ...cron, "upstash-schedule-id": "" }, URL_A, 400],
    ["to nothing", cron, "", 400],
    ["to another scheme", cron, "ftp://app.test/", 400],
    ["to something with a slash", cron, "orders/x", 400],
    ["to an unknown URL group", cron, "orders", 404],
    ["with too many retries", { ...cron, "upstash-retries": "21" }, URL_A, 412],
  ])("%s", async (_, headers, target, status) => {
    const answer = await create(target, headers);
    expect(answer.status, answer.text).toBe(status);
    expect(answer.json).toMatchObject({ error: expect.any(String) });
    expect(await client.world.store.count("schedules", [])).toBe(0);
  });

  test("above the limit, which a replacement does not count for", async () => {
    for (let index = 0; index < 5; index += 1) {
      await created({ "upstash-schedule-id": `s${index}` });
    }
    expect(await create(URL_A, { ...cron, "upstash-schedule-id": "s5" })).toMatchObject({
      status: 412,
      json: { error: "quota maxSchedules exceeded, current limit: 5" },
    });
    await created({ "upstash-schedule-id": "s4" });
  });

  test("in a batch", async () => {
    const body = JSON.stringify([{ destination: URL_A, headers: cron }]);
    expect(await client.send("POST", "/v2/batch", { body })).toMatchObject({
      status: 400,
      json: { error: expect.stringContaining("Upstash-Cron") },
    });
  });
});

describe("an existing schedule", () => {
  const overwrite = { "upstash-schedule-id": "a" };

  test("is replaced as a whole, but for its age and its pause", async () => {
    await created({ ...overwrite, "upstash-retries": "5", "upstash-label": "x" });
    const before = await get("a");
    await client.send("PATCH", "/v2/schedules/a/pause");
    await client.world.host.advance(1_000);
    await create("https://www.updated.com", { "upstash-cron": "@daily", ...overwrite }, "");
    expect(await get("a")).toEqual({
      scheduleId: "a",
      cron: "@daily",
      createdAt: before.createdAt,
      destination: "https://www.updated.com",
      method: "POST",
      isPaused: true,
      retries: 3,
      callerIP: "192.0.2.1",
      callerIp: "192.0.2.1",
    });
  });

  test.each([
    ["PATCH", "/v2/schedules/a", ""],
    ["POST", "/v2/schedules/a", ""],
    ["POST", "/v2/Schedules/a", "/"],
  ])("is paused and resumed by %s %s, twice as well as once", async (method, path, end) => {
    await created(overwrite);
    for (const verb of ["pause", "pause", "resume", "resume", "Pause"]) {
      const answer = await client.send(method, `${path}/${verb}${end}`);
      expect(answer.status, answer.text).toBe(200);
      const { isPaused, nextScheduleTime } = await get("a");
      expect(isPaused).toBe(verb.toLowerCase() === "pause");
      expect(nextScheduleTime !== undefined).toBe(!isPaused);
    }
  });

  test("that does not exist is deleted all the same, and nothing else", async () => {
    await created(overwrite);
    expect((await client.send("DELETE", "/v2/schedules/b")).status).toBe(200);
    expect(await get("a")).toMatchObject({ scheduleId: "a" });
    expect((await client.send("DELETE", "/v2/schedules/a")).status).toBe(200);
    const missing = { status: 404, json: { code: "schedule_not_found" } };
    expect(await client.send("GET", "/v2/schedules/a")).toMatchObject(missing);
    expect(await client.send("POST", "/v2/schedules/a/pause")).toMatchObject(missing);
    expect(await client.send("PATCH", "/v2/schedules/a/resume")).toMatchObject(missing);
    expect((await client.send("PATCH", "/v2/schedules/a")).status).toBe(404);
    expect((await client.send("GET", "/v2/schedules")).json).toEqual([]);
  });

  test("is found by a second creation with its deduplication id", async () => {
    const dedup = { "upstash-deduplication-id": "once" };
    const id = await created(dedup);
    expect(await create(URL_A, { ...cron, ...dedup })).toMatchObject({
      status: 202,
      json: { scheduleId: id, deduplicated: true },
    });
    expect((await client.send("GET", "/v2/schedules")).json).toHaveLength(1);
  });

  test("is found by a second creation with its content", async () => {
    const same = { "upstash-content-based-deduplication": "True" };
    const id = await created(same);
    expect((await create(URL_A, { ...cron, ...same })).json).toMatchObject({ scheduleId: id });
    const others = [
      await create(URL_A, { ...cron, ...same }, "other"),
      await create("https://other.test", { ...cron, ...same }),
      await create(URL_A, { "upstash-cron": "@daily", ...same }),
    ];
    expect(others.map(({ status }) => status)).toEqual([200, 200, 200]);
  });
});

describe("the last tick", () => {
  const urls = ["https://good.test/", "https://bad.test/", "https://slow.test/"];

  test("is shown with what has become of its messages", async () => {
    client.world.host.app = ({ url }) =>
      url.includes("slow") ? new Promise(() => {}) : respond(url.includes("good") ? 200 : 500);
    await putGroup("orders", ...urls);
    const id = await created({ "upstash-retries": "0" }, "orders");
    const due = (await get(id)).nextScheduleTime ?? 0;
    await client.world.host.advance(due - client.world.host.now());
    const states = await client.world.until(async () => {
      const { lastScheduleStates = {} } = await get(id);
      const words = Object.values(lastScheduleStates);
      return words.filter((word) => word !== "IN_PROGRESS").length === 2 && lastScheduleStates;
    });
    expect(Object.values(states)).toEqual(["SUCCESS", "FAIL", "IN_PROGRESS"]);
    expect(Object.keys(states)).toEqual([
      expect.stringMatching(/^msg_/),
      expect.stringMatching(/^msg_/),
      expect.stringMatching(/^msg_/),
    ]);
    expect(await get(id)).toMatchObject({
      lastScheduleTime: due,
      nextScheduleTime: due + 5 * MINUTE_MS,
    });
  });

  test("is shown with why it made none", async () => {
    await putGroup("orders", ...urls);
    const id = await created({}, "orders");
    await client.send("DELETE", "/v2/topics/orders");
    await client.world.host.advance(5 * MINUTE_MS);
    const shown = await client.world.until(async () => {
      const schedule = await get(id);
      return schedule.error !== undefined && schedule;
    });
    expect(shown.error).toContain("topic orders not found");
    expect(shown).not.toHaveProperty("lastScheduleStates");
  });
});

test("a publish with the headers of a schedule's pause is not mistaken for one", async () => {
  const sent: Sent = { headers: { ...cron, "upstash-forward-a": "1" }, body: "x" };
  const answer = await client.send("POST", "/v2/schedules/a/pause", sent);
  expect(answer.status).toBe(400);
});
