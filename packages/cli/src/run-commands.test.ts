import type { RunResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, until, type World } from "./failing-app.test.fixture.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.close());

/** Starts a run that stays as it is. */
async function trigger(body: string, ...args: readonly string[]): Promise<string> {
  const { out } = await world.run([
    ...["runs", "trigger", world.app.url, "--body", body, "--delay", "1h"],
    ...args,
  ]);
  return out.trim();
}

async function runOf(dlqId: string): Promise<string> {
  const { out } = await world.run(["dlq", "show", dlqId, "--json"]);
  return JSON.parse(out).workflowRunId;
}

test("the list shows runs with their state and dead letter, newest first", async () => {
  const dlqId = await world.fail("one");
  world.app.heal();
  await world.run(["dlq", "resume", dlqId]);
  const resumed = await until("the end of the run", () => world.app.finished[0] ?? null);
  const failed = await until("the failed run", async () => {
    const { out } = await world.run(["runs", "list", "--state", "failed", "--json"]);
    return JSON.parse(out)[0]?.workflowRunId ?? null;
  });
  const { exitCode, out, err } = await world.run(["runs", "list"]);
  expect([exitCode, err]).toEqual([0, "2 runs\n"]);
  const lines = out.trimEnd().split("\n");
  expect(lines[0]).toMatch(/^run +state +created +dead letter +workflow +waiting for$/);
  expect(lines[1]).toMatch(new RegExp(`^${resumed} +RUN_SUCCESS .* - +http`));
  expect(lines[2]).toMatch(new RegExp(`^${failed} +RUN_FAILED .* ${dlqId} +http`));
});

test("filters narrow the list", async () => {
  await world.fail("one");
  await world.fail("two");
  const count = async (...filters: string[]): Promise<number> => {
    const { out } = await world.run(["runs", "list", "--json", ...filters]);
    return JSON.parse(out).length;
  };
  expect(await count("--label", "two")).toBe(1);
  expect(await count("--label", "one", "--label", "two", "--state", "RUN_FAILED")).toBe(2);
  expect(await count("--state", "success")).toBe(0);
  expect(await count("--from", "1h", "--limit", "1")).toBe(1);
  expect(await count("--to", "1h")).toBe(0);
});

test("every filter of the API is a flag", async () => {
  const first = await trigger("first", "--flow-control-key", "shop", "--parallelism", "5");
  const second = await trigger("second", "--label", "x");
  const found = async (...filters: string[]): Promise<readonly string[]> => {
    const { out } = await world.run(["runs", "list", "--json", ...filters]);
    return JSON.parse(out).map((run: RunResource) => run.workflowRunId);
  };
  const [run] = JSON.parse((await world.run(["runs", "list", "--run", first, "--json"])).out);
  const step = run.steps[0].steps[0];
  const createdAt = String(run.workflowRunCreatedAt);
  expect(await found("--created-at", createdAt, "--run-id", first)).toEqual([first]);
  expect(await found("--created-at", "1000000000000")).toEqual([]);
  expect(await found("--message-id", step.messageId)).toEqual([first]);
  expect(await found("--flow-control-key", "shop")).toEqual([first]);
  expect(await found("--label", "x", "--label", "y")).toEqual([second]);
  expect(await found("--caller-ip", "127.0.0.1", "--host", "127.0.0.1")).toEqual([second, first]);
  expect(await found("--caller-ip", "192.0.2.1")).toEqual([]);
  expect(await found("--path", "/order")).toEqual([second, first]);
  expect(await found("--path", "/orders")).toEqual([]);
  expect(await found("--url", world.app.url)).toEqual([second, first]);
  expect((await world.run(["runs", "list", "--created-at", "2h"])).exitCode).toBe(2);
});

test("of runs that had the same id the newest is shown, and another one when its creation says so", async () => {
  world.app.heal();
  await world.run(["runs", "trigger", world.app.url, "--run-id", "twice", "--body", "one"]);
  await until("the end of the run", () => world.app.finished[0] ?? null);
  await world.run(["runs", "trigger", world.app.url, "--run-id", "twice", "--body", "two"]);
  const newest = await world.run(["runs", "show", "wfr_twice"]);
  expect(newest.out).toContain("payload: two");
  expect(newest.err).toContain(
    "earlier runs had this id; see: reprise runs list --run-id wfr_twice\n",
  );
  const { out } = await world.run(["runs", "list", "--run-id", "wfr_twice", "--json"]);
  const createdAt = String(JSON.parse(out)[1].workflowRunCreatedAt);
  const older = await world.run(["runs", "show", "wfr_twice", "--created-at", createdAt]);
  expect([older.exitCode, older.err]).toEqual([0, ""]);
  expect(older.out).toContain("payload: one");
});

