import { messageId, type OpenMessageFields, type OpenMessageState } from "@reprise/protocol";
import { connectedApp } from "../../core/connected-name.ts";
import { rollPeriod } from "../../core/flow-control.ts";
import { flowGate, originOf, queueGate } from "../../core/gates.ts";
import type { FlowControlRow, MessageRow, MessageState, QueueRow } from "../../core/rows.ts";
import { withoutAbsent } from "./content.ts";

/** Says of an open message where it stands and what it waits for, in one sentence for people. */

export type OpenState = Exclude<MessageState, "failed">;

export type OpenRow = MessageRow & { readonly state: OpenState };

/** A row in the state `failed` belongs to the dead letter of a run. */
export function isOpen(message: MessageRow): message is OpenRow {
  return message.state !== "failed";
}

/** What is known about the messages of a page beside their rows. What is missing is not mentioned. */
export interface WaitingFacts {
  readonly now: number;
  readonly queues: ReadonlyMap<string, QueueRow>;
  readonly flows: ReadonlyMap<string, FlowControlRow>;
  /** Name of a queue -> some of those who have a place in it. */
  readonly holders: ReadonlyMap<string, readonly MessageRow[]>;
  /** Name of a flow control key -> some of those who are in flight with it. */
  readonly inFlight: ReadonlyMap<string, readonly MessageRow[]>;
  /** Key of a run -> its id, for runs that these messages belong to. */
  readonly runIds: ReadonlyMap<number, string>;
  /** Key of a message -> its place in the line of its gate, from 1. */
  readonly places: ReadonlyMap<number, number>;
  /** Key of a message -> when its attempt was handed over. */
  readonly handedAt: ReadonlyMap<number, number>;
  /** Keys of active messages whose deliveries wait in memory. */
  readonly inMemory: ReadonlySet<number>;
  /** Origins that lead to apps of which no process is connected. */
  readonly unreachable: ReadonlySet<string>;
}

/** The states as the wire names them. */
export const OPEN_STATES: Readonly<Record<OpenState, OpenMessageState>> = {
  scheduled: "SCHEDULED",
  waiting: "WAITING",
  active: "ACTIVE",
  canceling: "CANCEL_REQUESTED",
};

export function openFields(message: OpenRow, facts: WaitingFacts): OpenMessageFields {
  const { state, retried, dueAt } = message;
  return withoutAbsent<OpenMessageFields>({
    state: OPEN_STATES[state],
    retried,
    nextDeliveryTime: state === "scheduled" ? dueAt : undefined,
    waitingFor: waitingFor(message, facts, PLAIN_WORDS),
  });
}

/** How what a message does is called: the same facts are told of deliveries, of sleeps and of calls. */
export interface WaitingWords {
  /** Behind the number of a retry, such as ` of step "charge"`. */
  readonly retryOf: string;
  readonly delay: string;
  readonly attempt: string;
}

export const PLAIN_WORDS: WaitingWords = {
  retryOf: "",
  delay: "delay until",
  attempt: "delivery in flight",
};

export function waitingFor(message: OpenRow, facts: WaitingFacts, words: WaitingWords): string {
  switch (message.state) {
    case "scheduled":
      return forClock(message, facts, words);
    case "waiting":
      return forGate(message, facts);
    case "active":
      return forAnswer(message, facts, words);
    case "canceling":
      return `cancelled; the delivery in flight${since(message, facts)} is the last one`;
  }
}

function forClock(message: OpenRow, { now }: WaitingFacts, words: WaitingWords): string {
  const { dueAt, retried, retries, queueName, ticketKey } = message;
  const holdsPlace = ticketKey !== null && queueName !== null;
  const kept = holdsPlace ? `; it keeps its place in queue ${queueName}` : "";
  const retry = `retry ${retried} of ${retries}${words.retryOf}`;
  if (dueAt <= now) return `${retried > 0 ? retry : "delivery"}, which is due${kept}`;
  return `${retried > 0 ? `${retry} at` : words.delay} ${instant(dueAt)}${kept}`;
}

function forAnswer(message: OpenRow, facts: WaitingFacts, words: WaitingWords): string {
  const attempt = `attempt ${message.retried + 1} of ${message.retries + 1}`;
  if (facts.inMemory.has(message.key)) {
    return `line of ${originOf(message.url)}: as many deliveries are in flight as may be at once (${attempt})`;
  }
  return `${words.attempt}${since(message, facts)} (${attempt})`;
}

function since({ key }: OpenRow, { handedAt }: WaitingFacts): string {
  const at = handedAt.get(key);
  return at === undefined ? "" : ` since ${instant(at)}`;
}

