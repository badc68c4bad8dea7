import type { EnvelopeRecord } from "../books.ts";
import { FIFO_QUEUES, FLOW_KEYS, type FlowLimits, WIDE_QUEUE } from "../plan.ts";
import { type Scene, startOf } from "../scene.ts";
import type { Attempt } from "../sink-ledger.ts";

/** The time from the first attempt of a message in a queue to the end of its last one, its callbacks' included. */
interface Stay {
  readonly key: number;
  readonly id: string;
  from: number;
  to: number;
}

function staysIn(queue: string, { books, sinks }: Scene): readonly Stay[] {
  const stays = new Map<string, Stay>();
  for (const attempt of sinks.attempts) {
    const own = books.envelopes.get(attempt.messageId);
    const envelope = own?.sourceId == null ? own : books.envelopes.get(own.sourceId);
    if (envelope === undefined || envelope.queueName !== queue) continue;
    const { id, key } = envelope;
    const to = sinks.endOf(attempt);
    const stay = stays.get(id);
    if (stay === undefined) stays.set(id, { id, key, from: sinks.arrivalOf(attempt), to });
    else stay.to = Math.max(stay.to, to);
  }
  return [...stays.values()];
}

/** One after the other, in the order of acceptance, over retries, callbacks and restarts. */
export function checkFifo(scene: Scene): readonly string[] {
  const faults: string[] = [];
  for (const queue of FIFO_QUEUES) {
    const stays = staysIn(queue, scene).toSorted((a, b) => a.from - b.from);
    stays.forEach((stay, index) => {
      const before = stays[index - 1];
      if (before === undefined) return;
      if (stay.from < before.to) {
        faults.push(`${queue}: ${stay.id} began while ${before.id} was under way`);
      }
      if (stay.key < before.key && !isDelayed(before.id, scene) && !isDelayed(stay.id, scene)) {
        faults.push(`${queue}: ${stay.id} came behind ${before.id}, which is younger`);
      }
    });
  }
  return faults;
}

function isDelayed(id: string, { books, clients }: Scene): boolean {
  const mark = books.envelopes.get(id)?.mark ?? "";
  return (clients.publications.get(mark)?.wanted.delayMs ?? 0) > 0;
}

/** Who was answered before somebody else asked is older in the eyes of the server too. */
export function checkOrder({ books, clients }: Scene): readonly string[] {
  const faults: string[] = [];
  const retried = new Set(books.deadMessages.map(({ nextId }) => nextId));
  const accepted: (EnvelopeRecord & { sentAt: number; answeredAt: number })[] = [];
  for (const envelope of books.envelopes.values()) {
    const publication = clients.publications.get(envelope.mark ?? "");
    if (publication === undefined || envelope.sourceId !== null || retried.has(envelope.id))
      continue;
    const { sentAt, answeredAt } = publication;
    accepted.push({ ...envelope, sentAt, answeredAt: answeredAt ?? Infinity });
  }
  accepted.sort((a, b) => b.key - a.key);
  let youngest: { readonly id: string; readonly answeredAt: number } | null = null;
  for (const { id, sentAt, answeredAt } of accepted) {
    if (youngest !== null && youngest.answeredAt < sentAt) {
      faults.push(`${id} is older than ${youngest.id}, which was accepted before it was sent`);
    }
    if (youngest === null || answeredAt < youngest.answeredAt) youngest = { id, answeredAt };
  }
  return faults;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** The most spans that are open at one moment. */
function mostAtOnce(spans: readonly Span[]): number {
  const edges = spans.flatMap(({ from, to }) => [
    { at: from, change: 1 },
    { at: to, change: -1 },
  ]);
  // What ends in the same millisecond as another begins has ended first.
  edges.sort((a, b) => a.at - b.at || a.change - b.change);
  let open = 0;
  let most = 0;
  for (const { change } of edges) {
    open += change;
    most = Math.max(most, open);
  }
  return most;
}

function attemptsUnder(key: string, { books, sinks }: Scene): readonly Attempt[] {
  return sinks.attempts.filter(({ messageId }) => books.envelopes.get(messageId)?.flowKey === key);
}

/** As the destinations see it: never more open connections than places. A cut-off attempt has ended with its connection. */
export function checkParallelism(scene: Scene): readonly string[] {
  const faults: string[] = [];
  const inQueue = mostAtOnce(staysIn(WIDE_QUEUE.name, scene));
  if (inQueue > WIDE_QUEUE.parallelism) {
    faults.push(
      `queue ${WIDE_QUEUE.name}: ${inQueue} at once, allowed are ${WIDE_QUEUE.parallelism}`,
    );
  }
  for (const [key, limits] of Object.entries<FlowLimits>(FLOW_KEYS)) {
    const spans = attemptsUnder(key, scene).map((attempt) => {
      return { from: scene.sinks.arrivalOf(attempt), to: scene.sinks.endOf(attempt) };
    });
    const most = mostAtOnce(spans);
    if (most > (limits.parallelism ?? Infinity)) {
      faults.push(`key ${key}: ${most} at once, allowed are ${limits.parallelism}`);
    }
  }
  return faults;
}

/** Never more starts in a window than its rate. Windows follow each other without gaps, over restarts too. */
export function checkRates(scene: Scene): readonly string[] {
  const faults: string[] = [];
  for (const { name, periodMs, periodStartAt } of scene.books.flows) {
    const { rate }: FlowLimits = FLOW_KEYS[name as keyof typeof FLOW_KEYS] ?? {}; // Others have no limits.
    if (rate === undefined) continue;
    const windowOf = (at: number) => Math.floor((at - periodStartAt) / periodMs);
    const starts = new Map<number, number>();
    for (const attempt of attemptsUnder(name, scene)) {
      const [from, to] = startOf(attempt, scene);
      // Of a cut-off attempt it may not be certain in which window it began.
      if (windowOf(from) !== windowOf(to)) continue;
      starts.set(windowOf(to), (starts.get(windowOf(to)) ?? 0) + 1);
    }
    for (const [window, count] of starts) {
      if (count > rate)
        faults.push(`key ${name}: ${count} starts in window ${window}, not ${rate}`);
    }
  }
  return faults;
}
