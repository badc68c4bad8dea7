// Every filter and every override that the API has for dead letters of runs, at the shell.

import type { DeadLetterResource, RunResource } from "@reprise/protocol";
import { afterEach, beforeEach, expect, test } from "vitest";
import { until } from "./failing-app.test.fixture.ts";
import {
  openWorkflowWorld,
  quietSdk,
  type Route,
  type WorkflowWorld,
} from "./workflow-app.test.fixture.ts";

quietSdk();

let world: WorkflowWorld;

beforeEach(async () => {
  world = await openWorkflowWorld();
});

afterEach(() => world.close());

async function json<T>(...args: readonly string[]): Promise<T> {
  const { exitCode, out, err } = await world.run([...args, "--json"]);
  if (exitCode !== 0) throw new Error(`${args.join(" ")} ended with ${exitCode}: ${err}`);
  // The test names the shape that it reads.
  return JSON.parse(out) as T;
}

const letters = (...filters: readonly string[]) =>
  json<readonly DeadLetterResource[]>("dlq", "list", ...filters);

const ids = async (...filters: readonly string[]): Promise<readonly string[]> =>
  (await letters(...filters)).map(({ dlqId }) => dlqId);

const newestRun = async (): Promise<RunResource | undefined> =>
  (await json<readonly RunResource[]>("runs", "list"))[0];

/** Starts a run that fails at once; gives its dead letter when it has this failure function state. */
async function fail(
  url: string,
  state: string | undefined,
  ...args: readonly string[]
): Promise<DeadLetterResource> {
  const runId = await world.trigger(url, "--retries", "0", ...args);
  return until(`dead letter of ${runId} with state ${state}`, async () => {
    const [letter] = await letters("--run", runId);
    return letter !== undefined && letter.failureFunctionState === state ? letter : null;
  });
}

const reserve: Route = (context) =>
  context.run("reserve", () => {
    throw new Error("out of stock");
  });

const broken = (path: string) => world.serve(path, reserve);

test("every filter chooses, and different ones must all hold", async () => {
  const told = world.serve("/told", reserve, { failureFunction: () => "support knows" });
  const flow = ["--flow-control-key", "shop", "--parallelism", "2"];
  const first = await fail(told, "CALLBACK_SUCCESS", "--label", "a", "--label", "b", ...flow);
  const second = await fail(broken("/untold"), undefined, "--label", "b");
  const createdAt = String(first.workflowCreatedAt);
  const chosen: readonly (readonly [readonly string[], readonly DeadLetterResource[]])[] = [
    [[], [second, first]],
    [["--url", told], [first]],
    [
      ["--url", told, "--url", second.workflowUrl],
      [second, first],
    ],
    [["--run-id", second.workflowRunId], [second]],
    [["--run", first.workflowRunId, "--created-at", createdAt], [first]],
    [["--run", second.workflowRunId, "--created-at", createdAt], []],
    [
      ["--label", "b"],
      [second, first],
    ],
    [["--label", "a"], [first]],
    [["--state", "success"], [first]],
    [["--state", "none"], [second]],
    [
      ["--state", "none", "--state", "CALLBACK_SUCCESS"],
      [second, first],
    ],
    [["--state", "fail"], []],
    [
      ["--caller-ip", "127.0.0.1"],
      [second, first],
    ],
    [["--caller-ip", "192.0.2.1"], []],
    [["--flow-control-key", "shop"], [first]],
    [["--from", String(second.createdAt)], [second]],
    [
      ["--to", String(second.createdAt)],
      [second, first],
    ],
    [["--to", String(second.createdAt - 1)], [first]],
    [
      ["--status", "500"],
      [second, first],
    ],
    [["--message-id", first.messageId], [first]],
    [["--label", "b", "--state", "none"], [second]],
    [["--label", "a", "--state", "none"], []],
  ];
  for (const [filters, expected] of chosen) {
    expect([filters, await ids(...filters)]).toEqual([filters, expected.map(({ dlqId }) => dlqId)]);
    if (filters.length === 0 || expected.length === 0) continue;
    // An action by these filters is for the same.
    const asked = await world.run(["dlq", "resume", ...filters], { answer: "n" });
    const noun = `dead letter${expected.length === 1 ? "" : "s"}`;
    expect([filters, asked.err]).toEqual([
      filters,
      `resume ${expected.length} ${noun}? [y/N] reprise: nothing was changed\n`,
    ]);
  }
});

