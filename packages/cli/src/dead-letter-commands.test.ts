import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, until, type World } from "./failing-app.test.fixture.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.close());

const queueSize = async (): Promise<number> => {
  const { out } = await world.run(["dlq", "list", "--json"]);
  return JSON.parse(out).length;
};

const callbackState = async (dlqId: string): Promise<unknown> => {
  const { out } = await world.run(["dlq", "show", dlqId, "--json"]);
  return JSON.parse(out).failureFunctionState;
};

const awaitState = (dlqId: string, state: string) =>
  until(state, async () => ((await callbackState(dlqId)) === state ? true : null));

test("an empty queue lists as nothing", async () => {
  const outcome = await world.run(["dlq", "list"]);
  expect(outcome).toEqual({ exitCode: 0, out: "", err: "0 dead letters\n" });
});

test("the list shows a line for each dead letter, newest first", async () => {
  const first = await world.fail("one");
  const second = await world.fail("two");
  const { exitCode, out, err } = await world.run(["dlq", "list"]);
  expect(exitCode).toBe(0);
  const [heading, ...lines] = out.trimEnd().split("\n");
  expect(heading).toMatch(
    /^dead letter +kind +failed +expires +status +cause +run or message +url +answer$/,
  );
  expect(lines.map((line) => line.split(" ")[0])).toEqual([second, first]);
  expect(lines[0]).toMatch(/ run +\S+ \S+ +\S+ \S+ +404 +tunnel_page +wfr_\S+ +http\S+ +<html>/);
  expect(err).toBe("2 dead letters\n");
});

test("failures that are alike are one line, with how many there are", async () => {
  await world.fail("one");
  await world.fail("two");
  const { exitCode, out, err } = await world.run(["dlq", "groups"]);
  expect(exitCode).toBe(0);
  const [heading, line, ...others] = out.trimEnd().split("\n");
  expect(others).toEqual([]);
  expect(heading).toMatch(/^group +kind +count +last +cause +status +step +url +message$/);
  expect(line).toMatch(/^grp_\S+ +run +2 +\S+ \S+ +tunnel_page +404 +- +http\S+ +\S/);
  expect(err).toBe("1 group\n");
  const group = line?.split(" ")[0] ?? "";
  const listed = await world.run(["dlq", "list", "--group", group]);
  expect(listed.err).toBe("2 dead letters\n");
  const largest = await world.run(["dlq", "groups", "--largest", "--json", "--messages"]);
  expect(JSON.parse(largest.out)).toEqual([]);
});

test("the list says when there are more", async () => {
  await world.fail("one");
  await world.fail("two");
  const { out, err } = await world.run(["dlq", "list", "--limit", "1"]);
  expect(out.trimEnd().split("\n")).toHaveLength(2);
  expect(err).toBe("1 dead letter; there are more, see --limit\n");
});

test("a single dead letter is shown with headers, payload, answer and attempts", async () => {
  const dlqId = await world.fail("one");
  const { exitCode, out } = await world.run(["dlq", "show", dlqId]);
  expect(exitCode).toBe(0);
  expect(out).toMatch(/^ {2}Ngrok-Error-Code: ERR_NGROK_3200$/m);
  expect(out).toMatch(/^response status\n {2}404$/m);
  expect(out).toMatch(/^payload\n {2}one$/m);
  expect(out).toMatch(/^attempts\n {2}\d{4}-.* 404 Not Found after /m);
  expect(out).toContain("ERR_NGROK_3200</body>");
});

test("control characters of an app never reach the terminal", async () => {
  const dlqId = await world.fail("one");
  for (const args of [["list"], ["show", dlqId]]) {
    const { out } = await world.run(["dlq", ...args]);
    expect(out).not.toContain("\u001b");
    expect(out).toContain("offline\uFFFD[31m");
  }
});

test("filters choose by label, run and time", async () => {
  await world.fail("one");
  const second = await world.fail("two");
  const chosen = async (...filters: string[]): Promise<readonly string[]> => {
    const { out } = await world.run(["dlq", "list", "--json", ...filters]);
    return JSON.parse(out).map((letter: { readonly dlqId: string }) => letter.dlqId);
  };
  expect(await chosen("--label", "two")).toEqual([second]);
  expect(await chosen("--label", "one", "--label", "two")).toHaveLength(2);
  expect(await chosen("--url", world.app.url, "--label", "two")).toEqual([second]);
  expect(await chosen("--url", "http://127.0.0.1:1/other")).toEqual([]);
  expect(await chosen("--from", "1h")).toHaveLength(2);
  expect(await chosen("--to", "1h")).toEqual([]);
});

test("an unknown id fails with the server's words", async () => {
  const { exitCode, out, err } = await world.run(["dlq", "show", "1-1"]);
  expect(exitCode).toBe(1);
  expect(out).toBe("");
  expect(err).toMatch(/^reprise: .*1-1.*\n$/);
});

test("one named dead letter is resumed without a question, and its run finishes", async () => {
  const dlqId = await world.fail("one");
  world.app.heal();
  const { exitCode, out, err } = await world.run(["dlq", "resume", dlqId]);
  expect(exitCode).toBe(0);
  const runId = out.trimEnd().split("  ")[1];
  expect(err).toBe("resumed: 1 of 1 dead letter\n");
  expect(await until("the end of the run", () => world.app.finished[0] ?? null)).toBe(runId);
  expect(await queueSize()).toBe(0);
});

