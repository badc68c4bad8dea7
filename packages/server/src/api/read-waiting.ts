import { flowGate, originOf, queueGate } from "../core/gates.ts";
import type { FlowControlRow, MessageRow, QueueRow } from "../core/rows.ts";
import type { Reader } from "../store/store.ts";
import type { ApiRoom } from "./room.ts";
import type { OpenRow, WaitingFacts } from "./views/waiting.ts";

/**
 * Reads what a page of open messages waits for: a few reads for all of them together. The reads are not one transaction, so that
 * lines may have moved in between.
 */
export async function readWaitingFacts(
  messages: readonly OpenRow[],
  { store, host, engine }: ApiRoom,
): Promise<WaitingFacts> {
  const waiting = messages.filter(({ state }) => state === "waiting");
  const queues = await byName("queues", namesOf(waiting, "queueName", queueGate), store);
  const flows = await byName("flowControls", namesOf(waiting, "flowControlKey", flowGate), store);
  const active = messages.filter(({ state }) => state === "active");
  const origins = new Set(active.map(({ url }) => originOf(url)));
  const lines = new Set(waiting.map(({ url }) => originOf(url)));
  const inFlight = await readInFlight([...flows.values()], store);
  return {
    now: host.now(),
    queues,
    flows,
    holders: await readHolders([...queues.values()], store),
    inFlight,
    runIds: await readRunIds([...inFlight.values()].flat(), store),
    places: await readPlaces(waiting, store),
    handedAt: await readHandedAt(messages, store),
    inMemory: new Set([...origins].flatMap((origin) => [...engine.waitingKeys(origin)])),
    unreachable: new Set([...lines].filter((origin) => !engine.isReachable(origin))),
  };
}

/** The names of the gates of one kind that some of the messages wait at. */
function namesOf(
  waiting: readonly OpenRow[],
  column: "queueName" | "flowControlKey",
  toGate: (name: string) => string,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const message of waiting) {
    const name = message[column];
    if (name !== null && message.gate === toGate(name)) names.add(name);
  }
  return names;
}

async function byName<T extends "queues" | "flowControls">(
  table: T,
  names: ReadonlySet<string>,
  store: Reader,
) {
  const values = [...names].map((name) => [name] as const);
  const rows = values.length === 0 ? [] : await store.find(table, "byName", values);
  return new Map(rows.map((row) => [row.name, row]));
}

/** Gates of one page whose holders are looked for. */
const GATES_MAX = 10;
/** Rows of a gate that are looked at from either end: who has a place is one of the oldest, and a callback one of the newest. */
const ROWS_PER_END = 20;

/** Some of those who have the places of full queues. No index has them, so nobody is looked for in the middle of a long line. */
async function readHolders(
  queues: readonly QueueRow[],
  store: Reader,
): Promise<ReadonlyMap<string, readonly MessageRow[]>> {
  const full = queues.filter(
    ({ isPaused, openCount, parallelism }) => isPaused === 0 && openCount >= parallelism,
  );
  const holders = new Map<string, readonly MessageRow[]>();
  for (const { name } of full.slice(0, GATES_MAX)) {
    const rows = await readEnds("queueName", name, store);
    holders.set(
      name,
      rows.filter(({ ticketKey }) => ticketKey !== null),
    );
  }
  return holders;
}

/** The same for keys of flow control that let no more attempts begin. */
async function readInFlight(
  flows: readonly FlowControlRow[],
  store: Reader,
): Promise<ReadonlyMap<string, readonly MessageRow[]>> {
  const full = flows.filter(
    ({ isPaused, inFlightCount, parallelism }) =>
      isPaused === 0 && parallelism !== null && inFlightCount >= parallelism,
  );
  const inFlight = new Map<string, readonly MessageRow[]>();
  for (const { name } of full.slice(0, GATES_MAX)) {
    const rows = await readEnds("flowControlKey", name, store);
    inFlight.set(
      name,
      rows.filter(({ state }) => state === "active" || state === "canceling"),
    );
  }
  return inFlight;
}

async function readEnds(
  column: "queueName" | "flowControlKey",
  name: string,
  store: Reader,
): Promise<readonly MessageRow[]> {
  const where = [{ type: "in", column, values: [name] } as const];
  const query = { where, limit: ROWS_PER_END };
  const oldest = await store.list("messages", { ...query, order: "ascending" });
  const newest = await store.list("messages", { ...query, order: "descending" });
  const rows = new Map([...oldest, ...newest.toReversed()].map((row) => [row.key, row]));
  return [...rows.values()];
}

async function readRunIds(
  messages: readonly MessageRow[],
  store: Reader,
): Promise<ReadonlyMap<number, string>> {
  const keys = messages.flatMap(({ runKey }) => runKey ?? []);
  const runs = keys.length === 0 ? [] : await store.get("runs", keys);
  return new Map(runs.map(({ key, id }) => [key, id]));
}

/** Messages of one page whose place in line is counted. */
const PLACES_MAX = 100;

/** Each line is counted once up to the last of the messages, however many of them wait in it. */
async function readPlaces(
  waiting: readonly OpenRow[],
  store: Reader,
): Promise<ReadonlyMap<number, number>> {
  const places = new Map<number, number>();
  const lines = Map.groupBy(waiting.slice(0, PLACES_MAX), ({ gate }) => gate);
  for (const [gate, messages] of lines) {
    let place = 0;
    let from = 0;
    for (const { key, waitOrder } of messages.toSorted(byWaitOrder)) {
      const to = waitOrder ?? 0;
      place += await store.count("messages", [
        { type: "in", column: "gate", values: [gate] },
        { type: "range", column: "waitOrder", from, to },
      ]);
      // It may have left the line since it was read.
      places.set(key, Math.max(place, 1));
      from = to + 1;
    }
  }
  return places;
}

function byWaitOrder(a: OpenRow, b: OpenRow): number {
  return (a.waitOrder ?? 0) - (b.waitOrder ?? 0);
}

/** Rows of the log that are read to find the begin of attempts: a message may have been lost, and tried again, many times. */
const LOG_ROWS_MAX = 5_000;

/** When the attempts in flight of messages without a run were handed over, as the log says. */
async function readHandedAt(
  messages: readonly OpenRow[],
  store: Reader,
): Promise<ReadonlyMap<number, number>> {
  const keys = messages
    .filter(({ state, runKey }) => runKey === null && (state === "active" || state === "canceling"))
    .map(({ key }) => key);
  if (keys.length === 0) return new Map();
  const rows = await store.list("logs", {
    where: [
      { type: "in", column: "messageKey", values: keys },
      { type: "in", column: "moment", values: ["acceptedActive", "active"] },
    ],
    order: "descending",
    limit: LOG_ROWS_MAX,
    without: ["responseBody"],
  });
  // The newest row of a message is written last.
  return new Map(rows.toReversed().map(({ messageKey, at }) => [messageKey, at]));
}
