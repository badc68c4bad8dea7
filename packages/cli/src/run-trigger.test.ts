import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorld, until, type World } from "./failing-app.test.fixture.ts";

let world: World;

beforeEach(async () => {
  world = await openWorld();
});

afterEach(() => world.close());

const trigger = (...args: readonly string[]) =>
  world.run(["runs", "trigger", world.app.url, ...args]);

test("a triggered run prints its id and has what it was given", async () => {
  const { exitCode, out, err } = await trigger(
    ...["--body", '{"order":7}', "--retries", "0", "--label", "a", "--label", "b"],
    ...["--flow-control-key", "shop", "--rate", "5", "--failure-callback", "http://127.0.0.1:9/"],
  );
  expect([exitCode, err]).toEqual([0, "1 run\n"]);
  expect(out).toMatch(/^wfr_\S+\n$/);
  const dlqId = await until("the dead letter", async () => {
    const [letter] = JSON.parse((await world.run(["dlq", "list", "--json"])).out);
    return letter?.dlqId ?? null;
  });
  const letter = JSON.parse((await world.run(["dlq", "show", dlqId, "--json"])).out);
  expect(letter).toMatchObject({
    workflowRunId: out.trim(),
    body: '{"order":7}',
    maxRetries: 0,
    labels: ["a", "b"],
    flowControlKey: "shop",
    rate: 5,
    failureCallback: "http://127.0.0.1:9/",
  });
});

test("a run that has its id already is not started again", async () => {
  const first = await trigger("--run-id", "order-7", "--delay", "1h");
  expect([first.out, first.err]).toEqual(["wfr_order-7\n", "1 run\n"]);
  const again = await trigger("--run-id", "wfr_order-7", "--json");
  expect(JSON.parse(again.out)).toMatchObject({ workflowRunId: "wfr_order-7", deduplicated: true });
  const shown = await trigger("--run-id", "order-7");
  expect(shown.err).toBe("1 run that was started before (deduplicated)\n");
});

test("a body may come from standard input, and a delay shows as what the run waits for", async () => {
  const env = { QSTASH_URL: world.server.url, QSTASH_TOKEN: world.server.token };
  const { out } = await world.run(
    ["runs", "trigger", world.app.url, "--file", "-", "--delay", "1h"],
    { env, input: "from a pipe" },
  );
  const shown = await world.run(["runs", "show", out.trim()]);
  expect(shown.out).toContain("payload: from a pipe");
  expect(shown.out).toMatch(/^waiting for +delay until \d{4}-/m);
});

test.each([
  [["order"]],
  [["ftp://127.0.0.1/"]],
  [["http://127.0.0.1:9/", "--run-id", "a/b"]],
  [["http://127.0.0.1:9/", "--body", "x", "--file", "y"]],
  [["http://127.0.0.1:9/", "--queue", "orders"]],
])("%j is a wrong use", async (args) => {
  const { exitCode, out } = await world.run(["runs", "trigger", ...args]);
  expect([exitCode, out]).toEqual([2, ""]);
});
