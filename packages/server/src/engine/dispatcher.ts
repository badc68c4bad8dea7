import { HEADER, messageId, STORED_RESPONSE_BYTES_MAX } from "@reprise/protocol";
import type { EndDelivery } from "../core/commands.ts";
import { connectedApp } from "../core/connected-name.ts";
import { type DeliverySource, isOffered, offerOf } from "../core/delivery.ts";
import { originOf } from "../core/gates.ts";
import { answerFieldOf, isAnswer, isSuccess, type Outcome } from "../core/outcome.ts";
import type { EnvelopeRow, MessageRow } from "../core/rows.ts";
import type { Host, OutgoingRequest } from "../host/host.ts";
import type { Reader } from "../store/store.ts";
import type { Standing } from "./cluster.ts";
import { type ConnectedApps, noConnectedApps } from "./connected-apps.ts";
import { type Draft, draftOf, listOf } from "./draft.ts";
import { Exchange, Exchanges } from "./exchanges.ts";
import type { History } from "./history.ts";
import { type OriginLimits, OriginLines } from "./origin-lines.ts";
import { type SigningKeys, signDelivery } from "./signer.ts";
import type { Tracing } from "./tracing.ts";
import type { WarmProcesses } from "./warm-processes.ts";

/** One attempt that has been committed as `active`. */
export type Delivery = RunDelivery | PlainDelivery;

interface Timely {
  /** Exclusive end of the period in which its start has been counted; null when nobody counts starts. */
  readonly startUntil: number | null;
}

export interface RunDelivery extends DeliverySource, Timely {
  readonly kind: "run";
  readonly timeoutMs: number;
}

export interface PlainDelivery extends Timely {
  readonly kind: "plain";
  readonly message: MessageRow;
  /** Null when it has to be read first: messages that wait for their turn leave their bodies on disk. */
  readonly envelope: EnvelopeRow | null;
}

export interface DispatcherOptions {
  readonly host: Host;
  readonly connected?: ConnectedApps;
  readonly tracing?: Pick<Tracing, "begin">;
  readonly history: History;
  readonly store: Pick<Reader, "get">;
  readonly keys: () => SigningKeys;
  readonly limits: DispatcherLimits;
  /** Sent with every delivery, for apps that serve several regions. */
  readonly region: string | null;
  /** Asked when a delivery that had to wait comes to its turn: its message may have been taken away meanwhile. */
  readonly isWanted: (delivery: Delivery) => boolean;
  /** Takes the outcome of every attempt, with the delivery that it is about. */
  readonly onEnd: (command: EndDelivery, delivery: Delivery) => void;
  /** Whether this node holds what it has taken: asked right before an attempt begins. */
  readonly mayBegin: () => boolean;
  /** It does not: the message is for whoever takes over. */
  readonly onLapsed: (delivery: Delivery) => void;
  /** What a delivery may do that had to wait here; null where nobody else can have changed anything. */
  readonly standingOf: (delivery: Delivery) => Promise<Standing> | null;
  /** An attempt could not be made for a reason of our own. */
  readonly onUnsent: (messageKey: number) => void;
  /** It is too late to begin: the start has to be counted again. */
  readonly onLate: (messageKey: number) => void;
  /** Deliveries that have not begun have lost whom they were for. */
  readonly onReturn: (deliveries: readonly Delivery[]) => void;
  /** An origin whose line was full has room again. */
  readonly onRoom: (origin: string) => void;
  /** Processes that keep the function of a run. */
  readonly warm?: WarmProcesses;
}

export interface DispatcherLimits extends OriginLimits {
  /** Lists longer than this go out empty; the SDK fetches them. */
  readonly inlineCharsMax: number;
  readonly responseBytesMax: number;
  /** Limit of one attempt for messages that set none, and for all others. */
  readonly attemptTimeoutMs: number;
}