const OVERRIDES = [
  ...["--set-retries", "1", "--set-retry-delay", "10", "--set-label", "x", "--set-label", "y"],
  ...["--set-flow-control-key", "slow", "--set-parallelism", "3", "--set-rate", "7"],
  ...["--set-period", "2s", "--set-failure-callback", "http://127.0.0.1:9/failed"],
];

test.each([
  ["resume", "one"],
  ["resume", "many"],
  ["restart", "one"],
  ["restart", "many"],
])("overrides of a %s of %s reach the new run", async (verb, count) => {
  const url = broken("/untold");
  const { dlqId } = await fail(url, undefined, "--label", "old");
  const chosen = count === "one" ? [dlqId] : ["--label", "old", "--yes"];
  expect((await world.run(["dlq", verb, ...chosen, ...OVERRIDES])).exitCode).toBe(0);
  const again = await until("the second failure", async () => (await letters())[0] ?? null);
  expect(again).toMatchObject({
    maxRetries: 1,
    retryDelayExpression: "10",
    labels: ["x", "y"],
    flowControlKey: "slow",
    parallelism: 3,
    rate: 7,
    period: 2,
    failureCallback: "http://127.0.0.1:9/failed",
  });
});

test("a delay holds the next step back", async () => {
  const { dlqId } = await fail(broken("/untold"), undefined);
  const before = Date.now();
  expect((await world.run(["dlq", "resume", dlqId, "--set-delay", "1h30m"])).exitCode).toBe(0);
  const run = await newestRun();
  const due = (run?.steps ?? []).flatMap(({ steps }) =>
    steps.flatMap(({ nextDeliveryTime }) => nextDeliveryTime ?? []),
  );
  const delayMs = (due[0] ?? 0) - before;
  expect(Math.round(delayMs / 60_000)).toBe(90);
});

test.each([
  ["--set-delay", "soon"],
  ["--set-retries", "-1"],
  ["--set-retry-delay", "process.exit()"],
  ["--set-failure-callback", "support"],
])("the server refuses %s %s, and nothing is changed", async (flag, value) => {
  const { dlqId } = await fail(broken("/untold"), undefined);
  for (const verb of ["resume", "restart"]) {
    const { exitCode, out } = await world.run(["dlq", verb, dlqId, flag, value]);
    expect([exitCode, out]).toEqual([1, ""]);
  }
  expect(await ids()).toEqual([dlqId]);
});

test("a key without a limit, or the other way round, is a wrong use", async () => {
  for (const flags of [
    ["--set-flow-control-key", "slow"],
    ["--set-rate", "5"],
  ]) {
    expect((await world.run(["dlq", "resume", "1-1", ...flags])).exitCode).toBe(2);
  }
});

test("a limit takes the oldest, and is nothing for those that are named", async () => {
  const url = broken("/untold");
  const oldest = await fail(url, undefined);
  const middle = await fail(url, undefined);
  const newest = await fail(url, undefined);
  const taken = await world.run(["dlq", "delete", "--url", url, "--limit", "2", "--yes"]);
  expect(taken.err).toBe("deleted 2 dead letters\n");
  expect(await ids()).toEqual([newest.dlqId]);
  expect([oldest.dlqId, middle.dlqId]).not.toContain(newest.dlqId);
  const both = await world.run(["dlq", "delete", newest.dlqId, "--limit", "1", "--yes"]);
  expect([both.exitCode, both.err]).toEqual([2, expect.stringContaining("--limit is for filters")]);
  expect((await world.run(["dlq", "delete", "--limit", "1", "--yes"])).exitCode).toBe(2);
});

test("what to do next is said beside a dead letter", async () => {
  const { dlqId } = await fail(broken("/untold"), undefined);
  const { out, err } = await world.run(["dlq", "show", dlqId]);
  expect(err).toMatch(new RegExp(`^\\nnext\\n {2}reprise dlq resume ${dlqId} {3}go on`));
  expect(err).not.toContain("dlq callback");
  expect(out).not.toContain("reprise dlq");
  expect((await world.run(["dlq", "show", dlqId, "--json"])).err).toBe("");
});
