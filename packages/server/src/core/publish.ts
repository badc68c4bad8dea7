import { RepriseError } from "@reprise/protocol";
import type { Published, PublishMessage } from "./commands.ts";
import type { Envelope } from "./envelope.ts";
import type { GateBook } from "./gate-book.ts";
import { enter } from "./gates.ts";
import { noPlaces } from "./message.ts";
import { logMoment } from "./message-log.ts";
import type { Change, DedupRow, MessageRow, UrlGroupRow } from "./rows.ts";
import { deliverOrWake, labelColumn } from "./start-run.ts";
import { type Context, type Effect, insert, type Transition, update } from "./transition.ts";

/** Accepts published messages. See docs/state-machines.md#published-message. */

export interface PublishState {
  readonly group: UrlGroupRow | null;
  readonly gates: GateBook;
  /** By deduplication id; absent ids are unclaimed. */
  readonly dedups: ReadonlyMap<string, DedupRow>;
}

export interface Endpoint {
  readonly name?: string;
  readonly url: string;
}

/** One message for a URL; one for each endpoint of a URL group, each with its own id and fate. */
export function decidePublish(
  state: PublishState,
  command: PublishMessage,
  context: Context,
): Transition<Published> {
  const { destination, delayMs } = command;
  const endpoints = endpointsOf(state.group, command);
  const given =
    delayMs === undefined
      ? command.envelope
      : { ...command.envelope, notBefore: context.now + delayMs };
  const acceptance = new Acceptance(state.gates, context);
  const messages = endpoints.map((endpoint) => {
    const claim = dedupIdOf(command, endpoint.url, context.sha256);
    const dedup = claim === null ? undefined : state.dedups.get(claim);
    if (dedup !== undefined && dedup.expiresAt > context.now) {
      return { messageKey: dedup.messageKey, url: endpoint.url, deduplicated: true };
    }
    const envelope = envelopeFor(given, destination, endpoint);
    const key = acceptance.accept({ url: endpoint.url, envelope, body: command.body }, "plain");
    if (claim !== null) acceptance.claim(claim, key, { dedup, expiresAt: command.dedupUntil });
    return { messageKey: key, url: endpoint.url, deduplicated: false };
  });
  return {
    ...acceptance.finish(),
    answer: { isGroup: destination.kind === "urlGroup", messages },
  };
}

/** The endpoints that a publish goes to now. */
export function endpointsOf(
  group: UrlGroupRow | null,
  { destination }: Pick<PublishMessage, "destination">,
): readonly Endpoint[] {
  if (destination.kind === "url") return [{ url: destination.url }];
  if (group === null) throw urlGroupNotFound(destination.name);
  // Written by `JSON.stringify` of a list of endpoints.
  return JSON.parse(group.endpoints) as readonly Endpoint[];
}

export function urlGroupNotFound(name: string): RepriseError {
  return new RepriseError("url_group_not_found", {
    message: `topic ${name} not found: there is no URL group of this name`,
    details: { urlGroup: name },
  });
}

/** What a publish to `url` claims, so that a second one within the window is recognised; null when nothing was asked for. */
export function dedupIdOf(
  { dedup, destination }: Pick<PublishMessage, "dedup" | "destination">,
  url: string,
  sha256: Context["sha256"],
): string | null {
  if (dedup === null) return null;
  // A group must not deduplicate itself, and the content alone says nothing about where it goes. No given id has a colon.
  const isPerUrl = dedup.kind === "content" || destination.kind === "urlGroup";
  const id = dedup.kind === "content" ? `content:${dedup.hash}` : dedup.id;
  return isPerUrl ? `${id}:${shortName(url, sha256)}` : id;
}

const NAME_CHARS_MAX = 512;

/** Of texts that are too long for a name, which an index has to hold, the hash. */
export function shortName(text: string, sha256: Context["sha256"]): string {
  if (text.length <= NAME_CHARS_MAX) return text;
  return `sha256:${sha256(new TextEncoder().encode(text))}`;
}

/** The envelope of the message to one endpoint. */
export function envelopeFor(
  envelope: Envelope,
  destination: PublishMessage["destination"],
  endpoint: Endpoint,
): Envelope {
  if (destination.kind === "url") return envelope;
  const named = endpoint.name === undefined ? {} : { endpointName: endpoint.name };
  return { ...envelope, topicName: destination.name, ...named };
}

export interface NewMessage {
  readonly url: string;
  readonly envelope: Envelope;
  readonly body: Uint8Array;
}

/** Collects the rows of messages that are accepted in one transition; the gates are passed on from one to the next. */
export class Acceptance {
  readonly #context: Context;
  readonly #gates: GateBook;
  readonly #changes: Change[] = [];
  readonly #effects: Effect[] = [];

  constructor(gates: GateBook, context: Context) {
    this.#gates = gates;
    this.#context = context;
  }

  /** Returns the new message's key. */
  accept(message: NewMessage, kind: "plain" | "callback", ticketKey: number | null = null): number {
    const context = this.#context;
    const { url, envelope, body } = message;
    const key = context.newKey();
    const fresh = { ...toMessage(key, message, context), kind, ticketKey };
    const isDue = fresh.dueAt <= context.now;
    const gates = this.#gates.gatesOf(fresh, envelope.flowControl ?? null, context);
    const entry = isDue ? enter(fresh, gates, context) : { message: fresh, gates };
    this.#gates.put(entry.gates);
    const row = entry.message;
    const config = JSON.stringify(envelope);
    const isActive = row.state === "active";
    this.#changes.push(
      insert("envelopes", {
        key,
        createdAt: context.now,
        url,
        config,
        body,
        bodyHash: context.sha256(body),
      }),
      insert("messages", row),
      logMoment(row, isActive ? "acceptedActive" : "accepted", context, {
        nextAt: isDue ? null : fresh.dueAt,
      }),
    );
    if (row.state !== "waiting") this.#effects.push(deliverOrWake(row));
    return key;
  }

  claim(
    id: string,
    messageKey: number,
    { dedup, expiresAt }: { readonly dedup: DedupRow | undefined; readonly expiresAt: number },
  ): void {
    if (dedup !== undefined) {
      this.#changes.push(update("dedups", dedup, { ...dedup, messageKey, expiresAt }));
      return;
    }
    this.#changes.push(
      insert("dedups", { key: this.#context.newKey(), id, messageKey, expiresAt }),
    );
  }

  /** Everything that was accepted, and the gates as they are now. */
  finish(): { readonly changes: readonly Change[]; readonly effects: readonly Effect[] } {
    return {
      changes: [...this.#gates.changes(), ...this.#changes],
      effects: [...this.#effects, ...this.#gates.openings()],
    };
  }
}

function toMessage(key: number, { url, envelope }: NewMessage, context: Context): MessageRow {
  const { callback, failureCallback, labels } = envelope;
  return {
    ...noPlaces,
    key,
    kind: "plain",
    state: "scheduled",
    runKey: null,
    stepPosition: null,
    deadLetterKey: null,
    createdAt: context.now,
    dueAt: Math.max(envelope.notBefore, context.now),
    retried: 0,
    retries: envelope.retries,
    leaseToken: 0,
    url,
    config: null,
    body: null,
    queueName: envelope.queueName ?? null,
    flowControlKey: envelope.flowControl?.key ?? null,
    hasCallback: callback === undefined && failureCallback === undefined ? 0 : 1,
    labels: labels === undefined ? null : labelColumn(labels),
    topicName: envelope.topicName ?? null,
    scheduleId: envelope.scheduleId ?? null,
    callerIp: envelope.callerIp,
  };
}