/** Makes the attempts: builds the request, sends it, and reports the outcome. It decides nothing. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #connected: ConnectedApps;
  readonly #lines: OriginLines;
  /** Deliveries whose request is not made yet, because their list is being read. */
  readonly #preparing = new Set<Delivery>();
  readonly #exchanges = new Exchanges();
  #isStopped = false;
  #onIdle: (() => void) | null = null;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#connected = options.connected ?? noConnectedApps;
    this.#lines = new OriginLines({ ...options, connected: this.#connected });
    this.#connected.watch((app, hasOpened) => this.#refresh(app, hasOpened));
  }

  deliver(delivery: Delivery): void {
    if (this.#isStopped) return;
    const origin = originOf(delivery.message.url);
    if (this.#lines.enter(origin, delivery)) this.#begin(origin, delivery, false);
  }

  /** Attempts in flight. */
  get inFlightCount(): number {
    return this.#lines.inFlightCount;
  }

  /** Whether messages for this origin have to wait in the store; when they need not any more, `onRoom` tells. */
  isFull(origin: string): boolean {
    return this.#lines.isFull(origin);
  }

  /** Keys of the messages whose deliveries to this origin have not begun. */
  waitingKeys(origin: string): ReadonlySet<number> {
    return this.#lines.waitingKeys(origin);
  }

  /** The request that speaks for a message of a run, or null. */
  exchangeOf(messageKey: number): Exchange | null {
    return this.#isStopped ? null : this.#exchanges.of(messageKey);
  }

  /** An invocation goes on with another message; false when it has ended meanwhile. */
  goOn(heldKey: number, delivery: RunDelivery): boolean {
    return this.#exchanges.goOn(heldKey, delivery, this.#options.host.now());
  }

  /** Takes deliveries that have not begun back. */
  recall(isMeant: (message: MessageRow) => boolean): readonly Delivery[] {
    return this.#take((delivery) => isMeant(delivery.message));
  }

  /** Takes deliveries of an ended run back that have not begun. */
  drop(runKey: number): readonly Delivery[] {
    const isOfRun = (delivery: Delivery) =>
      delivery.kind === "run" &&
      delivery.run.key === runKey &&
      delivery.message.kind !== "failureCall";
    if (this.#lines.hasWaiting(runKey)) return this.#take(isOfRun);
    return this.#takePreparing(isOfRun);
  }

  #take(isMeant: (delivery: Delivery) => boolean): readonly Delivery[] {
    return [...this.#takePreparing(isMeant), ...this.#lines.take(isMeant)];
  }

  #takePreparing(isMeant: (delivery: Delivery) => boolean): readonly Delivery[] {
    const taken: Delivery[] = [];
    for (const delivery of this.#preparing) {
      if (!isMeant(delivery)) continue;
      this.#preparing.delete(delivery);
      taken.push(delivery);
    }
    return taken;
  }

  /** Starts nothing more; resolves when what is in flight has ended. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#lines.clear();
    if (this.inFlightCount === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #begin(origin: string, delivery: Delivery, hasWaited: boolean): void {
    void this.#attempt(delivery, hasWaited).finally(() => this.#end(origin));
  }

  #end(origin: string): void {
    this.#lines.leave(origin);
    this.#beginNext();
    if (this.inFlightCount === 0) this.#onIdle?.();
  }

  #refresh(app: string, hasOpened: boolean): void {
    if (this.#isStopped) return;
    const returned = this.#lines.refresh(app, hasOpened);
    if (returned.length > 0) this.#options.onReturn(returned);
    this.#beginNext();
  }

  #beginNext(): void {
    for (let next = this.#lines.next(); next !== null; next = this.#lines.next()) {
      this.#begin(originOf(next.message.url), next, true);
    }
  }

  async #attempt(delivery: Delivery, hasWaited: boolean): Promise<void> {
    const { host, onEnd } = this.#options;
    const { message } = delivery;
    let ended: Ended | null;
    this.#preparing.add(delivery);
    try {
      const standing = hasWaited ? this.#options.standingOf(delivery) : null;
      ended = await this.#send(delivery, standing === null ? "begin" : await standing);
    } catch (cause) {
      this.#preparing.delete(delivery);
      // A fault of ours (an unreadable store) must not burn the app's retries.
      host.log("error", "delivery_not_sent", { messageKey: message.key, cause: String(cause) });
      this.#options.onUnsent(message.key);
      return;
    }
    if (ended !== null) onEnd(ended.command, ended.delivery);
  }

  /** Null when the message was taken away before the request was made, or when it is too late to begin. */
  async #send(delivery: Delivery, standing: Standing): Promise<Ended | null> {
    const { host, mayBegin, onLapsed, onLate, onReturn } = this.#options;
    const { message, startUntil } = delivery;
    const draft = standing === "begin" ? await draftOf(delivery, this.#options) : null;
    if (!this.#preparing.delete(delivery)) return null;
    const startedAt = host.now();
    if (!mayBegin()) {
      onLapsed(delivery);
      return null;
    }
    if (standing === "late" || (startUntil !== null && startedAt >= startUntil)) {
      onLate(message.key);
      return null;
    }
    if (draft === null) {
      onReturn([delivery]);
      return null;
    }
    const exchange = new Exchange(delivery, startedAt, draft.timeoutMs);
    try {
      const outcome = draft.isDamaged ? damagedBody : await this.#converse(exchange, draft);
      if (outcome !== null) {
        return toEnded(exchange, { outcome, headers: draft.headers }, host.now());
      }
    } finally {
      this.#exchanges.close(exchange);
    }
    onReturn([delivery]);
    return null;
  }

  /** One request; a second one with the whole list when its first was a part that the process could not continue. */
  async #converse(exchange: Exchange, draft: Draft): Promise<Outcome | null> {
    const sending = this.#exchange(exchange, draft);
    const outcome = sending === null ? null : await sending;
    const { delivery } = exchange;
    if (outcome === null || draft.part === undefined || delivery.kind === "plain") {
      return outcome === null ? null : this.#kept(outcome);
    }
    if (exchange.before !== null || !needsWhole(outcome)) return this.#kept(outcome);
    const list = await listOf(delivery, this.#options);
    const { part: _, ...rest } = draft;
    const again = this.#exchange(exchange, { ...rest, body: list.bytes, bodySha256: list.sha256 });
    return again === null ? null : this.#kept(await again);
  }

  /** What an app submits is read whole; of all other responses no more is kept than of those that can submit nothing. */
  #kept(outcome: Outcome): Outcome {
    const { responseBytesMax } = this.#options.limits;
    if (outcome.type === "error" || outcome.body.byteLength <= responseBytesMax) return outcome;
    if (isAnswer(outcome)) return outcome;
    return { ...outcome, body: outcome.body.slice(0, responseBytesMax), isTruncated: true };
  }

  /** As `#request`; meanwhile the invocation may go on with other messages. */
  #exchange(exchange: Exchange, draft: Draft): Promise<Outcome> | null {
    const { limits, region } = this.#options;
    const { message } = exchange;
    if (region !== null) draft.headers[HEADER.region] = region;
    const { responseBytesMax } = limits;
    if (!isOffered(message)) return this.#request(exchange, { ...draft, responseBytesMax });
    draft.headers[HEADER.repriseDelivery] = offerOf(message, draft.part);
    // Before it is sent: the app may go on as soon as it has read the delivery.
    this.#exchanges.open(exchange);
    return this.#request(exchange, {
      ...draft,
      responseBytesMax: Math.max(responseBytesMax, ANSWER_BYTES_MAX),
      lastsUntil: () => exchange.lastsUntil,
    });
  }

  /** The one place where a delivery leaves: over a connection that its app has opened, or by a request. Null when nobody is there to take it. */
  #request({ delivery }: Exchange, draft: Draft & Patience): Promise<Outcome> | null {
    const { host, keys } = this.#options;
    const { url, key, leaseToken } = delivery.message;
    const { method, headers, body, timeoutMs, responseBytesMax, lastsUntil } = draft;
    const limits = lastsUntil === undefined ? {} : { lastsUntil };
    const request = { url, method, headers, body, timeoutMs, responseBytesMax, ...limits };
    const origin = originOf(url);
    const app = connectedApp(origin);
    if (app !== null) {
      const path = pathBehind(origin, url);
      const run = delivery.kind === "run" && isOffered(delivery.message) ? delivery.run : null;
      const own = { app, path, run, messageKey: key, leaseToken };
      return this.#connected.deliver({ ...request, ...own });
    }
    const signed = { url, bodySha256: draft.bodySha256(), now: host.now() };
    headers[HEADER.signature] = signDelivery(signed, keys().current, (count) =>
      host.randomBytes(count),
    );
    return host.fetch(request);
  }
}

