// The moment between the last failed attempt and its entry: the store fails, or the process dies.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEV_IDENTITY, type DeadLetterPage, RepriseError } from "@reprise/protocol";
import { Client } from "@upstash/workflow";
import { afterEach, expect, test } from "vitest";
import { App } from "../conformance/app.ts";
import { until } from "../conformance/until.ts";
import { World } from "../conformance/world.ts";
import { endChild, order, startChild } from "./child.ts";
import type { Death, Listening, Order } from "./dying-server.ts";
import { watchFailures } from "./failure-commit.ts";

const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** An app whose workflow always fails, and which hears of it. */
async function startApp(): Promise<App> {
  const { currentSigningKey: current, nextSigningKey: next } = DEV_IDENTITY;
  const app = new App({ current, next });
  await app.start();
  ends.push(() => app.stop());
  app.on("/down", (_request, { headers }) => {
    const isFailure = headers["upstash-workflow-is-failure"] === "true";
    return new Response(isFailure ? "{}" : "down", { status: isFailure ? 200 : 500 });
  });
  return app;
}

/** Deliveries of the step by the number of their retry, and the dead letters that the app was told of. */
function heardBy(app: App) {
  const isFailure = ({ headers }: App["received"][number]) =>
    headers["upstash-workflow-is-failure"] === "true";
  const failures = app.received.filter(isFailure);
  return {
    attempts: app.received
      .filter((one) => !isFailure(one))
      .map(({ headers }) => headers["upstash-retried"]),
    told: failures.map(({ body }): unknown => JSON.parse(body).dlqId),
  };
}

/** Starts a server process on a directory; it dies when it is told to, or at the end of the test. */
async function startProcess(what: Order): Promise<{ child: ChildProcess; at: Listening }> {
  const child = startChild("./dying-server.ts");
  ends.push(() => endChild(child));
  return { child, at: await order<Listening>(child, what) };
}

test.each<[Death, readonly string[]]>([
  // The outcome of the last attempt was lost with the process: it is made again, under its own number.
  ["before", ["0", "1", "1"]],
  ["after", ["0", "1"]],
])(
  "S13: a server that is killed %s the commit of a failure leaves exactly one entry behind",
  async (death, attempts) => {
    const dataDir = await mkdtemp(join(tmpdir(), "reprise-failed-runs-"));
    ends.push(() => rm(dataDir, { recursive: true, force: true }));
    const app = await startApp();
    const first = await startProcess({ dataDir, port: 0, death });
    const client = new Client({ baseUrl: first.at.url, token: first.at.token });
    const isDead = once(first.child, "exit");
    const trigger = { url: `${app.url}/down`, body: { a: 1 }, retries: 1, retryDelay: "1" };
    const { workflowRunId } = await client.trigger(trigger);
    expect(await isDead).toEqual([null, "SIGKILL"]);
    expect(heardBy(app).told).toEqual([]);

    // Its port is a new one: somebody else may have taken the other meanwhile.
    const second = await startProcess({ dataDir, port: 0, death: "never" });
    const entry = await until("the entry whose failure function was called", async () => {
      const path = `${second.at.url}/v2/workflows/dlq`;
      const answer = await fetch(path, { headers: { authorization: `Bearer ${first.at.token}` } });
      // The shape is what the tests of S14 check.
      const { messages } = (await answer.json()) as DeadLetterPage;
      expect(messages.length).toBeLessThanOrEqual(1);
      return messages.find((one) => one.failureFunctionState === "CALLBACK_SUCCESS");
    });
    expect(entry).toMatchObject({ workflowRunId, body: '{"a":1}', responseBody: "down" });
    expect(heardBy(app)).toEqual({ attempts, told: [entry.dlqId] });
  },
);

test.each<["before" | "after", number, readonly string[]]>([
  ["before", 3, ["0", "1"]],
  ["after", 1, ["0", "1"]],
])(
  "S13: a store that fails %s the commit of a failure, %i times, does not lose or double the entry",
  async (moment, times, attempts) => {
    let faults = 0;
    const fail = (): void => {
      if (faults === times) return;
      faults += 1;
      throw new RepriseError("storage_unavailable", { message: "fails on purpose" });
    };
    const world = new World({
      surroundings: {
        wrapStore: (store) => watchFailures(store, { [moment]: fail }),
        limits: { storeRetryMs: 5, lingerMs: 1 },
        writeLine: () => {},
      },
    });
    await world.open();
    ends.push(() => world.close());
    const app = await startApp();
    const trigger = { url: `${app.url}/down`, retries: 1, retryDelay: "1" };
    const runId = await world.trigger(trigger);
    const { dlqId } = await world.deadLetterIn(runId, "CALLBACK_SUCCESS");
    expect(faults).toBe(times);
    expect((await world.client.dlq.list()).messages).toHaveLength(1);
    expect(heardBy(app)).toEqual({ attempts, told: [dlqId] });
  },
);
