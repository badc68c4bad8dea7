import { expect, test } from "vitest";
import { runRow } from "../core/rows.suite.ts";
import { insert } from "../core/transition.ts";
import { SCAN_MS_MAX } from "./find-stuck-runs.ts";
import { createWorld, type World } from "./test-world.suite.ts";

/** Live runs without anything that could wake them, under these keys. */
async function put(world: World, keys: readonly number[]): Promise<void> {
  const changes = keys.map((key) =>
    insert("runs", runRow({ key, id: `wfr_${key}`, stepCount: 0 })),
  );
  await world.store.transaction((transaction) => transaction.write(changes));
}

async function page(world: World, search: string) {
  const { status, body } = await world.call(`/v2/workflows/logs?stuck=true${search}`);
  expect(status).toBe(200);
  return { ids: body.runs.map(({ workflowRunId }) => workflowRunId), cursor: body.cursor };
}

test("stuck runs are found behind very many keys of other things", async () => {
  const world = await createWorld();
  await put(world, [1_000, 20_999, 21_000, 21_001, 500_000]);
  const all = ["wfr_500000", "wfr_21001", "wfr_21000", "wfr_20999", "wfr_1000"];
  expect(await page(world, "")).toEqual({ ids: all, cursor: undefined });
  const first = await page(world, "&count=3");
  expect(first.ids).toEqual(all.slice(0, 3));
  const rest = await page(world, `&count=3&cursor=${first.cursor}`);
  expect(rest).toEqual({ ids: all.slice(3), cursor: undefined });
});

test("a search that takes long ends early, maybe empty, and the next one goes on", async () => {
  const world = await createWorld();
  await put(world, [1_000, 50_000]);
  const { now } = world.host;
  let lateMs = 0;
  // Each look at the clock is so much later than the one before.
  world.host.now = () => {
    lateMs += SCAN_MS_MAX + 1;
    return now() + lateMs;
  };
  const first = await page(world, "&count=1");
  expect(first.ids).toEqual(["wfr_50000"]);
  const filtered = await page(world, "&workflowRunId=wfr_1000");
  expect(filtered.ids).toEqual([]);
  const rest = await page(world, `&workflowRunId=wfr_1000&cursor=${filtered.cursor}`);
  world.host.now = now;
  expect(rest.ids).toEqual(["wfr_1000"]);
});

test("runs without any record say that nothing is open for them", async () => {
  const world = await createWorld();
  await put(world, [1_000]);
  const { body } = await world.call("/v2/workflows/logs");
  expect(body.runs[0]).toMatchObject({
    isStuck: true,
    waitingFor: "nothing: nothing is open for it any more; nudge it",
  });
});
