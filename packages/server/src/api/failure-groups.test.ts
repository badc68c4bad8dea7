import type { FailureGroup, FailureGroupPage, MatchCount } from "@reprise/protocol";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { deadLetterRow } from "../core/rows.suite.ts";
import { insert } from "../core/transition.ts";
import { createFailureSorter } from "../engine/sort-failures.ts";
import { createMessageWorld, type MessageWorld } from "./message-world.suite.ts";
import { respond, type World } from "./test-world.suite.ts";

/** Dead letters in groups, by what went wrong, and how many a filter matches. */

const HOUR_MS = 3_600_000;

let known: MessageWorld;
let world: World;

beforeEach(async () => {
  known = await createMessageWorld();
  ({ world } = known);
});

async function ask<T>(target: string): Promise<T> {
  const { status, body } = await world.call(target);
  expect(status).toBe(200);
  // Each test knows what it has asked for.
  return body as unknown as T;
}

async function groups(target = "/v2/workflows/dlq/groups"): Promise<readonly FailureGroup[]> {
  return (await ask<FailureGroupPage>(target)).groups;
}

const count = (target: string) => ask<MatchCount>(target);

const post = (target: string) => world.call(target, { method: "POST" });

const boom = (order: number) => () => respond(500, `{"error":"Error","message":"order ${order}"}`);
const OFFLINE = () => respond(404, "ERR_NGROK_3200", { "ngrok-error-code": ["ERR_NGROK_3200"] });

test("runs that failed alike are one group, with their times and the newest of them", async () => {
  const { host, room } = world;
  const startAt = host.now();
  host.app = boom(1);
  const first = await world.fail();
  await host.advance(HOUR_MS);
  host.app = OFFLINE;
  const offline = await world.fail();
  host.app = boom(22);
  const newest = await world.fail();
  await host.advance(HOUR_MS);
  const url = "https://app.example/order";
  const ids = (group: FailureGroup | undefined) => group?.groupId;
  const found = await groups();
  const buckets = Array(24).fill(0);
  expect(found).toEqual([
    {
      groupId: expect.stringMatching(/^grp_[\w-]{24}$/),
      ...{ url, stepName: null, cause: "step_error", responseStatus: 500, count: 2 },
      message: "Error: order <n>",
      firstFailedAt: startAt,
      lastFailedAt: startAt + HOUR_MS,
      expiresAt: startAt + room.settings.deadLetterRetentionMs,
      buckets: buckets.with(0, 1).with(11, 1),
      bucketsFrom: startAt,
      sampleDlqId: newest.dlqId,
    },
    {
      groupId: expect.stringMatching(/^grp_/),
      ...{ url, stepName: null, cause: "tunnel_page", responseStatus: 404, count: 1 },
      message: "ERR_NGROK_3200",
      firstFailedAt: startAt + HOUR_MS,
      lastFailedAt: startAt + HOUR_MS,
      expiresAt: startAt + HOUR_MS + room.settings.deadLetterRetentionMs,
      buckets: buckets.with(0, 1),
      bucketsFrom: startAt + HOUR_MS,
      sampleDlqId: offline.dlqId,
    },
  ]);
  // The entries themselves say the same.
  const { body } = await world.call(`/v2/workflows/dlq/${first.dlqId}`);
  expect(body).toMatchObject({ cause: "step_error", groupId: ids(found[0]) });
  await post(`/v2/workflows/dlq/hold/${first.dlqId}`);
  await post(`/v2/workflows/dlq/hold/${newest.dlqId}`);
  expect((await groups())[0]).toMatchObject({ count: 2, expiresAt: null });
});

test("a group is a filter of lists, counts and bulk actions", async () => {
  world.host.app = boom(1);
  const [one, other] = [await world.fail(), await world.fail()];
  world.host.app = OFFLINE;
  const offline = await world.fail();
  const [, alike] = await groups();
  const filter = `groupId=${alike?.groupId}`;
  const { messages } = (await world.call(`/v2/workflows/dlq?${filter}`)).body;
  expect(messages.map(({ dlqId }) => dlqId)).toEqual([one.dlqId, other.dlqId]);
  expect(await count(`/v2/workflows/dlq/count?${filter}`)).toEqual({ count: 2, isExact: true });
  const { body } = await post(`/v2/workflows/dlq/resume?${filter}`);
  expect(body.workflowRuns).toHaveLength(2);
  expect(await groups()).toMatchObject([{ cause: "tunnel_page", sampleDlqId: offline.dlqId }]);
  await post("/v2/workflows/dlq/restart?groupId=grp_none");
  expect(await count("/v2/workflows/dlq/count")).toEqual({ count: 1, isExact: true });
});