function forGate(message: OpenRow, facts: WaitingFacts): string {
  const { gate, queueName, flowControlKey } = message;
  if (queueName !== null && gate === queueGate(queueName)) {
    return forQueue(message, queueName, facts);
  }
  if (flowControlKey !== null && gate === flowGate(flowControlKey)) {
    return forFlow(message, flowControlKey, facts);
  }
  const place = facts.places.get(message.key);
  const inLine = place === undefined ? "" : `, place ${place}`;
  const origin = originOf(message.url);
  if (facts.unreachable.has(origin)) return `the app ${connectedApp(origin)} to connect`;
  return `line of ${origin}${inLine}: more deliveries wait there than are kept in memory`;
}

function forQueue(message: OpenRow, name: string, facts: WaitingFacts): string {
  const queue = facts.queues.get(name);
  if (queue === undefined) return `queue ${name}`;
  const place = placeOf(message, queue, facts);
  if (queue.isPaused === 1) return `queue ${name}, which is paused; ${place}`;
  const { openCount, parallelism } = queue;
  const taken = `${openCount} of ${parallelism} ${parallelism === 1 ? "place" : "places"} taken`;
  return `queue ${name}, ${place}; ${taken}${takenBy(queue, facts)}`;
}

/** Names that one sentence has; the rest is a number. */
const HOLDERS_NAMED_MAX = 3;

function takenBy({ name, openCount }: QueueRow, { holders }: WaitingFacts): string {
  const rows = holders.get(name) ?? [];
  const tickets = [...new Set(rows.map(({ ticketKey }) => ticketKey))];
  const names = tickets.map((ticketKey) => {
    const sharers = rows.filter((row) => row.ticketKey === ticketKey);
    return nameOf(sharers.find(({ key }) => key === ticketKey) ?? sharers[0]);
  });
  return byThese(names, openCount);
}

function byThese(names: readonly string[], total: number): string {
  const named = names.slice(0, HOLDERS_NAMED_MAX);
  const rest = total - named.length;
  if (named.length === 0) return "";
  return ` by ${named.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
}

/** The place of a message that is done belongs to its callbacks until they are done. */
function nameOf(holder: MessageRow | undefined): string {
  if (holder === undefined) return "";
  const { key, ticketKey } = holder;
  const isOwn = ticketKey === null || ticketKey === key;
  return isOwn ? messageId(key) : `${messageId(key)}, a callback of ${messageId(ticketKey)}`;
}

function forFlow(message: OpenRow, name: string, facts: WaitingFacts): string {
  const known = facts.flows.get(name);
  if (known === undefined) return `flow control key ${name}`;
  const flow = rollPeriod(known, facts.now);
  const place = placeOf(message, flow, facts);
  if (flow.isPaused === 1) return `flow control key ${name}, which is paused; ${place}`;
  return [`flow control key ${name}, ${place}`, ...limitsReached(flow, facts)].join("; ");
}

function limitsReached(flow: FlowControlRow, facts: WaitingFacts): readonly string[] {
  const { parallelism, inFlightCount, rate, rateCount, periodMs, periodStartAt } = flow;
  const reached: string[] = [];
  if (parallelism !== null && inFlightCount >= parallelism) {
    const count = `${inFlightCount} of ${parallelism} in flight`;
    reached.push(`${count}${byThese(inFlightNames(flow, facts), inFlightCount)}`);
  }
  if (rate !== null && rateCount >= rate) {
    const until = instant(periodStartAt + periodMs);
    reached.push(`the rate of ${rate} per ${periodMs / 1000} s is used up until ${until}`);
  }
  return reached;
}

/** Runs by their ids, of which one may be in flight several times; messages without a run by their own. */
function inFlightNames({ name }: FlowControlRow, facts: WaitingFacts): readonly string[] {
  return (facts.inFlight.get(name) ?? []).map(
    ({ key, runKey }) => facts.runIds.get(runKey ?? -1) ?? messageId(key),
  );
}

function placeOf(
  { key }: OpenRow,
  { waitingCount }: Pick<QueueRow | FlowControlRow, "waitingCount">,
  { places }: WaitingFacts,
): string {
  const place = places.get(key);
  // The line moves while it is read.
  return place === undefined
    ? `one of ${waitingCount} in line`
    : `place ${place} of ${Math.max(place, waitingCount)}`;
}

/** No instant that a row may hold is beyond what a date can be, unless the row is damaged. */
const DATE_MS_MAX = 8.64e15;

export function instant(at: number): string {
  if (Math.abs(at) > DATE_MS_MAX) return String(at);
  return new Date(at).toISOString().replace(".000Z", "Z");
}
