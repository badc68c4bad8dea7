import { expect, test } from "vitest";
import type { Delivery } from "../engine/dispatcher.ts";
import { ScriptedHost } from "../engine/scripted-host.suite.ts";
import { insert, messageRow, runRow } from "../store/rows.suite.ts";
import { openSqliteStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { CensusTaker } from "./census.ts";
import { createChangeLog } from "./change-log.ts";
import { createMeter, type Meter } from "./meter.ts";
import { observeStore } from "./observed-store.ts";

/** What is counted of what is written, on a real store. */

async function open() {
  const host = new ScriptedHost();
  const lines: string[] = [];
  const changeLog = createChangeLog((event, fields) => {
    lines.push(`${event} ${JSON.stringify(fields)}`);
  });
  const meter = createMeter({ now: () => host.now(), clock: () => host.now(), changeLog });
  const real = await openSqliteStore({ path: ":memory:", now: () => host.now() });
  return { host, meter, lines, real, store: observeStore(real, meter.store) };
}

const countOf = (meter: Meter, name: keyof Meter["counters"]) =>
  Object.fromEntries(
    [...meter.counters[name].entries()].map(([labels, count]) => [
      Object.values(labels).join(),
      count,
    ]),
  );

test("what a transaction writes counts once it is kept, and what it takes back does not", async () => {
  const { meter, store, lines } = await open();
  await store.transaction((transaction) =>
    transaction.write([
      insert("runs", runRow(1)),
      insert("messages", { ...messageRow(2), kind: "plain" }),
    ]),
  );
  const refused = store.transaction(async (transaction) => {
    await transaction.write([insert("messages", { ...messageRow(3), kind: "plain" })]);
    throw new Error("refused");
  });
  await expect(refused).rejects.toThrow("refused");
  await store.transaction((transaction) =>
    transaction.write([
      { type: "update", table: "runs", key: 1, set: { state: "succeeded" } },
      { type: "delete", table: "messages", key: 2 },
    ]),
  );
  expect(countOf(meter, "runsStarted")).toEqual({ "": 1 });
  expect(countOf(meter, "runsEnded")).toEqual({ succeeded: 1 });
  expect(countOf(meter, "accepted")).toEqual({ plain: 1 });
  // A refusal is an answer, and no fault of the storage.
  expect(countOf(meter, "storageErrors")).toEqual({ "": 0 });
  expect(meter.spreads.rows.sum).toBe(4);
  expect(lines.map((line) => line.split(" ")[0])).toEqual([
    "run_started",
    "message_made",
    "run_ended",
    "message_ended",
  ]);
  expect(lines[2]).toContain(runRow(1).id);
});

test("a transaction that lost a race and was run again counts once", async () => {
  const { host, meter, real } = await open();
  const racing: Store = {
    ...Object.create(null),
    isShared: true,
    hints: null,
    transaction: async (work: Parameters<Store["transaction"]>[0]) => {
      await real
        .transaction(async (transaction) => {
          await work(transaction);
          throw new Error("lost");
        })
        .catch(() => {});
      await host.advance(40);
      return real.transaction(work);
    },
  };
  await observeStore(racing, meter.store).transaction((transaction) =>
    transaction.write([insert("messages", { ...messageRow(2), kind: "plain" })]),
  );
  expect(countOf(meter, "accepted")).toEqual({ plain: 1 });
  expect(countOf(meter, "storageRepeats")).toEqual({ "": 1 });
});

test("a storage that fails is counted", async () => {
  const { meter, store } = await open();
  await store.close();
  await expect(store.transaction(async () => {})).rejects.toThrow();
  expect(countOf(meter, "storageErrors")).toEqual({ "": 1 });
});

test("a late tick counts as late, and those that it stands for as missed", async () => {
  const { meter } = await open();
  const dueAt = Date.UTC(2026, 0, 1, 12, 0);
  const tick = { key: 1, cron: "* * * * *", createdAt: dueAt - 1, dueAt };
  const at = (lateMs: number) =>
    meter.store.committed({
      batches: [],
      // The rest of the row plays no part.
      ticks: [tick as Parameters<typeof meter.store.committed>[0]["ticks"][0]],
      ticksAt: dueAt + lateMs,
      workMs: 0,
      commitMs: 0,
      repeats: 0,
    });
  at(5_000);
  expect([countOf(meter, "ticksLate"), countOf(meter, "ticksMissed")]).toEqual([
    { "": 0 },
    { "": 0 },
  ]);
  at(3 * 60_000 + 1);
  expect([
    countOf(meter, "ticks"),
    countOf(meter, "ticksLate"),
    countOf(meter, "ticksMissed"),
  ]).toEqual([{ "": 2 }, { "": 1 }, { "": 3 }]);
});

test("a census counts what there is, however far apart it lies, and rests behind it", async () => {
  const { host, real } = await open();
  const states = ["scheduled", "waiting", "scheduled", "active"] as const;
  await real.transaction((transaction) =>
    transaction.write([
      ...states.map((state, at) =>
        insert("messages", {
          ...messageRow(1 + at * 7_000),
          state,
          gate: state === "waiting" ? "queue:q" : null,
          waitOrder: state === "waiting" ? 1 : null,
        }),
      ),
      insert("runs", runRow(50_000)),
    ]),
  );
  const taker = new CensusTaker(real, host);
  expect(await taker.read()).toMatchObject({
    messages: { scheduled: 2, waiting: 1, active: 1, canceling: 0 },
    liveRuns: 1,
    deadRuns: 0,
  });
  await real.transaction((transaction) =>
    transaction.write([{ type: "delete", table: "messages", key: 1 }]),
  );
  await host.advance(4_999);
  expect(await taker.read()).toMatchObject({ messages: { scheduled: 2 } });
  await host.advance(1);
  expect(await taker.read()).toMatchObject({ messages: { scheduled: 1 } });
});

test("the line of an attempt names its message, its run and its trace, and no header", async () => {
  const { meter, lines } = await open();
  const attempt = (traceparent: string) =>
    meter.engine.attemptEnded(
      {
        type: "endDelivery",
        messageKey: 2,
        leaseToken: 1,
        startedAt: 1_000,
        endedAt: 1_250,
        requestHeaders: { traceparent, "x-secret": "canary-header" },
        outcome: { type: "error", cause: "refused", message: "canary-message" },
      },
      // Of a delivery, its kind, its message and its run are looked at.
      {
        kind: "run",
        message: messageRow(2, { runKey: 1, retried: 3 }),
        run: runRow(1),
      } as Delivery,
    );
  attempt(`00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`);
  attempt("canary-traceparent");
  expect(lines.join()).not.toContain("canary");
  expect(lines[0]).toContain(`"workflowRunId":"${runRow(1).id}"`);
  expect(lines[0]).toMatch(/"attempt":3,"outcome":"refused","tookMs":250,"traceId":"(?:ab){16}"/);
  expect(lines[1]).not.toContain("traceId");
  expect(countOf(meter, "retries")).toEqual({ [messageRow(2).kind]: 2 });
});