test("overrides reach the new run", async () => {
  const dlqId = await world.fail("one");
  const { exitCode } = await world.run(["dlq", "restart", dlqId, "--set-label", "again"]);
  expect(exitCode).toBe(0);
  await until("the second failure", () => world.app.reported[1] ?? null);
  const { out } = await world.run(["dlq", "list", "--json", "--label", "again"]);
  expect(JSON.parse(out)).toHaveLength(1);
});

test("a value that the server refuses changes nothing", async () => {
  const dlqId = await world.fail("one");
  const { exitCode, err } = await world.run(["dlq", "resume", dlqId, "--set-delay", "soon"]);
  expect(exitCode).toBe(1);
  expect(err).toContain("Upstash-Delay");
  expect(await queueSize()).toBe(1);
});

test("many are named with their count before anything happens", async () => {
  await world.fail("one");
  await world.fail("two");
  const refused = await world.run(["dlq", "resume", "--all"]);
  expect(refused.exitCode).toBe(2);
  expect(refused.err).toBe(
    "reprise: this would resume 2 dead letters; add --yes to do it without a question\n",
  );
  const denied = await world.run(["dlq", "resume", "--all"], { answer: "n" });
  expect(denied.exitCode).toBe(1);
  expect(denied.err).toBe("resume 2 dead letters? [y/N] reprise: nothing was changed\n");
  expect(await queueSize()).toBe(2);
  world.app.heal();
  const agreed = await world.run(["dlq", "resume", "--all"], { answer: "y" });
  expect(agreed.exitCode).toBe(0);
  expect(await queueSize()).toBe(0);
  await until("two finished runs", () => (world.app.finished.length === 2 ? true : null));
});

test("neither ids nor filters is a wrong use, and so are both", async () => {
  const dlqId = await world.fail("one");
  for (const command of ["resume", "restart", "callback", "delete"]) {
    for (const args of [[], [dlqId, "--label", "one"], [dlqId, "--all"], ["--label", ""], [""]]) {
      const outcome = await world.run(["dlq", command, ...args, "--yes"]);
      expect([command, args, outcome.out]).toEqual([command, args, ""]);
      expect(outcome.exitCode).not.toBe(0);
    }
  }
  expect(await queueSize()).toBe(1);
});

test("an unknown id among many is named and the others are done", async () => {
  const dlqId = await world.fail("one");
  world.app.heal();
  const { exitCode, out } = await world.run(["dlq", "resume", dlqId, "1-1", "--yes", "--json"]);
  expect(exitCode).toBe(1);
  const { workflowRuns, failed } = JSON.parse(out);
  expect(workflowRuns).toMatchObject([{ dlqId, workflowRunId: expect.stringMatching(/^wfr_/) }]);
  expect(failed).toMatchObject([{ dlqId: "1-1", error: expect.stringContaining("1-1") }]);
  expect(await queueSize()).toBe(0);
});

test("more dead letters than one request takes are all resumed", async () => {
  const total = 120;
  await world.failMany("many", total);
  world.app.heal();
  const { exitCode, out, err } = await world.run(["dlq", "resume", "--label", "many", "--yes"]);
  expect(exitCode).toBe(0);
  expect(err).toMatch(/^(?:.* \.\.\.\n)*resumed: 120 of 120 dead letters\n$/);
  expect(new Set(out.trimEnd().split("\n")).size).toBe(total);
  expect(await queueSize()).toBe(0);
});

test("a deletion is asked about, even of one", async () => {
  const dlqId = await world.fail("one");
  expect((await world.run(["dlq", "delete", dlqId])).exitCode).toBe(2);
  expect(await queueSize()).toBe(1);
  const outcome = await world.run(["dlq", "delete", dlqId, "--yes"]);
  expect(outcome).toEqual({ exitCode: 0, out: "", err: "deleted 1 dead letter\n" });
  const again = await world.run(["dlq", "delete", dlqId, "--yes"]);
  expect(again.exitCode).toBe(1);
  expect(again.err).toContain("1 of the chosen was not there");
});

test("a failed failure function is called again, one that worked is refused", async () => {
  world.app.answerFailureCalls(500);
  const dlqId = await world.fail("one");
  await awaitState(dlqId, "CALLBACK_FAIL");
  world.app.answerFailureCalls(200);
  const again = await world.run(["dlq", "callback", "--all", "--yes"]);
  expect([again.exitCode, again.err]).toEqual([0, "called again: 1 of 1 dead letter\n"]);
  await awaitState(dlqId, "CALLBACK_SUCCESS");
  expect(world.app.reported).toEqual([dlqId, dlqId]);
  const refused = await world.run(["dlq", "callback", dlqId]);
  expect(refused.exitCode).toBe(1);
  // By a filter only those are chosen that can be called again.
  const none = await world.run(["dlq", "callback", "--all", "--yes"]);
  expect([none.exitCode, none.err]).toEqual([0, "called again: 0 of 0 dead letters\n"]);
});
