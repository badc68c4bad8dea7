import { messageId } from "@reprise/protocol";
import { describe, expect, test } from "vitest";
import type { BulkActionRow } from "../../core/rows.ts";
import { BULK_ACTIONS_MAX } from "../../engine/bulk-runner.ts";
import { createBulkRunner } from "../bulk-runner.ts";
import { createMessageWorld, type MessageWorld } from "../message-world.suite.ts";

/** Cancels that go on in the background. */

const remove = { method: "DELETE" };

async function holding(count: number, world?: MessageWorld): Promise<MessageWorld> {
  const known = world ?? (await createMessageWorld());
  await Promise.all(Array.from({ length: count }, () => known.hold({ labels: ["l"] })));
  return known;
}

function finished({ call, world }: MessageWorld, actionId: string | undefined) {
  return world.until(async () => {
    const { body } = await call(`/v2/bulkActions/${actionId}`);
    return body.state === "FINISHED" && body;
  });
}

const open = ({ world }: MessageWorld) => world.store.count("messages", []);

describe("async", () => {
  test("answers at once, and the action reaches everything that matched then", async () => {
    const known = await holding(1_300);
    const { call, world, hold } = known;
    await hold({ labels: ["other"] });
    const reply = await call("/v2/messages?label=l&async=true", remove);
    expect(reply.status).toBe(202);
    expect(reply.body.cancelled).toBe(1_300);
    const later = await hold({ labels: ["l"] });
    const action = await finished(known, reply.body.actionId);
    expect(action).toEqual({
      actionId: reply.body.actionId,
      kind: "cancel",
      state: "FINISHED",
      total: 1_300,
      processed: 1_300,
      createdAt: world.host.now(),
      completedAt: world.host.now(),
      filter: { label: ["l"] },
    });
    expect(await open(known)).toBe(2);
    expect((await call(`/v2/messages/${later}`, remove)).status).toBe(202);
  });

  test("while it goes on, the same filter gives the same action", async () => {
    const known = await holding(600);
    const { call } = known;
    const first = await call("/v2/messages?label=l,m&async=true", remove);
    const again = await call("/v2/messages?async=True&label=m&label=l", remove);
    expect(again).toEqual(first);
    const other = await call("/v2/messages?label=l&async=true", remove);
    expect(other.body.actionId).not.toBe(first.body.actionId);
    const both = await Promise.all(
      [first, other].map(({ body }) => finished(known, body.actionId)),
    );
    // No message is counted by both.
    expect(both.reduce((sum, { processed }) => sum + processed, 0)).toBe(600);
    const next = await call("/v2/messages?label=l,m&async=true", remove);
    expect(next.body.actionId).not.toBe(first.body.actionId);
  });

  test("two that begin in the same moment are one", async () => {
    const known = await holding(5);
    const replies = await Promise.all(
      [1, 2, 3].map(() => known.call("/v2/messages?label=l&async=true", remove)),
    );
    expect(new Set(replies.map(({ body }) => body.actionId)).size).toBe(1);
    expect(await known.world.store.count("bulkActions", [])).toBe(1);
  });

  test("a count holds, whatever somebody else cancels meanwhile", async () => {
    const known = await holding(1_500);
    const { call } = known;
    const reply = await call("/v2/messages?label=l&count=700&async=true", remove);
    expect(reply.body.cancelled).toBe(700);
    const other = await call("/v2/messages?count=100", remove);
    const action = await finished(known, reply.body.actionId);
    expect(action).toMatchObject({ total: 700, processed: 700, filter: { count: ["700"] } });
    expect(await open(known)).toBe(1_500 - 700 - (other.body.cancelled ?? 0));
  });

  test("nothing that matches is an action that has ended", async () => {
    const known = await holding(1);
    const reply = await known.call("/v2/messages?label=none&async=true", remove);
    expect(reply.body.cancelled).toBe(0);
    expect((await known.call(`/v2/bulkActions/${reply.body.actionId}`)).body).toMatchObject({
      state: "FINISHED",
      total: 0,
      processed: 0,
    });
  });
});

test("a request without async waits for the end, and hears how many it was", async () => {
  const known = await holding(1_100);
  const reply = await known.call("/v2/messages?label=l", remove);
  expect(reply).toMatchObject({ status: 202, body: { cancelled: 1_100 } });
  expect(await open(known)).toBe(0);
});

test("after a minute the request ends with 429, and the action goes on", async () => {
  const known = await holding(600);
  const { call, world } = known;
  const { body } = await call("/v2/messages?label=l&async=true", remove);
  world.isDiskFull = true;
  const waiting = call("/v2/messages?label=l", remove);
  const reply = await world.until(async () => {
    await world.host.advance(1_000);
    return Promise.race([waiting, null]);
  });
  expect(reply.status).toBe(429);
  expect(reply.body.error).toContain(body.actionId);
  world.isDiskFull = false;
  const action = await world.until(async () => {
    await world.host.advance(1_000);
    const { body: shown } = await call(`/v2/bulkActions/${body.actionId}`);
    return shown.state === "FINISHED" && shown;
  });
  expect(action).toMatchObject({ total: 600, processed: 600 });
  expect(await open(known)).toBe(0);
});

