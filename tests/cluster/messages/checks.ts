import { FLOW_KEYS, type FlowLimits } from "../../crash/messages/plan.ts";
import { messagesOf, SCHEDULES } from "../../crash/messages/scheduled.ts";
import type { Attempt } from "../../crash/messages/sink-ledger.ts";
import { CLOCKS_MS, type ClusterScene } from "./cluster-scene.ts";

/** What a request may take from its node to its destination while the machine is busy. */
const WAY_MS = 2_000;
/** So many periods are looked at together; what is late in one and early in the other makes two more portions. */
const RATE_PERIODS = 5;

/** The number of an attempt rises by one with each failure that is recorded, and never falls. */
export function checkNumbers(scene: ClusterScene): readonly string[] {
  const faults = [...scene.mismatches];
  for (const [id, story] of scene.sinks.stories) {
    let last = 0;
    for (const { retried, retries, mark } of story) {
      if (retried < last || retried > last + 1) {
        faults.push(`${id} (${mark}): attempt ${retried} follows ${last}`);
      }
      if (retried > retries) faults.push(`${id} (${mark}): attempt ${retried} of ${retries}`);
      last = retried;
    }
    if (story[0]?.retried !== 0) faults.push(`${id} begins with attempt ${story[0]?.retried}`);
  }
  return faults;
}

/** Attempts that came again, each with the one before. */
export function repeatsOf({
  sinks,
}: ClusterScene): readonly (readonly [before: Attempt, again: Attempt])[] {
  const repeats: (readonly [Attempt, Attempt])[] = [];
  for (const story of sinks.stories.values()) {
    story.forEach((again, index) => {
      const before = story[index - 1];
      if (before?.retried === again.retried) repeats.push([before, again]);
    });
  }
  return repeats;
}

/** Nothing comes again unless something hit, and nothing whose end was recorded. */
export function checkRepeats(scene: ClusterScene): readonly string[] {
  const faults: string[] = [];
  const repeats = repeatsOf(scene);
  const { cutMax } = scene.faultLog;
  if (repeats.length > cutMax) faults.push(`${repeats.length} came again, ${cutMax} were cut off`);
  for (const [before, again] of repeats) {
    const name = `${again.messageId} (${again.mark}): attempt ${again.retried}`;
    if (!scene.faultLog.explains(before.arrivedAt, again.arrivedAt)) {
      faults.push(
        `${name} came again ${again.arrivedAt - before.arrivedAt} ms later for no reason`,
      );
    }
    const recordedAt = scene.recordedAt.get(before) ?? Infinity;
    if (again.arrivedAt > recordedAt + WAY_MS) {
      const lateMs = again.arrivedAt - recordedAt;
      faults.push(`${name} came again ${lateMs} ms behind the record of its end`);
    }
  }
  return faults;
}

/** An attempt begins when its node says so; when nobody has said it, shortly before it arrives. */
function beganWithin(attempt: Attempt, span: readonly [number, number], scene: ClusterScene) {
  const [from, to] = span;
  const startedAt = scene.recorded.get(attempt)?.startedAt;
  if (startedAt !== undefined) return startedAt > from + CLOCKS_MS && startedAt < to - CLOCKS_MS;
  return attempt.arrivedAt > from + WAY_MS && attempt.arrivedAt < to - CLOCKS_MS;
}

/** Behind the answer to a cancel no attempt begins, whichever node was asked. */
export function checkCancels(scene: ClusterScene): readonly string[] {
  const faults: string[] = [];
  for (const { messageId, confirmedAt } of scene.clients.cancels.values()) {
    if (confirmedAt === null) continue;
    for (const attempt of scene.sinks.stories.get(messageId) ?? []) {
      if (!beganWithin(attempt, [confirmedAt, Infinity], scene)) continue;
      const lateMs = attempt.arrivedAt - confirmedAt;
      faults.push(`${messageId} arrives ${lateMs} ms after its cancel was answered`);
    }
  }
  return faults;
}

/** From the answer to a pause until somebody asks to resume nothing begins behind the gate, on any node. */
export function checkPauses(scene: ClusterScene): readonly string[] {
  const { books, sinks, clients } = scene;
  const byGate = Map.groupBy(
    sinks.attempts.flatMap((attempt) => {
      const envelope = books.envelopes.get(attempt.messageId);
      // Callbacks go on while their queue is paused.
      if (envelope === undefined || envelope.sourceId !== null) return [];
      const { queueName, flowKey } = envelope;
      return [`queue:${queueName}`, `flow:${flowKey}`].map((gate) => ({ gate, attempt }));
    }),
    ({ gate }) => gate,
  );
  return clients.pauses.flatMap(({ gate, pausedAt, resumedAt }) =>
    (byGate.get(gate) ?? [])
      .filter(({ attempt }) => beganWithin(attempt, [pausedAt, resumedAt], scene))
      .map(({ attempt }) => `${attempt.messageId} began while ${gate} was paused`),
  );
}

