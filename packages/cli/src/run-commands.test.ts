import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, until, type World } from "./failing-app.test.fixture.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.close());

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
  expect(lines[0]).toMatch(/^run +state +created +dead letter +workflow$/);
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

test("more runs than a page holds are listed up to the limit", async () => {
  await world.failMany("many", 25);
  const { out, err } = await world.run(["runs", "list", "--limit", "23", "--json"]);
  const ids = JSON.parse(out).map((run: { readonly workflowRunId: string }) => run.workflowRunId);
  expect(new Set(ids).size).toBe(23);
  expect(err).toBe("23 runs; there are more, see --limit\n");
});

test("a run is shown with each failed attempt and its failure function", async () => {
  const dlqId = await world.fail("one");
  const runId = await runOf(dlqId);
  await until("the end of the failure call", async () => {
    const { out } = await world.run(["runs", "show", runId]);
    return out.includes("CALLBACK_SUCCESS") ? true : null;
  });
  const { exitCode, out, err } = await world.run(["runs", "show", runId]);
  expect([exitCode, err]).toEqual([0, ""]);
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
