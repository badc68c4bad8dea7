import { isRepriseError, RepriseError } from "@reprise/protocol";
import type { Outcome } from "../../core/outcome.ts";
import type { ConnectedDelivery } from "../../engine/connected-apps.ts";
import type { Host } from "../../host/host.ts";
import { fault } from "../errors.ts";
import { type AppEnd, type AppMessage, deliverParts, readFrame } from "./frames.ts";
import { Outbox } from "./outbox.ts";
import { CLOSE_CODE, type ConnectedSocket } from "./socket.ts";
import { type Ack, ackText, refusalText, type SubmitLines } from "./submission.ts";

export interface ConnectionLimits {
  /** Deliveries at once that a connection may announce; more is cut to it. */
  readonly parallelismMax: number;
  /** Time in which `hello` has to come. */
  readonly helloMs: number;
  /** What may come before `hello` is over. */
  readonly helloBytesMax: number;
  /** A connection that gave no sign of life for so long is lost. */
  readonly silenceMs: number;
  /** Bytes that wait to be sent, above which a connection gets no new deliveries. */
  readonly bufferedBytesMax: number;
  /** Bytes of submissions that wait for their commit, above which nothing more is read. */
  readonly pendingBytesMax: number;
}

/** What a connection tells whoever keeps it. */
export interface ConnectionOwner {
  readonly host: Host;
  readonly limits: ConnectionLimits;
  readonly submit: SubmitLines;
  /** @throws RepriseError when the token may not send messages, or when the app may not connect now. */
  admit(hello: Hello, connection: Connection): void;
  /** What the connection takes, or may take, has changed. */
  changed(connection: Connection): void;
  settled(connection: Connection, delivery: ConnectedDelivery): void;
  closed(connection: Connection): void;
}

export type Hello = AppMessage & { readonly type: "hello" };

/** A delivery that the app has not ended. */
interface Underway {
  readonly id: number;
  readonly request: ConnectedDelivery;
  readonly resolve: (outcome: Outcome) => void;
  /** The message that the app holds; null when it has been told to stop. */
  hold: { readonly messageKey: number; readonly leaseToken: number } | null;
  /** When it has to be over, unless it has been given more time since. */
  deadlineAt: number;
  /** Submissions behind the one that is being executed. */
  readonly waiting: (readonly Uint8Array[])[];
  isSubmitting: boolean;
  /** What it has come to while a submission was executed, whose message it may still speak for. */
  outcome: Outcome | null;
}

/** One connection of an app: its deliveries, what it submits, and how they end. */
export class Connection {
  readonly id: string;
  readonly address: string;
  readonly #socket: ConnectedSocket;
  readonly #owner: ConnectionOwner;
  readonly #underway = new Map<number, Underway>();
  #app: string | null = null;
  #token = "";
  #parallelism = 0;
  #lastId = 0;
  #helloBytes = 0;
  #isDraining = false;
  #isCongested = false;
  #isClosed = false;
  readonly #openedAt: number;
  #heardAt: number;
  #pendingBytes = 0;
  #isPaused = false;
  readonly #outbox: Outbox;

