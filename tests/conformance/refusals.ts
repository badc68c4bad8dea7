import { beforeEach, expect } from "vitest";
import { countWritten, readRows } from "./snapshot.ts";
import { until } from "./until.ts";
import { type CallOptions, useWorld, type World } from "./world.ts";

/** A request that must be refused. */
export interface Case {
  /** POST when not given. */
  readonly method?: string;
  readonly path: string;
  readonly options?: CallOptions;
  readonly status: number;
  /** What the text of the error must say. */
  readonly names: RegExp;
}

/** The id of a run that sleeps. */
export const LIVE = "wfr_live";

/** URL of the workflow in a quiet world. */
export const urlOf = (world: World): string => `${world.app.url}/order`;

/** A world with a run that sleeps, one that has failed (`wfr_fail`) and one that has finished, in which nothing is under way. */
export function useQuietWorld(): World {
  const world = useWorld();
  beforeEach(async () => {
    const url = world.serve("/order", async (context) => {
      await context.run(context.requestPayload === "fail" ? "bad" : "good", () => {
        if (context.requestPayload === "fail") throw new Error("bad");
      });
      if (context.requestPayload === "live") await context.sleep("nap", "1d");
    });
    for (const id of ["live", "fail", "finish"]) {
      await world.trigger({ url, workflowRunId: id, body: id, retries: 0 });
    }
    await world.succeeded("wfr_finish");
    await world.deadLetterIn("wfr_fail", null);
    await quiet(world);
  });
  return world;
}

/** Until only the nap and the failed message are left. */
async function quiet({ store }: World): Promise<void> {
  await until("quiet", async () => {
    const rows = await store.list("messages", { where: [], order: "ascending", limit: 10 });
    const states = rows.map(({ state, stepPosition }) => `${state} at ${stepPosition}`);
    return states.toSorted().join() === "failed at 0,scheduled at 2";
  });
}

/** Sends the requests one by one: each must be refused as said, and no row of the database may have changed at the end. */
export async function expectRefusals(
  world: World,
  cases: Readonly<Record<string, Case>>,
): Promise<void> {
  const before = await readRows(world.store);
  for (const [name, refused] of Object.entries(cases)) {
    const rowsWritten = await countWritten(world.store);
    await expectRefusal(world, name, refused);
    expect([name, await countWritten(world.store)]).toEqual([name, rowsWritten]);
  }
  expect(await readRows(world.store)).toEqual(before);
}

/** What no answer may show: code, places, queries, secrets. */
const LEAKS = /at .*\(|node_modules|\/src\/|SQLITE|SELECT |INSERT |eyJVc2VySUQi/;

async function expectRefusal(world: World, name: string, refused: Case): Promise<void> {
  const { method = "POST", path, options, status, names } = refused;
  const answer = await world.call(method, path, options);
  expect([name, answer.status, answer.text]).toEqual([name, status, answer.text]);
  const body = { error: expect.stringMatching(names), code: expect.any(String) };
  expect([name, answer.json]).toEqual([name, body]);
  expect(answer.headers.get("content-type")).toContain("application/json");
  expect(answer.text).not.toMatch(LEAKS);
  expect(answer.text.length).toBeLessThan(1_000);
}
