import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, until, type World } from "./failing-app.test.fixture.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.close());

const nudge = (...args: readonly string[]) => world.run(["runs", "nudge", ...args]);

const start = async (...args: readonly string[]): Promise<string> =>
  (await world.run(["runs", "trigger", world.app.url, ...args])).out.trim();

/** Starts a run whose app answers its first delivery without going on. */
async function stall(): Promise<string> {
  world.app.idle();
  const before = world.app.deliveries;
  const runId = await start();
  await until("its delivery", () => (world.app.deliveries > before ? true : null));
  await until("the stall", async () => {
    const { out } = await world.run(["runs", "list", "--stuck", "--json"]);
    return out.includes(runId) ? true : null;
  });
  return runId;
}

test("a stuck run is marked, says so in a sentence, and what to do about it", async () => {
  const stuck = await stall();
  const other = await start("--delay", "1h");
  const all = await world.run(["runs", "list"]);
  expect(all.out).toMatch(new RegExp(`^${stuck} +RUN_STARTED \\(stuck\\) .*\\S$`, "m"));
  expect(all.out).toMatch(new RegExp(`^${other} +RUN_STARTED {2,}\\d.* delay until \\d`, "m"));
  const listed = await world.run(["runs", "list", "--stuck"]);
  expect(listed.err).toBe("1 run\n");
  expect(listed.out).toContain(stuck);
  expect(listed.out).not.toContain(other);
  const shown = await world.run(["runs", "show", stuck]);
  expect(shown.out).toMatch(/^state +RUN_STARTED \(stuck\)\nwaiting for +\S/m);
  expect(shown.err).toContain(`reprise runs nudge ${stuck} `);
  expect((await world.run(["runs", "show", other])).err).not.toContain("nudge");
});

test("a nudged run gets its last step again, and goes on", async () => {
  const runId = await stall();
  world.app.heal();
  const { exitCode, out, err } = await nudge(runId);
  expect([exitCode, err]).toEqual([0, "nudged: 1 of 1 run\n"]);
  expect(out).toMatch(new RegExp(`^${runId} {2}msg_\\S+\\n$`));
  expect(await until("its end", () => world.app.finished[0] ?? null)).toBe(runId);
  expect((await world.run(["runs", "list", "--stuck"])).err).toBe("0 runs\n");
});

test("what is not stuck is refused by name, and the others are nudged", async () => {
  const stuck = await stall();
  const other = await start("--delay", "1h");
  const { exitCode, out, err } = await nudge(other, stuck, "wfr_unknown", "--json");
  expect(exitCode).toBe(1);
  const { workflowRuns, failed } = JSON.parse(out);
  expect(workflowRuns).toMatchObject([
    { workflowRunId: stuck, messageIds: [expect.stringMatching(/^msg_/)] },
  ]);
  expect(failed).toMatchObject([{ workflowRunId: other }, { workflowRunId: "wfr_unknown" }]);
  expect(err).toContain(`${other}  workflow run ${other} is not stuck`);
  expect(err).toMatch(/\nnudged: 1 of 3 runs\nreprise: 2 of them could not be nudged\n$/);
});

test("an empty id is a wrong use", async () => {
  expect((await nudge("")).exitCode).toBe(2);
});