test("a resumed run names the one that it goes on from, and the other way round", async () => {
  const dlqId = await world.fail("one");
  const failed = await runOf(dlqId);
  world.app.heal();
  await world.run(["dlq", "resume", dlqId]);
  const resumed = await until("the end of the run", () => world.app.finished[0] ?? null);
  const before = await world.run(["runs", "show", failed]);
  expect(before.out).toMatch(new RegExp(`^resumed as +${resumed}$`, "m"));
  expect(before.err).toContain(`reprise runs show ${resumed}`);
  expect(before.err).not.toContain("dlq resume");
  const after = await world.run(["runs", "show", resumed]);
  expect(after.out).toMatch(new RegExp(`^resumed from +${failed}$`, "m"));
});

test("more runs than a page holds are listed up to the limit", async () => {
  await world.failMany("many", 25);
  const { out, err } = await world.run(["runs", "list", "--limit", "23", "--json"]);
  const ids = JSON.parse(out).map((run: { readonly workflowRunId: string }) => run.workflowRunId);
  expect(new Set(ids).size).toBe(23);
  expect(err).toMatch(/^23 runs; there are more, see --limit\nthey begin at: --cursor \S+\n$/);
  const [, cursor = ""] = /--cursor (\S+)/.exec(err) ?? [];
  const rest = await world.run(["runs", "list", "--cursor", cursor, "--json"]);
  for (const run of JSON.parse(rest.out)) ids.push(run.workflowRunId);
  expect(new Set(ids).size).toBe(25);
  expect([ids.length, rest.err]).toEqual([25, "2 runs\n"]);
  const all = await world.run(["runs", "list", "--limit", "all", "--json"]);
  expect([JSON.parse(all.out).length, all.err]).toEqual([25, "25 runs\n"]);
});

test("a run is shown with each failed attempt and its failure function", async () => {
  const dlqId = await world.fail("one");
  const runId = await runOf(dlqId);
  await until("the end of the failure call", async () => {
    const { out } = await world.run(["runs", "show", runId]);
    return out.includes("CALLBACK_SUCCESS") ? true : null;
  });
  const { exitCode, out, err } = await world.run(["runs", "show", runId]);
  expect(exitCode).toBe(0);
  expect(err).toBe(`
next
  reprise dlq resume ${dlqId}   go on from the failing step, results kept
  reprise dlq restart ${dlqId}  begin with the first step
  reprise dlq delete ${dlqId}   give it up
`);
  for (const line of [
    new RegExp(`^run +${runId}$`, "m"),
    /^state +RUN_FAILED$/m,
    new RegExp(`^dead letter +${dlqId}$`, "m"),
    /^ {2}STEP_SUCCESS {2}init \(Initial\)$/m,
    /^ {2}STEP_FAILED {2}the next step$/m,
    /^ {4}attempt 1 of 1 failed at .*: 404 Not Found$/m,
    /^ {6}<html>.*ERR_NGROK_3200/m,
    /^failure function\n {2}state +CALLBACK_SUCCESS$/m,
    /^ {2}answer +200 \{"result":"support was told"\}$/m,
  ]) {
    expect(out).toMatch(line);
  }
  expect(out).not.toContain("\u001b");
});

test("as JSON a run is what the API answers", async () => {
  const runId = await runOf(await world.fail("one"));
  const { out } = await world.run(["runs", "show", runId, "--json"]);
  expect(JSON.parse(out)).toMatchObject({ workflowRunId: runId, workflowState: "RUN_FAILED" });
});

test("an unknown run fails", async () => {
  const outcome = await world.run(["runs", "show", "wfr_unknown"]);
  expect(outcome).toEqual({
    exitCode: 1,
    out: "",
    err: "reprise: there is no run with the id wfr_unknown (see: reprise runs list)\n",
  });
});

test("a wrong token is explained", async () => {
  const { exitCode, err } = await world.run(["runs", "list"], { env: { QSTASH_TOKEN: "wrong" } });
  expect(exitCode).toBe(1);
  expect(err).toMatch(/\(QSTASH_TOKEN must be a token of the server at QSTASH_URL\)\n$/);
});
