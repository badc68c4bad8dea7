import { afterEach, beforeEach, expect, test } from "vitest";
import { call, openWorld, type World } from "./failing-app.test.fixture.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.close());

/** Starts a run that stays open. */
async function start(path: string, ...args: readonly string[]): Promise<string> {
  const url = new URL(path, world.app.url).href;
  const { out } = await world.run(["runs", "trigger", url, "--delay", "1h", ...args]);
  return out.trim();
}

async function startMany(count: number): Promise<void> {
  const trigger = { destination: world.app.url, headers: { "Upstash-Delay": "1h" } };
  const body = JSON.stringify(Array.from({ length: count }, () => trigger));
  await call(world.server, "/v2/batch/trigger", { method: "POST", body });
}

const cancel = (...args: readonly string[]) => world.run(["runs", "cancel", ...args]);

async function open(): Promise<ReadonlySet<string>> {
  const args = ["runs", "list", "--state", "started", "--limit", "all", "--json"];
  const { out } = await world.run(args);
  const ids = JSON.parse(out).map((run: { readonly workflowRunId: string }) => run.workflowRunId);
  return new Set(ids);
}

test("one named run is cancelled without a question, and only once", async () => {
  const other = await start("/a");
  const runId = await start("/a");
  expect(await cancel(runId)).toEqual({ exitCode: 0, out: "", err: "cancelled 1 run\n" });
  expect(await open()).toEqual(new Set([other]));
  const { out } = await world.run(["runs", "list", "--run", runId]);
  expect(out).toMatch(new RegExp(`^${runId} +RUN_CANCELED `, "m"));
  const again = await cancel(runId);
  expect(again.exitCode).toBe(1);
  expect(again.err).toBe(
    "cancelled 0 runs; 1 of the chosen had ended or never been\nreprise: nothing was cancelled\n",
  );
});

test("several are asked about, and unknown ones among them are counted", async () => {
  const ids = [await start("/a"), await start("/a")];
  expect(await cancel(...ids)).toMatchObject({
    exitCode: 2,
    err: "reprise: this would cancel 2 runs; add --yes to do it without a question\n",
  });
  const outcome = await cancel(...ids, "wfr_unknown", "--yes", "--json");
  expect([outcome.exitCode, JSON.parse(outcome.out)]).toEqual([0, { cancelled: 2 }]);
  expect(outcome.err).toBe("cancelled 2 runs; 1 of the chosen had ended or never been\n");
});

test.each([
  [["--label", "x"]],
  [["--label", "x", "--label", "unused"]],
  [["--flow-control-key", "shop"]],
  [["--url", "{origin}/a"]],
  [["--url-prefix", "{origin}/a"]],
  [["--url-prefix", "{origin}/a", "--url-prefix", "{origin}/unused"]],
  [["--path", "/a", "--host", "127.0.0.1"]],
  [["--label", "x", "--from", "1h", "--caller-ip", "127.0.0.1"]],
])("%j chooses the same when it is counted and when it is agreed to in advance", async (args) => {
  const filters = args.map((arg) => arg.replace("{origin}", new URL(world.app.url).origin));
  const kept = await start("/b", "--label", "y");
  const settings = ["--label", "x", "--flow-control-key", "shop", "--parallelism", "2"];
  await start("/a", ...settings);
  const asked = await world.run(["runs", "cancel", ...filters], { answer: "y" });
  expect(asked).toEqual({
    exitCode: 0,
    out: "",
    err: "cancel 1 run? [y/N] cancelled 1 run\n",
  });
  await start("/a", ...settings);
  expect((await cancel(...filters, "--yes")).err).toBe("cancelled 1 run\n");
  expect(await open()).toEqual(new Set([kept]));
});

test("a whole URL is no beginning of another one", async () => {
  await start("/a");
  const longer = await start("/a/b");
  const origin = new URL(world.app.url).origin;
  const counted = await world.run(["runs", "cancel", "--url", `${origin}/a`], { answer: "n" });
  expect(counted.err).toBe("cancel 1 run? [y/N] reprise: nothing was changed\n");
  const prefix = await world.run(["runs", "cancel", "--url-prefix", `${origin}/a`], {
    answer: "n",
  });
  expect(prefix.err).toBe("cancel 2 runs? [y/N] reprise: nothing was changed\n");
  expect((await cancel("--url", `${origin}/a`, "--yes")).err).toBe("cancelled 1 run\n");
  expect(await open()).toEqual(new Set([longer]));
});

test("what has ended and what the time excludes is left alone", async () => {
  await world.fail("x");
  const runId = await start("/a", "--label", "x");
  expect((await cancel("--label", "x", "--to", "1h", "--yes")).err).toBe("cancelled 0 runs\n");
  const counted = await world.run(["runs", "cancel", "--label", "x"], { answer: "n" });
  expect(counted.err).toContain("cancel 1 run?");
  expect(await open()).toEqual(new Set([runId]));
});

test.each([
  [[]],
  [["--yes"]],
  [["--label", ""]],
  [["--url-prefix", ""]],
  [["--url", "http://a/", "--url-prefix", "http://a/"]],
  [["wfr_a", "--all"]],
  [["wfr_a", "--label", "x"]],
  [[""]],
  [["--state", "started"]],
])("%j cancels nothing", async (args) => {
  const runId = await start("/a");
  for (const sure of [[], ["--yes"]]) {
    const { exitCode, out } = await world.run(["runs", "cancel", ...args, ...sure], {
      answer: "y",
    });
    expect([exitCode === 0, out]).toEqual([false, ""]);
  }
  expect(await open()).toEqual(new Set([runId]));
});

test("more than one request takes are all cancelled, agreed to in advance or counted", async () => {
  await startMany(1_000);
  await startMany(50);
  const blind = await cancel("--all", "--yes");
  expect(blind.err).toMatch(/^(?:cancelled \d+ so far \.\.\.\n)*cancelled 1050 runs\n$/);
  await startMany(510);
  const asked = await world.run(["runs", "cancel", "--all"], { answer: "y" });
  // A slow machine says in between how far it is.
  expect(asked.err).toMatch(
    /^(?:.* \.\.\.\n)*cancel 510 runs\? \[y\/N\] (?:.* \.\.\.\n)*cancelled 510 runs\n$/,
  );
  expect(await open()).toEqual(new Set());
});

test("what begins between the count and the answer is left alone", async () => {
  await start("/a");
  let late = "";
  const answer = async () => {
    late = await start("/a");
    return "y";
  };
  const { err } = await world.run(["runs", "cancel", "--all"], { answer });
  expect(err).toBe("cancel 1 run? [y/N] cancelled 1 run\n");
  expect(await open()).toEqual(new Set([late]));
});