type Patience = Pick<OutgoingRequest, "responseBytesMax" | "lastsUntil">;

interface Ended {
  readonly command: EndDelivery;
  readonly delivery: Delivery;
}

/** What the exchange has led to, for the message that it is about now. */
function toEnded(
  { delivery, message, startedAt, before }: Exchange,
  { outcome: answered, headers }: Pick<EndDelivery, "outcome"> & Pick<Draft, "headers">,
  endedAt: number,
): Ended {
  const outcome = isOfOther(answered, message) ? ofOther : answered;
  // The record of an attempt shows what a delivery of this very message would have said.
  const requestHeaders =
    before === null
      ? headers
      : {
          ...headers,
          [HEADER.messageId]: messageId(message.key),
          [HEADER.retried]: String(message.retried),
          [HEADER.repriseDelivery]: offerOf(message),
        };
  const { key: messageKey, leaseToken, queueName, flowControlKey } = message;
  const hasGates = queueName !== null || flowControlKey !== null;
  return {
    command: {
      type: "endDelivery",
      messageKey,
      ...(hasGates ? { gates: { queueName, flowControlKey } } : {}),
      leaseToken,
      startedAt,
      endedAt,
      requestHeaders,
      outcome,
    },
    delivery,
  };
}

/** A network may deliver a request twice: then the answer may be that of an invocation which was told to stop. */
function isOfOther(outcome: Outcome, { key, leaseToken }: MessageRow): boolean {
  const holds = isSuccess(outcome) ? answerFieldOf(outcome)?.holds : undefined;
  if (holds === undefined) return false;
  return holds.hold !== leaseToken || holds.messageId !== messageId(key);
}

const ofOther: Outcome = {
  type: "error",
  cause: "unknown",
  message: "the answer came from an invocation that does not hold the message any more",
};

/** What an answer that submits something may hold: as much as a request that submits the same. */
const ANSWER_BYTES_MAX = STORED_RESPONSE_BYTES_MAX;

/** Path and query as they stand in the URL. */
function pathBehind(origin: string, url: string): string {
  const end = url.indexOf("#");
  const rest = end === -1 ? url.slice(origin.length) : url.slice(origin.length, end);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

/** The process did not hold what the part continues, or nobody answered who knows of parts. */
function needsWhole(outcome: Outcome): boolean {
  if (outcome.type === "error") return false;
  const field = answerFieldOf(outcome);
  return field === null || field.needsHistory;
}

const damagedBody: Outcome = {
  type: "error",
  cause: "corrupt_body",
  message: "the stored body is damaged and was not sent",
};
