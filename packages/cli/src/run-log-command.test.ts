import type { WorkflowEventResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, until, type World } from "./failing-app.test.fixture.ts";
import { startFollowing } from "./following.test.fixture.ts";
import { openWorkflowWorld } from "./workflow-app.test.fixture.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.close());

const follow = (...args: readonly string[]) =>
  startFollowing(world.run, ["runs", "logs", "--follow", ...args]);

async function start(...args: readonly string[]): Promise<string> {
  const { out } = await world.run(["runs", "trigger", world.app.url, "--retries", "0", ...args]);
  return out.trim();
}

async function events(...args: readonly string[]): Promise<readonly WorkflowEventResource[]> {
  const { out } = await world.run(["runs", "logs", "--json", ...args]);
  return JSON.parse(out);
}

const statesOf = (lines: readonly string[], runId: string): readonly (string | undefined)[] =>
  lines.filter((line) => line.includes(runId)).map((line) => line.split(/ +/)[2]);

const FAILED_RUN = ["RUN_STARTED", "STEP_SUCCESS", "STEP_FAILED", "RUN_FAILED"];

test("the events of a run are printed newest last, with what went wrong", async () => {
  const dlqId = await world.fail("one");
  const [{ workflowRunId: runId }] = JSON.parse((await world.run(["runs", "list", "--json"])).out);
  const { exitCode, out, err } = await world.run(["runs", "logs", "--run", runId]);
  expect([exitCode, err]).toEqual([0, "4 events\n"]);
  const lines = out.trimEnd().split("\n");
  expect(statesOf(lines, runId)).toEqual(FAILED_RUN);
  expect(lines[0]).toMatch(new RegExp(`Z {2}RUN_STARTED {4}${runId} {2}${world.app.url}$`));
  expect(lines[1]).toMatch(/ {2}init \(Initial\): one$/);
  expect(lines[2]).toMatch(/ {2}delivery of init \(Initial\) {2}404 Not Found: <html>.*ERR_NGROK/);
  expect(lines[3]).toMatch(new RegExp(` {2}dead letter ${dlqId}$`));
  expect(out).not.toContain("\u001b");
  const last = await world.run(["runs", "logs", "--limit", "1"]);
  expect(last.out).toBe(`${lines[3]}\n`);
  expect(last.err).toBe("1 event; there are more, see --limit\n");
});

test("filters narrow the events", async () => {
  const first = await start("--label", "a", "--delay", "1h");
  const second = await start("--label", "b", "--delay", "1h");
  const found = async (...args: readonly string[]) =>
    (await events("--state", "run_started", ...args)).map(({ workflowRunId }) => workflowRunId);
  expect(await found()).toEqual([first, second]);
  expect(await found("--label", "a")).toEqual([first]);
  expect(await found("--run-id", second)).toEqual([second]);
  expect(await found("--path", "/order", "--from", "1h")).toEqual([first, second]);
  expect(await found("--host", "example.com")).toEqual([]);
  expect(await found("--to", "1h")).toEqual([]);
  const [started] = await events("--label", "a", "--state", "step_success");
  const messageId = started?.stepInfo?.messageId ?? "";
  expect(await found("--message-id", messageId)).toEqual([first]);
  expect(await events("--state", "run_failed")).toEqual([]);
});

test("events of steps that others complete say what they are about", async () => {
  const workflows = await openWorkflowWorld();
  const url = workflows.serve("/w", async (context) => {
    await context.call("charge", { url: new URL("/none", url).href, method: "POST" });
    await context.call("again", { url: new URL("/echo", url).href, method: "POST", body: "30" });
    await context.waitForEvent("wait", "paid", { timeout: "1h" });
    await context.sleep("rest", "1h");
  });
  const runId = await workflows.trigger(url);
  await workflows.shown(runId, /wait \(Wait\)/);
  await workflows.run(["notify", "paid", "--data", '{"by":"card"}']);
  await workflows.shown(runId, /rest \(SleepFor\)/);
  const { out } = await workflows.run(["runs", "logs", "--run", runId]);
  const told = out
    .trimEnd()
    .split("\n")
    .map((line) => line.split(`${runId}  `)[1]);
  expect(told.slice(2)).toEqual([
    expect.stringMatching(/^charge \(Call\) {2}calls POST http.*\/none$/),
    "charge (Call)  404 Not Found: nothing here",
    "charge (Call)",
    expect.stringMatching(/^again \(Call\) {2}calls POST http.*\/echo$/),
    "again (Call)  answered 200: 30",
    "again (Call)",
    expect.stringMatching(/^wait \(Wait\) {2}waits for event paid until \d{4}-.*Z \(1h\)$/),
    'wait (Wait): {"by":"card"}',
    expect.stringMatching(/^rest \(SleepFor\) {2}due at \d{4}-/),
  ]);
  await workflows.close();
});