test("too many at once are refused", async () => {
  const known = await holding(3);
  const { world, call } = known;
  const starts = Array.from({ length: BULK_ACTIONS_MAX + 1 }, (_, index) =>
    call(`/v2/messages?label=l&toDate=${world.host.now() + index}&async=true`, remove),
  );
  const refused = (await Promise.all(starts)).filter(({ status }) => status !== 202);
  expect(refused.map(({ status }) => status)).toEqual([412]);
  expect(refused[0]?.body.error).toContain("quota maxBulkActions exceeded, current limit: 1000");
});

describe("after a restart", () => {
  const left = async (known: MessageWorld, filter: string): Promise<BulkActionRow> => {
    const [newest] = await known.world.store.list("messages", {
      where: [],
      order: "descending",
      limit: 1,
    });
    const afterKey = (newest?.key ?? 0) + 1;
    const [row] = await known.world.engine.execute([
      { type: "startBulkAction", kind: "cancel", filter, total: 4, afterKey },
    ]);
    return row as BulkActionRow; // One command has one answer.
  };

  test("an unfinished action goes on behind its last chunk", async () => {
    const known = await holding(2);
    const { world } = known;
    const row = await left(known, '{"label":["l"]}');
    await holding(2, known);
    const runner = createBulkRunner(world);
    await runner.start();
    expect(await runner.finished(row)).toMatchObject({ state: "finished", processed: 2 });
    expect(await open(known)).toBe(2);
    await runner.stop();
  });

  test("what two processes begin at the same place is done once", async () => {
    const known = await holding(4);
    const { world } = known;
    const row = await left(known, '{"label":["l"]}');
    const runners = [createBulkRunner(world), createBulkRunner(world)];
    await Promise.all(runners.map((runner) => runner.start()));
    const ended = Promise.all(runners.map((runner) => runner.finished(row)));
    await world.until(async () => {
      await world.host.advance(1_000);
      return Promise.race([ended, null]);
    });
    const [after] = await world.store.get("bulkActions", [row.key]);
    expect(after).toMatchObject({ state: "finished", processed: 4 });
    await Promise.all(runners.map((runner) => runner.stop()));
  });

  test.each(["", "{broken", "[]", '{"labell":["l"]}', '{"label":"l"}'])(
    "a filter that cannot be read (%s) selects nothing",
    async (filter) => {
      const known = await holding(3);
      await left(known, filter);
      const runner = createBulkRunner(known.world);
      await runner.start();
      await known.world.host.advance(10_000);
      await runner.stop();
      expect(await open(known)).toBe(3);
      expect(known.world.host.logged.join()).toContain("bulk_action_skipped");
    },
  );

  test("a runner that stops lets those who wait hear that it is not done", async () => {
    const known = await holding(1_600);
    const row = await left(known, "{}");
    const runner = createBulkRunner(known.world);
    await runner.start();
    const waiting = runner.finished(row);
    await runner.stop();
    expect((await waiting).state).toBe("inProgress");
    await expect(runner.cancel('{"label":["x"]}')).rejects.toThrow("stopping");
  });
});

describe("the list", () => {
  test("has pages, newest first, and states", async () => {
    const known = await holding(3);
    const { call } = known;
    const ids: (string | undefined)[] = [];
    for (const label of ["a", "b", "c"]) {
      const { body } = await call(`/v2/messages?label=${label}&async=true`, remove);
      ids.unshift(body.actionId);
    }
    const first = (await call("/v2/bulkActions?count=2")).body;
    expect(first.bulkActions.map(({ actionId }) => actionId)).toEqual(ids.slice(0, 2));
    const second = (await call(`/v2/bulkActions?count=2&cursor=${first.cursor}`)).body;
    expect(second.bulkActions.map(({ actionId }) => actionId)).toEqual(ids.slice(2));
    expect(second).not.toHaveProperty("cursor");
    expect((await call("/v2/bulkActions?state=FINISHED")).body.bulkActions).toHaveLength(3);
    expect((await call("/v2/bulkActions?state=IN_PROGRESS")).body.bulkActions).toEqual([]);
    expect((await call("/v2/bulkActions?count=99999")).body.bulkActions).toHaveLength(3);
  });

  test.each(["?state=DONE", "?count=0", "?count=x", "?cursor=x"])("refuses %s", async (search) => {
    const { call } = await createMessageWorld();
    expect((await call(`/v2/bulkActions${search}`)).status).toBe(400);
  });

  test.each(["act_", "act_zz", "act_01", "msg_1", "act_-1"])("has no action %s", async (id) => {
    const { call } = await createMessageWorld();
    expect((await call(`/v2/bulkActions/${id}`)).status).toBe(404);
  });
});

test("ids of messages are no ids of actions", async () => {
  const { call, publish } = await createMessageWorld();
  expect((await call(`/v2/bulkActions/${messageId(await publish())}`)).status).toBe(404);
});