  constructor(socket: ConnectedSocket, address: string, owner: ConnectionOwner) {
    const { host } = owner;
    this.id = `con_${Buffer.from(host.randomBytes(12)).toString("base64url")}`;
    this.address = address;
    this.#socket = socket;
    this.#owner = owner;
    this.#outbox = new Outbox((frame) => {
      socket.send(frame);
      this.#weigh();
    });
    this.#openedAt = host.now();
    this.#heardAt = this.#openedAt;
    socket.onText((text) => this.#hear(text));
    socket.onSign(() => {
      this.#heardAt = host.now();
    });
    socket.onDrain(() => this.#weigh());
    socket.onClose(() => this.#end());
  }

  /** Null before `hello`. */
  get app(): string | null {
    return this.#app;
  }

  get token(): string {
    return this.#token;
  }

  /** Whether it takes deliveries, now or as soon as it has room. */
  get isOpen(): boolean {
    return !this.#isClosed && !this.#isDraining && this.#parallelism > 0;
  }

  /** Deliveries that it may have at once: those under way alone when it takes no more. */
  get places(): number {
    const takes = this.isOpen && !this.#isCongested;
    return takes ? Math.max(this.#parallelism, this.#underway.size) : this.#underway.size;
  }

  /** Deliveries that it takes now. */
  get room(): number {
    return this.places - this.#underway.size;
  }

  deliver(request: ConnectedDelivery): Promise<Outcome> {
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const { messageKey, leaseToken, timeoutMs } = request;
    const id = ++this.#lastId;
    this.#underway.set(id, {
      id,
      request,
      resolve,
      hold: { messageKey, leaseToken },
      deadlineAt: this.#owner.host.now() + timeoutMs,
      waiting: [],
      isSubmitting: false,
      outcome: null,
    });
    this.#send(...deliverParts(id, request));
    return promise;
  }

  /** The run has ended: nobody waits for what its deliveries do. One that submits hears it with the acknowledgement. */
  abort(runKey: number): void {
    for (const delivery of this.#underway.values()) {
      if (delivery.request.run?.key !== runKey || delivery.isSubmitting) continue;
      this.#giveUp(delivery, {
        type: "error",
        cause: "disconnected",
        message: "the run has ended",
      });
    }
  }

  /** Tells the app to connect anew: this server stops. */
  drain(): void {
    if (this.#isDraining || this.#isClosed) return;
    this.#isDraining = true;
    if (this.#app !== null) this.#send('{"drain":true}');
    this.#owner.changed(this);
  }

  /** Looks at everything that has a time limit. */
  check(): void {
    const { host, limits } = this.#owner;
    const now = host.now();
    if (this.#app === null) {
      if (now - this.#openedAt < limits.helloMs) return;
      const message = `hello must come within ${limits.helloMs / 1000} seconds`;
      this.refuse(new RepriseError("request_timeout", { message }));
      return;
    }
    const silentMs = now - this.#heardAt;
    if (silentMs >= limits.silenceMs && !this.#isPaused) {
      this.#socket.cut();
      return;
    }
    if (silentMs >= limits.silenceMs / 2) this.#socket.ping();
    for (const delivery of this.#underway.values()) {
      if (now < delivery.deadlineAt || delivery.isSubmitting) continue;
      const { timeoutMs, lastsUntil } = delivery.request;
      delivery.deadlineAt = lastsUntil?.() ?? delivery.deadlineAt;
      if (now < delivery.deadlineAt) continue;
      const message = `no complete response within ${timeoutMs} ms`;
      this.#giveUp(delivery, { type: "error", cause: "timeout", message });
    }
  }

  /** Says why, and ends the connection. */
  refuse(error: RepriseError): void {
    if (this.#isClosed) return;
    const { code, message } = error;
    this.#send(JSON.stringify({ error: { code, message } }));
    this.close(CLOSE_CODE.refused, code);
  }

  close(code: number, reason: string): void {
    if (this.#isClosed) return;
    this.#outbox.flush();
    this.#socket.close(code, reason);
    this.#end();
  }

  cut(): void {
    this.#socket.cut();
  }

  #hear(text: Uint8Array): void {
    if (this.#isClosed) return;
    this.#heardAt = this.#owner.host.now();
    try {
      this.#checkHello(text);
      readFrame(text, (message) => {
        if (!this.#isClosed) this.#take(message);
      });
    } catch (error) {
      this.refuse(isRepriseError(error) ? error : fault(error, this.#owner.host));
    }
  }

  #checkHello(text: Uint8Array): void {
    if (this.#app !== null) return;
    this.#helloBytes += text.byteLength;
    const { helloBytesMax } = this.#owner.limits;
    if (this.#helloBytes <= helloBytesMax) return;
    const message = `hello must have at most ${helloBytesMax} bytes`;
    throw new RepriseError("body_too_large", { message });
  }

  #take(message: AppMessage): void {
    if ((message.type === "hello") !== (this.#app === null)) {
      const fault = message.type === "hello" ? "hello was sent twice" : "hello must come first";
      throw new RepriseError("invalid_request", { message: fault });
    }
    switch (message.type) {
      case "hello":
        this.#open(message);
        return;
      case "submit":
        this.#takeLines(message.delivery, message.lines);
        return;
      case "end":
        this.#takeEnd(message);
        return;
      case "parallelism":
        this.#parallelism = this.#within(message.count);
        this.#owner.changed(this);
        return;
      case "ping":
        this.#send(`{"pong":${message.number}}`);
    }
  }

  #open(hello: Hello): void {
    this.#owner.admit(hello, this);
    this.#app = hello.app;
    this.#token = hello.token;
    this.#parallelism = this.#within(hello.parallelism);
    this.#send(JSON.stringify({ welcome: { connection: this.id } }));
    this.#owner.changed(this);
  }

  #within(parallelism: number): number {
    return Math.min(parallelism, this.#owner.limits.parallelismMax);
  }

  /** Null for one that is over: what is said about it may have crossed with the news. */
  #find(id: number): Underway | null {
    if (id > 0 && id <= this.#lastId) return this.#underway.get(id) ?? null;
    throw new RepriseError("invalid_request", { message: `there was no delivery ${id} here` });
  }

  #takeLines(id: number, lines: readonly Uint8Array[]): void {
    const delivery = this.#find(id);
    if (delivery === null || delivery.outcome !== null) {
      this.#send(ackText(id, { type: "stop", reason: "nobody waits for this delivery any more" }));
      return;
    }
    delivery.waiting.push(lines);
    this.#countPending(lines, 1);
    if (!delivery.isSubmitting) void this.#submitAll(delivery);
  }

  async #submitAll(delivery: Underway): Promise<void> {
    delivery.isSubmitting = true;
    for (let lines = delivery.waiting.shift(); lines !== undefined; ) {
      this.#send(await this.#submit(delivery, lines));
      this.#countPending(lines, -1);
      lines = delivery.waiting.shift();
    }
    delivery.isSubmitting = false;
    if (delivery.outcome !== null) this.#settle(delivery, delivery.outcome);
  }

  /** The acknowledgement. */
  async #submit(delivery: Underway, lines: readonly Uint8Array[]): Promise<string> {
    const { id, hold, request } = delivery;
    const stopped: Ack = { type: "stop", reason: "the app holds no message" };
    if (hold === null || request.run === null) return ackText(id, stopped);
    try {
      const ack = await this.#owner.submit({
        ...hold,
        runId: request.run.id,
        lines,
        callerIp: this.address,
        mayGoOn: this.isOpen,
      });
      delivery.hold = ack.type === "held" ? ack : null;
      return ackText(id, ack);
    } catch (error) {
      return refusalText(id, error, this.#owner.host);
    }
  }

  /** Reads no more while too much waits for its commit. */
  #countPending(lines: readonly Uint8Array[], change: 1 | -1): void {
    for (const line of lines) this.#pendingBytes += change * line.byteLength;
    const isTooMuch = this.#pendingBytes > this.#owner.limits.pendingBytesMax;
    if (isTooMuch === this.#isPaused || this.#isClosed) return;
    this.#isPaused = isTooMuch;
    if (isTooMuch) this.#socket.pause();
    else this.#socket.resume();
  }

  #takeEnd(end: AppEnd): void {
    const delivery = this.#find(end.delivery);
    if (delivery === null || delivery.outcome !== null) return;
    this.#finish(delivery, toOutcome(end, delivery.request.responseBytesMax));
  }

  #giveUp(delivery: Underway, outcome: Outcome): void {
    this.#send(`{"abort":${delivery.id}}`);
    this.#finish(delivery, outcome);
  }

  /** What is being executed may move the delivery on to another message: the outcome is that one's. */
  #finish(delivery: Underway, outcome: Outcome): void {
    if (delivery.outcome !== null) return;
    delivery.outcome = outcome;
    if (!delivery.isSubmitting) this.#settle(delivery, outcome);
  }

  #settle(delivery: Underway, outcome: Outcome): void {
    this.#underway.delete(delivery.id);
    this.#owner.settled(this, delivery.request);
    delivery.resolve(outcome);
    this.#owner.changed(this);
  }

  #send(...parts: readonly (string | Uint8Array)[]): void {
    if (!this.#isClosed) this.#outbox.put(...parts);
  }

  /** A connection whose other end does not read gets nothing new. */
  #weigh(): void {
    const isCongested = this.#socket.bufferedAmount > this.#owner.limits.bufferedBytesMax;
    if (isCongested === this.#isCongested || this.#isClosed) return;
    this.#isCongested = isCongested;
    this.#owner.changed(this);
  }

  /** The connection is gone: each of its deliveries has failed. */
  #end(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#outbox.clear();
    this.#owner.closed(this);
    const lost = { type: "error", cause: "disconnected" } as const;
    const message = `the connection of the app ${this.#app} was lost`;
    for (const delivery of this.#underway.values()) {
      // What it has submitted and nobody has begun with is done again by whoever takes over.
      for (const lines of delivery.waiting.splice(0)) this.#countPending(lines, -1);
      this.#finish(delivery, { ...lost, message });
    }
  }
}

function toOutcome({ status, headers, body }: AppEnd, bytesMax: number): Outcome {
  const values: Record<string, readonly string[]> = Object.create(null);
  for (const name of Object.keys(headers)) values[name] = [headers[name] ?? ""];
  const isTruncated = body.byteLength > bytesMax;
  return {
    type: "response",
    status,
    headers: values,
    body: isTruncated ? body.slice(0, bytesMax) : body,
    isTruncated,
  };
}
