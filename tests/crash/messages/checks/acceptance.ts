import type { EnvelopeRecord } from "../books.ts";
import type { Publication } from "../client-ledger.ts";
import type { Scene } from "../scene.ts";
import { SCHEDULES } from "../scheduled.ts";

/** What was accepted is there once, and byte for byte; of the rest there is all or nothing. */

export function checkAccepted({ books, clients }: Scene): readonly string[] {
  const faults: string[] = [];
  for (const { wanted, messageIds } of clients.publications.values()) {
    for (const id of messageIds) if (!books.envelopes.has(id)) faults.push(`${id} is lost`);
    if (messageIds.size > wanted.count) {
      faults.push(`${wanted.mark} was answered with ${messageIds.size} messages`);
    }
  }
  return faults;
}

/** By mark: the messages that publishes made, so not those of retries by hand. */
function publishedOf(scene: Scene): ReadonlyMap<string, readonly EnvelopeRecord[]> {
  const retried = new Set(scene.books.deadMessages.map(({ nextId }) => nextId));
  const published = new Map<string, EnvelopeRecord[]>();
  for (const envelope of scene.books.envelopes.values()) {
    const { id, mark, scheduleId, sourceId } = envelope;
    if (sourceId !== null || scheduleId !== null || retried.has(id)) continue;
    const known = published.get(mark ?? "");
    if (known === undefined) published.set(mark ?? "", [envelope]);
    else known.push(envelope);
  }
  return published;
}

export function checkOnce(scene: Scene): readonly string[] {
  const { clients } = scene;
  const faults: string[] = [];
  const published = publishedOf(scene);
  for (const [mark, envelopes] of published) {
    const publication = clients.publications.get(mark);
    if (publication === undefined)
      faults.push(`nobody has published ${envelopes[0]?.id} (${mark})`);
    else faults.push(...checkMade(publication, envelopes));
  }
  const batches = new Map<string, Set<boolean>>();
  for (const { batch, wanted } of clients.publications.values()) {
    if (batch === null) continue;
    const seen = batches.get(batch) ?? new Set();
    batches.set(batch, seen.add(published.has(wanted.mark)));
  }
  for (const [batch, seen] of batches) if (seen.size > 1) faults.push(`${batch} is there in part`);
  return faults;
}

function checkMade(
  { wanted, messageIds, isUnique, answers, duplicates }: Publication,
  envelopes: readonly EnvelopeRecord[],
): readonly string[] {
  const { mark, count } = wanted;
  const faults: string[] = [];
  if (envelopes.length !== count) {
    faults.push(`${mark} has made ${envelopes.length} messages, not ${count}`);
  }
  const isNamed = envelopes.every(({ id }) => messageIds.has(id));
  if (answers > 0 && !isNamed) faults.push(`${mark} has made a message that no answer names`);
  // The first may have been accepted without an answer.
  if (isUnique && answers > 0 && duplicates < answers - 1) {
    faults.push(`${mark}: of ${answers} answers ${duplicates} are duplicates`);
  }
  if (!isUnique && duplicates > 0) faults.push(`${mark} is called a duplicate`);
  return faults;
}

/** What is stored and what arrives is what was sent, headers that decide about it included. */
export function checkContents({ books, clients, sinks }: Scene): readonly string[] {
  const faults: string[] = [];
  for (const { id, mark, bodyHash, sourceId, queueName, flowKey } of books.envelopes.values()) {
    const wanted = clients.publications.get(mark ?? "")?.wanted;
    if (sourceId !== null || wanted === undefined) continue;
    if (bodyHash !== wanted.bodyHash)
      faults.push(`the body of ${id} (${mark}) is not what was sent`);
    if (queueName !== wanted.queue || flowKey !== wanted.flowKey) {
      faults.push(`${id} (${mark}) is in queue ${queueName}, key ${flowKey}`);
    }
  }
  for (const { messageId, mark, bodyHash, path } of sinks.attempts) {
    const envelope = books.envelopes.get(messageId);
    if (envelope === undefined)
      faults.push(`${messageId} (${mark}) was delivered and is not there`);
    else if (bodyHash !== null && bodyHash !== envelope.bodyHash) {
      faults.push(`${messageId} (${mark}) arrived with another body`);
    } else if (!envelope.url.endsWith(path)) faults.push(`${messageId} arrived at ${path}`);
  }
  return faults;
}

/** Each tick makes its messages once: every endpoint one. */
export function checkTicks({ books, clients }: Scene): readonly string[] {
  const faults: string[] = [];
  const made = new Map<string, EnvelopeRecord[]>();
  const retried = new Set(books.deadMessages.map(({ nextId }) => nextId));
  for (const envelope of books.envelopes.values()) {
    const { scheduleId, notBefore, id } = envelope;
    if (scheduleId === null || retried.has(id)) continue;
    const name = `${scheduleId} at ${notBefore}`;
    made.set(name, [...(made.get(name) ?? []), envelope]);
  }
  for (const { scheduleId, at, count } of clients.ticks) {
    const name = `${scheduleId} at ${at}`;
    const envelopes = made.get(name) ?? [];
    made.delete(name);
    const urls = new Set(envelopes.map(({ url }) => url));
    if (envelopes.length !== count || urls.size !== count) {
      faults.push(`the tick of ${name} has made ${envelopes.length} messages, not ${count}`);
    }
    const wanted = SCHEDULES.find((schedule) => schedule.scheduleId === scheduleId)?.wanted;
    if (envelopes.some(({ bodyHash }) => bodyHash !== wanted?.bodyHash)) {
      faults.push(`the tick of ${name} has another body`);
    }
  }
  for (const name of made.keys()) faults.push(`nobody has asked for the tick of ${name}`);
  return faults;
}
