// Why a run is waiting: one sentence on every run that has not ended.

import type { RunPage, RunResource } from "@reprise/protocol";
import { expect, test } from "vitest";
import { serveWithCallbacks, stepOf } from "./run-log.ts";
import { until } from "./until.ts";
import { useWorld } from "./world.ts";

const world = useWorld({ config: { drainMs: 50, perOriginMax: 4 } });

const AT = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z`;

/** Matches the whole sentence; `@` stands for an instant. */
function sentence(text: string): RegExp {
  const escaped = text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll("@", AT)}$`);
}

/** Waits until the run says this, in the list and alone. */
async function says(runId: string, text: string): Promise<RunResource> {
  let last: string | undefined;
  try {
    return await until(text, async () => {
      const run = await world.log(runId);
      last = run?.waitingFor;
      return sentence(text).test(last ?? "") && run;
    });
  } catch (cause) {
    throw new Error(`it says ${JSON.stringify(last)}`, { cause });
  }
}

const hanging = () => world.app.on("/hang", () => new Promise<Response>(() => {}));

test("a run that has not begun waits for its delay", async () => {
  const runId = await world.trigger({ url: hanging(), delay: "1h" });
  await says(runId, "delay until @");
});

test("a delivery in flight says since when, and which attempt it is", async () => {
  const runId = await world.trigger({ url: hanging(), retries: 2 });
  const { workflowRunCreatedAt, waitingFor = "" } = await says(
    runId,
    "delivery in flight since @ (attempt 1 of 3)",
  );
  const since = Date.parse(/since (\S+)/.exec(waitingFor)?.[1] ?? "");
  expect(since).toBeGreaterThanOrEqual(Math.floor(workflowRunCreatedAt / 1_000) * 1_000);
  expect(since).toBeLessThanOrEqual(Date.now());
});

test("a sleep says when it is over", async () => {
  const url = world.serve("/flow", async (context) => context.sleep("nap", "1h"));
  const run = await says(await world.trigger({ url }), "sleep until @");
  const { sleepUntil = 0 } = stepOf(run, "nap") ?? {};
  expect(Date.parse(run.waitingFor?.replace("sleep until ", "") ?? "")).toBe(sleepUntil);
});

test("a retry names its step, as far as the app has told it", async () => {
  const url = world.serve("/flow", async (context) => {
    await context.run("charge", () => {
      throw new Error("no money");
    });
  });
  const runId = await world.trigger({ url, retries: 3, retryDelay: "60000" });
  await says(runId, 'retry 1 of 3 of step "charge" at @');
  const down = world.app.on("/down", () => new Response("", { status: 500 }));
  const other = await world.trigger({ url: down, retries: 1, retryDelay: "60000" });
  await says(other, "retry 1 of 1 at @");
});

test("a run in the line of its flow control key says its place, and who is in flight", async () => {
  const url = hanging();
  const flowControl = { key: "tenant", parallelism: 2 };
  const first = await world.trigger({ url, flowControl });
  const second = await world.trigger({ url, flowControl });
  const third = await world.trigger({ url, flowControl });
  const fourth = await world.trigger({ url, flowControl });
  const holders = `2 of 2 in flight by ${first}, ${second}`;
  await says(third, `flow control key tenant, place 1 of 2; ${holders}`);
  await says(fourth, `flow control key tenant, place 2 of 2; ${holders}`);
  await world.call("POST", "/v2/flowControl/tenant/pause");
  await says(fourth, "flow control key tenant, which is paused; place 2 of 2");
});

test("a run behind very many deliveries to one app waits in the line of its origin", async () => {
  const url = hanging();
  for (let count = 0; count < 4; count += 1) await world.trigger({ url });
  await until("four deliveries", () => world.app.at("/hang").length === 4);
  const runId = await world.trigger({ url });
  const line = `line of ${world.app.url}: as many deliveries are in flight as may be at once`;
  await says(runId, `${line} (attempt 1 of 4)`);
});

test("a call in the line of its flow control key says so", async () => {
  const service = world.app.on("/service", () => new Promise<Response>(() => {}));
  const { url } = serveWithCallbacks(world, "/flow", async (context) => {
    await context.call("charge", { url: service, flowControl: { key: "bank", parallelism: 1 } });
  });
  const first = await world.trigger({ url });
  await says(first, `call of ${service}: in flight since @ (attempt 1 of 1)`);
  const second = await world.trigger({ url });
  const holder = `1 of 1 in flight by ${first}`;
  await says(second, `call of ${service}: flow control key bank, place 1 of 1; ${holder}`);
});

test("a page of ten runs costs no more reads of rows than its runs have, and says it of each", async () => {
  const url = world.serve("/flow", async (context) => {
    await context.waitForEvent("hold", "go", { timeout: "1h" });
  });
  const ids: string[] = [];
  for (let count = 0; count < 10; count += 1) ids.push(await world.trigger({ url }));
  for (const id of ids) await says(id, "event go until @");
  const read = async () => {
    const before = world.store.counters.rowsRead;
    const { json } = await world.call("GET", "/v2/workflows/logs?trimBody=-1");
    return { page: json as RunPage, rows: world.store.counters.rowsRead - before }; // The tests of the logs check the shape.
  };
  const { runs } = (await read()).page;
  expect(runs).toHaveLength(10);
  for (const run of runs) expect(run.waitingFor).toMatch(sentence("event go until @"));
  // Each run: its row, its settings twice, its record, its attempt, its wait twice; and one row that says that there is no more.
  // Deliveries whose waits are there already may still be ending, which reads rows as well.
  await until("a page for 80 rows", async () => (await read()).rows <= 10 * 8);
});

test("a run that has ended waits for nothing", async () => {
  const url = world.serve("/flow", async (context) => context.run("only", () => 1));
  const run = await world.succeeded(await world.trigger({ url }));
  expect(run).not.toHaveProperty("waitingFor");
  expect(run).not.toHaveProperty("isStuck");
});
