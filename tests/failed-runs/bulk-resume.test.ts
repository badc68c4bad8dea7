// Thousands of dead letters at once: each is handled exactly once, although others keep arriving.

import type { BulkDeleteAnswer, BulkRunsAnswer } from "@reprise/protocol";
import { expect, test } from "vitest";
import { until } from "../conformance/until.ts";
import { useWorld } from "../conformance/world.ts";
import { actOnMany, handledBy, type Verb } from "./dead-letters.ts";
import { plantLike } from "./planted.ts";

const world = useWorld({ isOnDisk: true });

/** A workflow that fails at once and for good, so that every run which is brought back makes a new entry. */
function serveHopeless(path: string): string {
  const headers = { "upstash-nonretryable-error": "true" };
  return world.app.on(path, () => new Response("", { status: 489, headers }));
}

/** Starts a run over REST, without a failure function; its failure is awaited by whoever needs it. */
async function start(label: string): Promise<string> {
  const headers = { "Upstash-Label": label, "Upstash-Failure-Callback-Retries": "0" };
  const answer = await world.call("POST", `/v2/trigger/${serveHopeless("/hopeless")}`, { headers });
  return (answer.json as { workflowRunId: string }).workflowRunId; // Or its entry is awaited in vain.
}

/** Entries of runs with a label that have failed alike; gives the keys of their runs. */
async function plant(label: string, count: number): Promise<readonly number[]> {
  const runId = await start(label);
  await world.deadLetterIn(runId, "CALLBACK_FAIL");
  const copies = await plantLike(world.store, runId, count - 1);
  // The engine has taken keys in advance, below those of the copies; what fails from now on must lie behind them.
  await world.restartServer();
  const [run] = await world.store.find("runs", "byId", [[runId]]);
  return [run?.key ?? -1, ...copies];
}

interface Batch {
  readonly handled: number;
  readonly pages: readonly number[];
  readonly tookMs: number;
}

interface Plan {
  readonly verb: Verb;
  readonly query: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Follows the cursor to its end, while runs of the same kind start and fail. */
async function followCursor({ verb, query, headers = {} }: Plan): Promise<Batch> {
  const ask = (cursor: string): Promise<BulkRunsAnswer & BulkDeleteAnswer> => {
    const at = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    return actOnMany(world, verb, query + at, headers);
  };
  const begin = performance.now();
  // What the batch is about is settled when its first request comes, so that none of the others may have failed by then.
  let next = ask("");
  const arriving = startMore();
  const pages: number[] = [];
  let handled = 0;
  let cursor = "";
  let pageBegin = begin;
  do {
    const answer = await next;
    pages.push(performance.now() - pageBegin);
    handled += handledBy(answer);
    cursor = answer.cursor ?? "";
    pageBegin = performance.now();
    if (cursor !== "") next = ask(cursor);
  } while (cursor !== "" && pages.length < 1_000);
  const tookMs = performance.now() - begin;
  await arriving.stop();
  return { handled, pages, tookMs };
}

/** Starts runs that fail, one after the other, until it is told to stop. */
function startMore() {
  let isOver = false;
  const runIds: string[] = [];
  const work = (async () => {
    while (!isOver) runIds.push(await start("bulk"));
  })();
  return {
    stop: async () => {
      isOver = true;
      await work;
      expect(runIds.length).toBeGreaterThan(0);
    },
  };
}

const STATES = { resume: "resumed", restart: "restarted", delete: "deleted" } as const;

/** Each planted entry was handled once, and has one new run unless it was deleted. */
async function expectHandledOnce(verb: Verb, runKeys: readonly number[]): Promise<void> {
  const planted = new Set(runKeys);
  const rows = await listAll("deadLetters");
  const closed = rows.filter(({ runKey }) => planted.has(runKey));
  expect(closed).toHaveLength(planted.size);
  expect(new Set(closed.map(({ state }) => state))).toEqual(new Set([STATES[verb]]));
  const sources = (await listAll("runs"))
    .map(({ sourceRunKey }) => sourceRunKey)
    .filter((key) => key !== null && planted.has(key));
  expect(sources).toHaveLength(verb === "delete" ? 0 : planted.size);
  expect(new Set(sources).size).toBe(sources.length);
}

async function listAll<T extends "deadLetters" | "runs">(table: T) {
  return world.store.list(table, { where: [], order: "ascending", limit: 100_000 });
}

function print(what: string, { handled, pages, tookMs }: Batch): void {
  const sorted = pages.toSorted((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const text = [
    `${what}: ${handled} in ${Math.round(tookMs)} ms`,
    `${Math.round((handled / tookMs) * 1_000)} a second`,
    `${pages.length} pages, median ${median.toFixed(1)} ms, longest ${(sorted.at(-1) ?? 0).toFixed(1)} ms`,
  ];
  console.info(text.join("; "));
}

/** Each of the new runs has one delivery to come; the app has seen none of them. */
async function expectWaiting(count: number): Promise<void> {
  const where = [{ type: "in", column: "state", values: ["scheduled"] }] as const;
  const messages = await world.store.list("messages", {
    where,
    order: "ascending",
    limit: 100_000,
  });
  expect(messages).toHaveLength(count);
  expect(new Set(messages.map(({ runKey }) => runKey)).size).toBe(count);
}

/** Each of the new runs has reached the app once, and has failed again. */
async function expectDelivered(count: number): Promise<void> {
  const where = [{ type: "in", column: "state", values: ["started"] }] as const;
  const isOver = async () => (await world.store.count("runs", where)) === 0;
  await until("the end of all runs", isOver);
  const revived = (await listAll("runs")).filter(({ sourceRunKey }) => sourceRunKey !== null);
  const ids = new Set(revived.map(({ id }) => id));
  const reached = world.app
    .at("/hopeless")
    .filter(({ headers }) => headers["upstash-workflow-is-failure"] === undefined)
    .map(({ headers }) => headers["upstash-workflow-runid"] ?? "")
    .filter((id) => ids.has(id));
  expect(reached).toHaveLength(count);
  expect(new Set(reached).size).toBe(count);
}

test("S58: a resume of ten thousand dead letters by filter and cursor handles each exactly once while others arrive", async () => {
  const planted = await plant("bulk", 10_000);
  const others = await plant("other", 100);
  const later = { "Upstash-Delay": "1h" };
  const batch = await followCursor({
    verb: "resume",
    query: "label=bulk&count=50",
    headers: later,
  });
  print("resume by pages of 50, to go on later", batch);
  expect(batch.handled).toBe(planted.length);
  await expectHandledOnce("resume", planted);
  await expectWaiting(planted.length);
  // Nobody asked for the others.
  const open = (await listAll("deadLetters")).filter(({ state }) => state === "open");
  const openRuns = new Set(open.map(({ runKey }) => runKey));
  expect(others.every((key) => openRuns.has(key))).toBe(true);
});

test.each<[Verb, string, string]>([
  ["resume", "label=bulk&count=50", "by pages of 50"],
  ["resume", "label=bulk", "without a count"],
  ["restart", "label=bulk&count=50", "by pages of 50"],
  ["delete", "label=bulk&count=100", "by pages of 100"],
])(
  "S58: a %s of a thousand dead letters whose runs fail again at once handles each exactly once: %s %s",
  async (verb, query, how) => {
    const planted = await plant("bulk", 1_000);
    const batch = await followCursor({ verb, query });
    print(`${verb} ${how}, to go on at once`, batch);
    expect(batch.handled).toBe(planted.length);
    await expectHandledOnce(verb, planted);
    await expectDelivered(verb === "delete" ? 0 : planted.length);
  },
);