test("following prints what was and what comes, each event once", async () => {
  world.app.hang();
  const open = await start();
  await until("its delivery", () => (world.app.deliveries === 1 ? true : null));
  const following = follow();
  await following.awaitLine("STEP_SUCCESS");
  const later = await start("--delay", "1h");
  await following.awaitLine(later);
  expect(statesOf(following.lines(), later)).toEqual(["RUN_STARTED", "STEP_SUCCESS"]);
  await world.run(["runs", "cancel", open, later, "--yes"]);
  await following.awaitLine(`RUN_CANCELED   ${open}`);
  await following.awaitLine(`RUN_CANCELED   ${later}`);
  expect(await following.stop()).toMatchObject({ exitCode: 0, err: "" });
  const all = ["RUN_STARTED", "STEP_SUCCESS", "RUN_CANCELED"];
  expect(statesOf(following.lines(), open)).toEqual(all);
  expect(statesOf(following.lines(), later)).toEqual(all);
});

test("events before the last ones are not printed, later ones of such a run are", async () => {
  const old = await start("--delay", "1h");
  await start("--delay", "1h");
  const following = follow("--limit", "1");
  await following.awaitLine("STEP_SUCCESS");
  await world.run(["runs", "cancel", old]);
  await following.awaitLine("RUN_CANCELED");
  await following.stop();
  expect(statesOf(following.lines(), old)).toEqual(["RUN_CANCELED"]);
});

test("with a run following ends when the run does", async () => {
  await start("--delay", "1h");
  const runId = await start("--run-id", "watched", "--delay", "1h");
  const following = follow("--run", runId, "--json");
  await following.awaitLine("STEP_SUCCESS");
  await world.run(["runs", "cancel", runId]);
  expect(await following.ended).toMatchObject({ exitCode: 0, err: "" });
  const printed = following.lines().map((line) => JSON.parse(line));
  expect(printed.map(({ state }) => state)).toEqual([
    "RUN_STARTED",
    "STEP_SUCCESS",
    "RUN_CANCELED",
  ]);
});

test("a run that is not there yet is waited for, and states choose what is printed", async () => {
  const following = follow("--run", "wfr_later", "--state", "run_failed");
  await following.awaitRemark("there is no such run yet");
  await start("--run-id", "later");
  expect(await following.ended).toMatchObject({ exitCode: 0 });
  expect(statesOf(following.lines(), "wfr_later")).toEqual(["RUN_FAILED"]);
});

test("a history of more than a page is followed", async () => {
  const workflows = await openWorkflowWorld();
  const gate = Promise.withResolvers<string>();
  const url = workflows.serve("/long", async (context) => {
    for (let step = 1; step <= 120; step++) await context.run(`step ${step}`, () => step);
    await context.run("step 121", () => gate.promise);
    await context.sleep("rest", "1h");
  });
  const runId = await workflows.trigger(url);
  const args = ["runs", "logs", "--follow", "--limit", "all", "--run", runId];
  const following = startFollowing(workflows.run, args);
  await following.awaitLine("step 120");
  gate.resolve("open");
  await following.awaitLine("rest (SleepFor)");
  await workflows.run(["runs", "cancel", runId]);
  expect((await following.ended).exitCode).toBe(0);
  const results = following.lines().filter((line) => / step \d+ \(Run\)/.test(line));
  expect(results.map((line) => /step \d+/.exec(line)?.[0])).toEqual(
    Array.from({ length: 121 }, (_, index) => `step ${index + 1}`),
  );
  await workflows.close();
});

test("many open runs are followed up to a bound, which is said", async () => {
  for (let index = 0; index < 101; index++) await start("--delay", "1h");
  const following = follow("--limit", "1");
  await following.awaitRemark("following the newest 100 runs that have not ended");
  const fresh = await start("--delay", "1h");
  await following.awaitLine(fresh);
  expect((await following.stop()).err.trimEnd().split("\n")).toHaveLength(1);
});

test("a log without an end takes no end", async () => {
  expect((await world.run(["runs", "logs", "--follow", "--to", "1h"])).exitCode).toBe(2);
});
