// Storage trouble at any moment of a run: a running workflow must never hear that its run has ended when it has not.

import { Client as QstashClient } from "@upstash/qstash";
import { expect, test } from "vitest";
import { type Fault, withFaults } from "../faults/faulty-store.ts";
import { Counters } from "./counters.ts";
import { quietSdk } from "./quiet-sdk.ts";
import { type Exchange, Recorder } from "./recorder.ts";
import { until } from "./until.ts";
import { World } from "./world.ts";

quietSdk();

/** A world of its own, in which one call of the store fails while a run lives. */
class Lane {
  /** Calls of the store that could have failed, since the last plan. */
  calls = 0;
  readonly statuses = new Map<number, number>();
  readonly lies: Exchange[] = [];
  readonly world: World;
  #failing = 0;
  #recorder: Recorder | null = null;

  constructor(fault: Fault) {
    this.world = new World({
      surroundings: {
        wrapStore: (store) =>
          withFaults(store, ({ method }) => {
            // Behind any other call nothing is on disk yet, so that its answer may as well not have been asked for.
            if (fault === "after" && method !== "commit") return null;
            this.calls += 1;
            return this.calls === this.#failing ? fault : null;
          }),
        // Lists that have grown are fetched, so that reads are called as well.
        limits: { storeRetryMs: 5, lingerMs: 1, inlineCharsMax: 1_000 },
        // The log would say what is caused on purpose.
        writeLine: () => {},
      },
    });
  }

  async open(): Promise<void> {
    await this.world.open();
    this.#recorder = new Recorder(this.world.server.url, (exchange) => this.#look(exchange));
    await this.#recorder.start();
  }

  async close(): Promise<void> {
    await this.world.close();
    await this.#recorder?.stop();
  }

  /** 0 lets every call pass. */
  failCall(number: number): void {
    this.calls = 0;
    this.#failing = number;
  }

  /** 400 and 404 tell the SDK that the run has ended: then that must be on disk. */
  async #look(exchange: Exchange): Promise<void> {
    const { status, target, body } = exchange;
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (status === 200 || status === 503) return;
    const runId = /wfr_[\w-]+/.exec(target + body)?.[0] ?? "";
    const runs = await this.world.store.find("runs", "byId", [[runId]]);
    const hasEnded = runs.length > 0 && runs.every(({ state }) => state !== "started");
    if ((status !== 400 && status !== 404) || !hasEnded) this.lies.push(exchange);
  }

  /** A workflow with a step, a group with a sleep, a step that fails until healed, a last step, and a failure function. */
  serve(path: string): Counters {
    const counters = new Counters(["charge"]);
    const { server } = this.world;
    const baseUrl = this.#recorder?.url ?? server.url;
    const qstashClient = new QstashClient({ baseUrl, token: server.token });
    this.world.serve(
      path,
      async (context) => {
        const one = await context.run("one", counters.step("one", 1));
        const group = await Promise.all([
          context.run("left", counters.step("left", 2)),
          context.sleep("nap", 0.01),
          context.run("right", counters.step("right", 3)),
        ]);
        const charge = await context.run("charge", counters.step("charge", 4));
        return [one, ...group, charge, await context.run("last", counters.step("last", 5))];
      },
      { qstashClient, failureFunction: () => counters.step("alarm", "noted")() },
    );
    return counters;
  }
}

/** A run is triggered, fails, is told about, is resumed and finishes; callers outside repeat what was answered with an error. */
async function live(lane: Lane, path: string): Promise<void> {
  const { world } = lane;
  const counters = lane.serve(path);
  const runId = `wfr_${path.slice(1)}`;
  const url = world.app.url + path;
  const trigger = { url, workflowRunId: path.slice(1), retries: 1, retryDelay: "2" };
  await insist(() => world.trigger(trigger));
  const deadLetter = await until(`the failure of ${runId}`, async () => {
    const [run] = await world.store.find("runs", "byId", [[runId]]);
    const [entry] = await world.store.get("deadLetters", [run?.deadLetterKey ?? -1]);
    return entry?.callbackState === "CALLBACK_SUCCESS" && entry;
  });
  expect(counters.all().alarm).toBeGreaterThanOrEqual(1);
  counters.heal();
  const dlqId = `${deadLetter.createdAt}-${deadLetter.key}`;
  await insist(async () => {
    const { status } = await world.call("POST", `/v2/workflows/dlq/resume/${dlqId}`);
    // A repeated request finds that the one with the lost answer had worked.
    if (status !== 200 && status !== 404) throw new Error(`status ${status}`);
  });
  const resumed = await until(`the resumed run of ${runId}`, async () => {
    const [entry] = await world.store.get("deadLetters", [deadLetter.key]);
    const [run] = await world.store.get("runs", [entry?.nextRunKey ?? -1]);
    return run !== undefined && run.state !== "started" && run;
  });
  expect(resumed.state).toBe("succeeded");
  expect(Buffer.from(resumed.response ?? []).toString("utf8")).toBe("[1,2,null,3,4,5]");
  await expectWhole(world, runId, resumed.key);
}

/** One failed run, one entry, one resumed run; every step recorded once, in one unbroken list. */
async function expectWhole({ store }: World, runId: string, resumedKey: number): Promise<void> {
  expect(await store.find("runs", "byId", [[runId]])).toHaveLength(1);
  const entries = await store.list("deadLetters", {
    where: [{ type: "in", column: "runId", values: [runId] }],
    order: "ascending",
    limit: 10,
  });
  expect(entries).toHaveLength(1);
  const steps = await store.find("steps", "byRun", [[resumedKey]]);
  const positions = steps.map(({ position }) => position).toSorted((a, b) => a - b);
  expect(positions).toEqual(Array.from({ length: 10 }, (_, index) => index));
  expect(new Set(steps.map(({ slot }) => slot)).size).toBe(10);
}

async function insist(request: () => Promise<unknown>): Promise<void> {
  await until("an answer other than 503", async () => {
    await request();
    return true;
  });
}

const LANES = 3;
const CALLS_MAX = 1_000;

test.each([
  ["whichever call of the store fails", "before", 40],
  ["whichever commit succeeds without an answer", "after", 8],
] as const)(
  "%s, a running workflow hears 503 or the truth, and everything finishes",
  // A run for each of many calls, one after the other: minutes on a machine with other work.
  { timeout: 400_000 },
  async (_name, fault, callsMin) => {
    const lanes = Array.from({ length: LANES }, () => new Lane(fault));
    await Promise.all(lanes.map((lane) => lane.open()));
    let failing = 0;
    let isDone = false;
    const drive = async (lane: Lane): Promise<void> => {
      // A run that needed fewer calls than the one that was to fail has come to its end untouched.
      while (!isDone && failing < CALLS_MAX) {
        failing += 1;
        const number = failing;
        lane.failCall(number);
        await live(lane, `/${fault}-${number}`);
        isDone ||= lane.calls < number;
      }
    };
    try {
      await Promise.all(lanes.map(drive));
    } finally {
      await Promise.all(lanes.map((lane) => lane.close()));
    }
    expect(isDone).toBe(true);
    expect(failing).toBeGreaterThan(callsMin);
    expect(lanes.flatMap(({ lies }) => lies)).toEqual([]);
    const refused = lanes.map(({ statuses }) => statuses.get(503) ?? 0);
    expect(refused.reduce((sum, count) => sum + count)).toBeGreaterThan(0);
  },
);
