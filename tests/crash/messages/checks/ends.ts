import type { EnvelopeRecord } from "../books.ts";
import { endsOf, type Scene } from "../scene.ts";

/** Every message is open or has ended once, and its destination agrees on how. */
export function checkEnds(scene: Scene): readonly string[] {
  const { books } = scene;
  const faults: string[] = [];
  for (const envelope of books.envelopes.values()) {
    const { id, mark } = envelope;
    const ends = endsOf(id, scene);
    const isOpen = books.messages.has(id);
    if (ends.length + (isOpen ? 1 : 0) !== 1) {
      faults.push(`${id} (${mark}) has ${ends.length} ends and is ${isOpen ? "" : "not "}open`);
      continue;
    }
    const fault = endFault(envelope, ends[0]?.moment ?? "open", scene);
    if (fault !== null) faults.push(`${id} (${mark}) ${fault}`);
  }
  return faults;
}

const STANDING = ["distant", "parked", "frozen"];

function endFault({ id, mark }: EnvelopeRecord, end: string, scene: Scene): string | null {
  const { clients, sinks } = scene;
  const answers = (sinks.stories.get(id) ?? []).map(({ answer }) => answer?.status ?? 0);
  const cancel = clients.cancels.get(id);
  switch (end) {
    case "open": {
      const kind = clients.publications.get(mark ?? "")?.wanted.kind ?? "";
      if (answers.length > 0) return "was tried and is open";
      return STANDING.includes(kind) ? null : "is left over";
    }
    case "delivered":
      return answers.at(-1) === 200 ? null : `counts as delivered, answers were ${answers}`;
    case "failed":
      if (cancel?.confirmedAt != null) return "was cancelled and failed";
      return answers.at(-1) === 200 ? "counts as failed, but was taken" : null;
    default:
      return cancel === undefined ? "was cancelled by nobody" : null;
  }
}

/** A dead message has one entry, which somebody handles once or nobody does. */
export function checkLetters(scene: Scene): readonly string[] {
  const { books, clients } = scene;
  const faults: string[] = [];
  const entries = Map.groupBy(books.deadMessages, ({ id }) => id);
  for (const id of books.envelopes.keys()) {
    const isDead = endsOf(id, scene)[0]?.moment === "failed";
    const count = entries.get(id)?.length ?? 0;
    if (count !== (isDead ? 1 : 0)) faults.push(`${id} has ${count} dead letters`);
  }
  const next = new Set<string>();
  for (const { dlqId, id, state, nextId } of books.deadMessages) {
    const asked = clients.letters.get(dlqId);
    const wanted = asked === undefined ? "open" : asked.action === "retry" ? "retried" : "deleted";
    const isUnknown = asked !== undefined && !asked.isConfirmed && state === "open";
    if (state !== wanted && !isUnknown)
      faults.push(`the letter ${dlqId} is ${state}, not ${wanted}`);
    if (state !== "retried") continue;
    const [source, copy] = [books.envelopes.get(id), books.envelopes.get(nextId ?? "")];
    if (nextId === null || copy === undefined || next.has(nextId)) {
      faults.push(`${dlqId} was retried without a message of its own`);
    } else if (copy.bodyHash !== source?.bodyHash || copy.url !== source.url) {
      faults.push(`${nextId} is not what ${id} was`);
    }
    if (nextId !== null) next.add(nextId);
    const answered = asked?.nextMessageId ?? nextId;
    if (answered !== nextId) faults.push(`${dlqId}: ${answered} was answered, ${nextId} was made`);
  }
  return faults;
}

/** Each attempt whose end is recorded is reported once, a dead letter once more; nothing else is. */
export function checkCallbacks(scene: Scene): readonly string[] {
  const { books, sinks, sinkUrl } = scene;
  const faults: string[] = [];
  const reports = Map.groupBy(
    [...books.envelopes.values()].filter(({ sourceId }) => sourceId !== null),
    ({ sourceId }) => sourceId ?? "",
  );
  for (const { id, hasCallback } of books.envelopes.values()) {
    const rows = (books.logs.get(id) ?? []).filter(({ moment }) => REPORTED.includes(moment));
    const isDead = rows.some(({ moment }) => moment === "failed");
    const urls = (reports.get(id) ?? []).map(({ url }) => url);
    const told = urls.filter((url) => url === `${sinkUrl}/callback`).length;
    const alarms = urls.filter((url) => url === `${sinkUrl}/failure`).length;
    if (told !== (hasCallback ? rows.length : 0)) {
      faults.push(`${id} has ${told} callbacks for ${rows.length} ends`);
    }
    if (alarms !== (hasCallback && isDead ? 1 : 0)) faults.push(`${id} has ${alarms} alarms`);
  }
  for (const { messageId, report } of sinks.attempts) {
    if (report === null) continue;
    const fault = reportFault(report, scene);
    if (fault !== null) faults.push(`${messageId} ${fault}`);
  }
  return faults;
}

const REPORTED = ["delivered", "retry", "failed"];

function reportFault(
  report: NonNullable<Scene["sinks"]["attempts"][number]["report"]>,
  { sinks, books }: Scene,
): string | null {
  const { sourceMessageId, retried, status, body, dlqId } = report;
  const isTrue = (sinks.stories.get(sourceMessageId) ?? []).some(
    ({ answer, retried: number }) =>
      number === retried && answer?.status === status && answer.body === body,
  );
  if (!isTrue) return `tells of status ${status} of ${sourceMessageId} (${retried}), ${body}`;
  if (dlqId === null) return null;
  const entry = books.deadMessages.find((dead) => dead.dlqId === dlqId);
  return entry?.id === sourceMessageId ? null : `names ${dlqId}, which is not there`;
}