test("messages have groups of their own", async () => {
  world.host.app = () => respond(503, "busy");
  await known.fail();
  await known.fail();
  await world.fail();
  const [group, ...others] = await groups("/v2/dlq/groups");
  expect(others).toEqual([]);
  expect(group).toMatchObject({ cause: "server_error", count: 2, message: "busy" });
  const { messages } = (await known.call(`/v2/dlq?groupId=${group?.groupId}`)).body;
  expect(messages).toMatchObject([{ cause: "server_error" }, { groupId: group?.groupId }]);
  expect(await count(`/v2/dlq/count?groupId=${group?.groupId}`)).toMatchObject({ count: 2 });
  const target = `/v2/dlq/retry?groupId=${group?.groupId}`;
  expect((await known.call(target, { method: "POST" })).body.responses).toHaveLength(2);
  expect(await groups("/v2/dlq/groups")).toEqual([]);
});

test("pages of groups follow each other in either order", async () => {
  const words = ["one", "two", "three"];
  for (const [index, word] of words.entries()) {
    world.host.app = () => respond(500, word);
    for (let nth = 0; nth <= index % 2; nth += 1) await world.fail();
    await world.host.advance(1);
  }
  for (const [sort, expected] of [
    ["last", ["three", "two", "one"]],
    ["count", ["two", "three", "one"]],
  ] as const) {
    const seen: string[] = [];
    let cursor = "";
    do {
      const target = `/v2/workflows/dlq/groups?sort=${sort}&count=1&cursor=${cursor}`;
      const page = await ask<FailureGroupPage>(target);
      seen.push(...page.groups.map(({ message }) => message));
      cursor = page.cursor ?? "";
    } while (cursor !== "");
    expect(seen).toEqual(expected);
  }
});

test("filters choose what is grouped, and what they do not know is refused", async () => {
  await world.fail({ url: "https://a.example/x", config: { labels: ["red"] } });
  await world.fail({ url: "https://b.example/y" });
  const path = "/v2/workflows/dlq/groups";
  expect(await groups(`${path}?workflowUrl=https://a.example/x`)).toHaveLength(1);
  expect(await groups(`${path}?label=red`)).toMatchObject([{ url: "https://a.example/x" }]);
  expect(await groups(`${path}?toDate=1`)).toEqual([]);
  const { status, body } = await world.call(`${path}?sort=size`);
  expect([status, body.error]).toEqual([400, expect.stringContaining("last, count")]);
  expect((await world.call(`${path}?cursor=none`)).status).toBe(400);
});

test("runs and open messages are counted with the filters of their lists", async () => {
  await world.fail({ config: { labels: ["red"] } });
  await world.start({ delayMs: HOUR_MS });
  await known.hold();
  const runs = "/v2/workflows/runs/count";
  expect(await count(runs)).toEqual({ count: 2, isExact: true });
  expect(await count(`${runs}?state=RUN_FAILED`)).toMatchObject({ count: 1 });
  expect(await count(`${runs}?label=red`)).toMatchObject({ count: 1 });
  expect(await count(`${runs}?host=app.example`)).toMatchObject({ count: 2 });
  expect(await count(`${runs}?host=b.example`)).toEqual({ count: 0, isExact: true });
  expect(await count("/v2/messages/count")).toEqual({ count: 1, isExact: true });
  expect(await count("/v2/messages/count?state=ACTIVE")).toMatchObject({ count: 0 });
});

test("a count that takes too long says that it is not exact", async () => {
  const row = (key: number) => insert("deadLetters", deadLetterRow({ key }));
  await world.store.transaction((transaction) =>
    transaction.write([row(100_000), row(100_001), row(200_000), row(300_000)]),
  );
  const { host, room } = world;
  const nextTurn = host.nextTurn;
  Object.assign(room.host, {
    nextTurn: async () => {
      await host.advance(1_000);
      await nextTurn();
    },
  });
  // One piece has the first two rows, and the next one the third.
  expect(await count("/v2/workflows/dlq/count")).toEqual({ count: 3, isExact: false });
});

test("entries of an older version are sorted in the background", async () => {
  world.host.app = OFFLINE;
  const run = await world.fail();
  const message = await known.fail();
  const before = [await groups(), await groups("/v2/dlq/groups")];
  const set = { failureCause: null, groupId: null, failureText: null };
  await world.store.transaction((transaction) =>
    transaction.write([
      { type: "update", table: "deadLetters", key: run.key, set: { ...set, stepName: null } },
      { type: "update", table: "deadMessages", key: message.key, set },
    ]),
  );
  expect(await groups()).toEqual([]);
  const { host, store } = world;
  const sorter = createFailureSorter({ host, store, shown: store });
  onTestFinished(() => sorter.stop());
  sorter.start();
  for (let step = 0; step < 10; step += 1) {
    await host.advance(10_000);
    for (let turn = 0; turn < 20; turn += 1) await host.nextTurn();
  }
  const after = [await groups(), await groups("/v2/dlq/groups")];
  const told = (pages: typeof after) => pages.flat().map(({ groupId, cause }) => [groupId, cause]);
  expect(told(after)).toEqual(told(before));
  expect(told(after)).toHaveLength(2);
});
