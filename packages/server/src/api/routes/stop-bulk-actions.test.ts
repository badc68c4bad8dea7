import { expect, test } from "vitest";
import { createBulkRunner } from "../bulk-runner.ts";
import { createMessageWorld, type MessageWorld } from "../message-world.suite.ts";

/** Cancels that somebody stops while they go on in the background. */

const remove = { method: "DELETE" };
const HELD = 3_000;

async function holding(count: number): Promise<MessageWorld> {
  const known = await createMessageWorld();
  await Promise.all(Array.from({ length: count }, () => known.hold({ labels: ["l"] })));
  return known;
}

const open = ({ world }: MessageWorld) => world.store.count("messages", []);

test("what is stopped has ended, and cancels nothing more", async () => {
  const known = await holding(HELD);
  const { call, world } = known;
  const { body: begun } = await call("/v2/messages?label=l&async=true", remove);
  const stopped = await call(`/v2/bulkActions/${begun.actionId}`, remove);
  expect(stopped).toMatchObject({ status: 200, body: { state: "FINISHED", total: HELD } });
  expect(stopped.body.processed).toBeLessThan(HELD);
  expect(await open(known)).toBe(HELD - stopped.body.processed);
  await world.host.advance(10_000);
  expect((await call(`/v2/bulkActions/${begun.actionId}`)).body).toEqual(stopped.body);
  expect(await open(known)).toBe(HELD - stopped.body.processed);
  expect(world.host.logged.join()).not.toContain("bulk_action_delayed");
  const again = await call("/v2/messages?label=l", remove);
  expect(again.body.cancelled).toBe(HELD - stopped.body.processed);
});

test("who waits for the end of a cancel that is stopped hears how many it was", async () => {
  const known = await holding(HELD);
  const { call, world } = known;
  const waiting = call("/v2/messages?label=l", remove);
  const [action] = await world.until(async () => {
    const { body } = await call("/v2/bulkActions?state=IN_PROGRESS");
    return body.bulkActions.length > 0 && body.bulkActions;
  });
  const { body } = await call(`/v2/bulkActions/${action?.actionId}`, remove);
  expect(await waiting).toMatchObject({ status: 202, body: { cancelled: body.processed } });
});

test("what another node works on is stopped as well, and that node goes on with nothing", async () => {
  const known = await holding(HELD);
  const { call, world } = known;
  const row = { kind: "cancel", filter: '{"label":["l"]}', total: HELD } as const;
  const afterKey = Number.MAX_SAFE_INTEGER;
  await world.engine.execute([{ ...row, type: "startBulkAction", afterKey }]);
  const other = createBulkRunner(world);
  await other.start();
  const [action] = (await call("/v2/bulkActions")).body.bulkActions;
  const { body } = await call(`/v2/bulkActions/${action?.actionId}`, remove);
  expect(body.state).toBe("FINISHED");
  await world.host.advance(10_000);
  expect(await open(known)).toBe(HELD - body.processed);
  expect(body.processed).toBeLessThan(HELD);
  expect(world.host.logged.join()).not.toContain("bulk_action_delayed");
  await other.stop();
});

test("what has ended stays as it is", async () => {
  const { call } = await holding(1);
  const { body: begun } = await call("/v2/messages?label=none&async=true", remove);
  const shown = await call(`/v2/bulkActions/${begun.actionId}`);
  expect(await call(`/v2/bulkActions/${begun.actionId}`, remove)).toEqual(shown);
});

test.each(["act_", "act_zz", "act_01", "msg_1"])("there is no %s to stop", async (id) => {
  const { call } = await createMessageWorld();
  expect((await call(`/v2/bulkActions/${id}`, remove)).status).toBe(404);
});