/** Each tick makes its messages once, all of them, and nothing else does. */
export function checkTicks({ books, ticks }: ClusterScene): readonly string[] {
  const faults: string[] = [];
  const retried = new Set(books.deadMessages.map(({ nextId }) => nextId));
  const made = Map.groupBy(
    [...books.envelopes.values()].filter((one) => one.scheduleId !== null && !retried.has(one.id)),
    ({ scheduleId, notBefore }) => `${scheduleId} at ${notBefore}`,
  );
  for (const { scheduleId, at, isCertain } of ticks) {
    const name = `${scheduleId} at ${at}`;
    const envelopes = made.get(name) ?? [];
    made.delete(name);
    const schedule = SCHEDULES.find((one) => one.scheduleId === scheduleId);
    if (schedule === undefined || (envelopes.length === 0 && !isCertain)) continue;
    const urls = new Set(envelopes.map(({ url }) => url));
    const count = messagesOf(schedule);
    if (envelopes.length !== count || urls.size !== count) {
      faults.push(`the tick of ${name} has made ${envelopes.length} messages, not ${count}`);
    }
    if (envelopes.some(({ bodyHash }) => bodyHash !== schedule.wanted.bodyHash)) {
      faults.push(`the tick of ${name} has another body`);
    }
  }
  for (const name of made.keys()) faults.push(`nobody has asked for the tick of ${name}`);
  return faults;
}

/** What fails as planned uses its retries up and nothing else does: no fault of ours counts against a destination. */
export function checkFates({ books, clients, sinks }: ClusterScene): readonly string[] {
  const faults: string[] = [];
  const retried = new Set(books.deadMessages.map(({ nextId }) => nextId));
  for (const [id, rows] of books.logs) {
    const envelope = books.envelopes.get(id);
    const wanted = clients.publications.get(envelope?.mark ?? "")?.wanted;
    if (wanted === undefined || envelope?.sourceId !== null || retried.has(id)) continue;
    if (clients.cancels.has(id) || books.messages.has(id)) continue;
    const isDead = wanted.isHopeless || wanted.failures > wanted.retries;
    const moment = isDead ? "failed" : "delivered";
    if (rows.some((row) => row.moment === moment)) continue;
    const answers = (sinks.stories.get(id) ?? []).map(({ answer }) => answer?.status ?? "none");
    faults.push(`${id} (${wanted.mark}) is not ${moment}; its answers were ${answers}`);
  }
  return faults;
}

/**
 * Never more starts than the rate allows, as the destinations see them over some periods. Nodes tell their own clocks, which differ by
 * what their ways to the database differ, so what they say of their starts is not compared with each other.
 */
export function checkRates({ books, sinks }: ClusterScene): readonly string[] {
  const faults: string[] = [];
  for (const { name, periodMs } of books.flows) {
    const { rate }: FlowLimits = FLOW_KEYS[name as keyof typeof FLOW_KEYS] ?? {}; // Others have no limits.
    if (rate === undefined) continue;
    const starts = sinks.attempts
      .filter(({ messageId }) => books.envelopes.get(messageId)?.flowKey === name)
      .map(({ arrivedAt }) => arrivedAt);
    for (const [first, from] of starts.entries()) {
      const last = starts.findLastIndex((at) => at < from + RATE_PERIODS * periodMs);
      const count = last - first + 1;
      const allowed = rate * (RATE_PERIODS + 2);
      if (count <= allowed) continue;
      faults.push(`key ${name}: ${count} starts in ${RATE_PERIODS} periods, not ${allowed}`);
      break;
    }
  }
  return faults;
}

/** A message that holds a place is not delivered again while its destination may still be at work on it. */
export function checkOverlaps({ books, sinks }: ClusterScene): readonly string[] {
  const faults: string[] = [];
  for (const [id, story] of sinks.stories) {
    const { queueName = null, flowKey = null } = books.envelopes.get(id) ?? {};
    if (queueName === null && flowKey === null) continue;
    story.forEach((again, index) => {
      const before = story[index - 1];
      if (before === undefined || again.arrivedAt >= sinks.endOf(before)) return;
      faults.push(`${id} (${again.mark}) came again while its attempt ${before.retried} went on`);
    });
  }
  return faults;
}
