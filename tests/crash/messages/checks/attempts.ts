import { RETRY_DELAY_MS } from "../plan.ts";
import { CLOCK_MS, type Scene, startOf } from "../scene.ts";
import type { Attempt } from "../sink-ledger.ts";

/** The number of an attempt counts failures whose end is recorded; the same number comes again only in another life. */
export function checkNumbers(scene: Scene): readonly string[] {
  const faults = [...scene.mismatches];
  for (const [id, story] of scene.sinks.stories) {
    story.forEach((attempt, index) => {
      const fault = numberFault(attempt, story[index - 1], scene);
      if (fault !== null)
        faults.push(`${id} (${attempt.mark}): number ${attempt.retried} ${fault}`);
    });
  }
  return faults;
}

function numberFault(
  attempt: Attempt,
  previous: Attempt | undefined,
  { recorded }: Scene,
): string | null {
  const { retried, retries, life } = attempt;
  if (previous === undefined) return retried === 0 ? null : "is the first one that arrives";
  if (retried > retries) return `comes with ${retries} retries`;
  if (retried === previous.retried) {
    if (life === previous.life) return `came twice in life ${life}`;
    return recorded.has(previous) ? "comes again, although its end was recorded" : null;
  }
  if (retried !== previous.retried + 1) return `follows ${previous.retried}`;
  const row = recorded.get(previous);
  if (row?.moment !== "retry") return `follows one that ended as ${row?.moment ?? "nobody knows"}`;
  const restedMs = attempt.arrivedAt - (previous.answer?.at ?? Infinity);
  return restedMs < RETRY_DELAY_MS - CLOCK_MS ? `comes ${restedMs} ms behind the failure` : null;
}

/** Repeated attempts, and those that the kills cut off or whose end they kept from being recorded. */
export function countRepeats({ sinks, recorded }: Scene): {
  readonly repeated: number;
  readonly lost: number;
} {
  let repeated = 0;
  for (const story of sinks.stories.values()) {
    repeated += story.length - new Set(story.map(({ retried }) => retried)).size;
  }
  return { repeated, lost: sinks.attempts.filter((attempt) => !recorded.has(attempt)).length };
}

/** Ends are recorded soon, even by a busy disk: what a kill can lose is what has just ended. */
const RECORDED_MS_MAX = 2_000;

export function checkRepeats(scene: Scene): readonly string[] {
  const { repeated, lost } = countRepeats(scene);
  const faults = repeated <= lost ? [] : [`${repeated} were repeated, ${lost} were lost by kills`];
  for (const attempt of scene.sinks.attempts) {
    const { answer, life, messageId, retried } = attempt;
    if (answer === null || scene.recorded.has(attempt)) continue;
    const ageMs = (scene.sinks.lives.get(life)?.endedAt ?? 0) - answer.at;
    if (ageMs <= RECORDED_MS_MAX) continue;
    faults.push(`${messageId}: the end of attempt ${retried} was not recorded for ${ageMs} ms`);
  }
  return faults;
}

/** No attempt of a delayed message begins before its time. */
export function checkNeverEarly({ sinks, clients }: Scene): readonly string[] {
  const faults: string[] = [];
  for (const { mark, messageId, arrivedAt, report } of sinks.attempts) {
    const publication = clients.publications.get(mark);
    if (report !== null || publication === undefined) continue;
    const { wanted, sentAt } = publication;
    const earlyMs = sentAt + wanted.delayMs - arrivedAt;
    if (wanted.delayMs > 0 && earlyMs > CLOCK_MS) {
      faults.push(`${messageId} (${mark}) came ${earlyMs} ms early`);
    }
  }
  return faults;
}

/** Behind the answer to a cancel no attempt begins. */
export function checkCancels(scene: Scene): readonly string[] {
  const faults: string[] = [];
  for (const { messageId, confirmedAt } of scene.clients.cancels.values()) {
    if (confirmedAt === null) continue;
    for (const attempt of scene.sinks.stories.get(messageId) ?? []) {
      const [from] = startOf(attempt, scene);
      if (from <= confirmedAt + CLOCK_MS) continue;
      faults.push(`${messageId} begins ${from - confirmedAt} ms after its cancel was answered`);
    }
  }
  return faults;
}

/** From the answer to a pause until somebody asks to resume no attempt begins behind the gate. */
export function checkPauses(scene: Scene): readonly string[] {
  const { clients, sinks, books } = scene;
  const byGate = new Map<string, Attempt[]>();
  for (const attempt of sinks.attempts) {
    const envelope = books.envelopes.get(attempt.messageId);
    // Callbacks go on while their queue is paused.
    if (envelope === undefined || envelope.sourceId !== null) continue;
    for (const gate of [`queue:${envelope.queueName}`, `flow:${envelope.flowKey}`]) {
      const known = byGate.get(gate);
      if (known === undefined) byGate.set(gate, [attempt]);
      else known.push(attempt);
    }
  }
  return clients.pauses.flatMap(({ gate, pausedAt, resumedAt }) =>
    (byGate.get(gate) ?? [])
      .filter((attempt) => {
        const [from, to] = startOf(attempt, scene);
        return from > pausedAt + CLOCK_MS && to < resumedAt - CLOCK_MS;
      })
      .map(({ messageId, life }) => `${messageId} began in life ${life} while ${gate} was paused`),
  );
}
