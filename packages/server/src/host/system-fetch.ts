import { createRequire } from "node:module";
import type { Client, Dispatcher } from "undici";
import type { ErrorCause, Outcome } from "../core/outcome.ts";
import type { Egress } from "./egress.ts";
import { toFailure } from "./error-cause.ts";
import type { OutgoingRequest } from "./host.ts";
import { createDialer, type Dial, type Resolve, systemResolve } from "./system-dial.ts";
import { parseTarget, type Target } from "./target.ts";

/**
 * The part of undici that makes deliveries. Its index also loads `fetch`, WebSocket, caches and mocks, which costs a
 * start of the server 70 ms and 11 MB. This module has no types of its own; the version is exact.
 */
const require = createRequire(import.meta.url);
const UndiciClient = require("undici/lib/dispatcher/client.js") as typeof Client; // The index exports it as `Client`.

export interface SystemFetchOptions {
  /** Requests to one origin at the same time; more wait for their turn, and their deadline runs. */
  readonly connectionsPerOrigin: number;
  /** Origins whose connections are kept open. Above it, idle ones are closed when a new one is needed. */
  readonly originsMax: number;
  /** Connections of an origin that nobody asked for this long are closed. */
  readonly idleMs: number;
  /** Where connections may go. It never changes, so no connection outlives the policy that let it be made. */
  readonly egress: Egress;
  /** Answers for the addresses of a host name; the system's resolver when not given. */
  readonly resolve?: Resolve;
}

const RESPONSE_HEADER_BYTES_MAX = 16_384;
/** Reading a rest of this size costs less than a new connection; a longer one costs the connection. */
const DRAIN_BYTES_MAX = 1_048_576;
/** Early hints and other answers before the answer; more are no answer but work for us until the deadline. */
const INTERIM_RESPONSES_MAX = 100;
/** URLs whose parts are remembered, because a workflow is called under one URL again and again. */
const TARGETS_MAX = 1_000;
const TIMER_MS_MAX = 2 ** 31 - 1;

interface Origin {
  readonly name: string;
  readonly dial: Dial;
  /** Those that are not idle have one exchange under way. */
  readonly lines: Set<Line>;
  readonly idle: Line[];
  readonly waiting: Set<Exchange>;
  lastUsedAt: number;
}

/** A client with one connection, which comes and goes. */
interface Line {
  readonly client: Client;
  /** Gives up a connection that is still being made, and with it the exchange that waits for it. */
  hangUp(): void;
}

/**
 * HTTP requests over connections that stay open, a bounded number to each origin. Follows no redirect, repeats nothing,
 * decodes nothing. Uses undici's dispatcher, because `fetch` costs several times as much, and its single clients rather
 * than its pool: what waits in the pool's queue cannot be taken back at its deadline, and a request that the pool
 * refuses (a header that cannot be sent) blocks one of the pool's clients for ever.
 */
export class SystemFetch {
  readonly #options: SystemFetchOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #targets = new Map<string, Target | string>();
  readonly #dialOf: (origin: string) => Dial;
  #sweep: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: SystemFetchOptions) {
    this.#options = options;
    this.#dialOf = createDialer(options.egress, options.resolve ?? systemResolve);
  }

  /** Never rejects: whatever goes wrong is an outcome. */
  fetch(request: OutgoingRequest): Promise<Outcome> {
    if (this.#isClosed) return Promise.resolve(failed("unknown", "the HTTP client is closed"));
    const target = this.#targetOf(request.url);
    if (typeof target === "string") return Promise.resolve(failed("invalid_request", target));
    const origin = this.#originOf(target.origin);
    return new Promise((resolve) => {
      const exchange = new Exchange(request, target.path, {
        settle: resolve,
        leave: () => origin.waiting.delete(exchange),
        release: (line, isClean) => this.#release(origin, line, isClean),
      });
      origin.waiting.add(exchange);
      this.#pump(origin);
    });
  }

  /** Closes every connection; requests under way end with an error. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#sweep !== null) clearInterval(this.#sweep);
    const origins = [...this.#origins.values()];
    this.#origins.clear();
    for (const { waiting } of origins) {
      for (const exchange of [...waiting]) exchange.giveUp("the HTTP client is closed");
    }
    await Promise.all(
      origins.flatMap(({ lines }) => [...lines].map((one) => one.client.destroy())),
    );
  }

  /** Starts what may start. */
  #pump(origin: Origin): void {
    for (const exchange of origin.waiting) {
      const line = origin.idle.pop() ?? this.#openLine(origin);
      if (line === null) return;
      origin.waiting.delete(exchange);
      exchange.start(line);
    }
  }

  #openLine(origin: Origin): Line | null {
    if (origin.lines.size >= this.#options.connectionsPerOrigin) return null;
    const line = openLine(origin.name, origin.dial);
    origin.lines.add(line);
    return line;
  }

  #release(origin: Origin, line: Line, isClean: boolean): void {
    origin.lastUsedAt = Date.now();
    if (isClean) origin.idle.push(line);
    else origin.lines.delete(line);
    if (isClean && origin.waiting.size === 0) return;
    // The client is still at work on the event that led here and must not be changed under its feet.
    queueMicrotask(() => {
      if (!isClean) void line.client.destroy();
      if (!this.#isClosed) this.#pump(origin);
    });
  }

  #targetOf(url: string): Target | string {
    const known = this.#targets.get(url);
    if (known !== undefined) return known;
    const target = parseTarget(url);
    if (this.#targets.size >= TARGETS_MAX) this.#targets.clear();
    this.#targets.set(url, target);
    return target;
  }

  #originOf(name: string): Origin {
    const known = this.#origins.get(name);
    if (known !== undefined) return known;
    if (this.#origins.size >= this.#options.originsMax) this.#closeLongestIdle();
    const origin: Origin = {
      name,
      dial: this.#dialOf(name),
      lines: new Set(),
      idle: [],
      waiting: new Set(),
      lastUsedAt: Date.now(),
    };
    this.#origins.set(name, origin);
    this.#sweep ??= setInterval(() => this.#closeIdle(), this.#options.idleMs).unref();
    return origin;
  }

  #closeIdle(): void {
    const idleSince = Date.now() - this.#options.idleMs;
    for (const [name, origin] of this.#origins) {
      if (isIdle(origin) && origin.lastUsedAt <= idleSince) this.#closeOrigin(name, origin);
    }
  }

  #closeLongestIdle(): void {
    const idle = [...this.#origins].filter(([, origin]) => isIdle(origin));
    idle.sort(([, a], [, b]) => a.lastUsedAt - b.lastUsedAt);
    const [first] = idle;
    if (first !== undefined) this.#closeOrigin(...first);
  }

  #closeOrigin(name: string, origin: Origin): void {
    this.#origins.delete(name);
    // Nothing is under way, so there is nobody to tell about an error.
    for (const { client } of origin.idle) void client.destroy();
  }
}

function isIdle(origin: Origin): boolean {
  return origin.idle.length === origin.lines.size && origin.waiting.size === 0;
}

function openLine(origin: string, dial: Dial): Line {
  let dialing: ReturnType<Dial> = null;
  const client = new UndiciClient(origin, {
    connect: (options, callback) => {
      dialing = dial(options, callback);
    },
    pipelining: 1,
    // The deadline of each request covers head and body; undici's own timers only watch for silence.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
    // HTTP/2 in Node takes more than twice the time of HTTP/1.1.
    allowH2: false,
  });
  return { client, hangUp: () => dialing?.destroy(new Error("the deadline has passed")) };
}

function failed(cause: ErrorCause, message: string): Outcome {
  return { type: "error", cause, message };
}

interface ExchangeOwner {
  /** Called once, with the outcome. */
  settle(outcome: Outcome): void;
  /** Called when the exchange gives up before it was started. */
  leave(): void;
  /** Called once after a start. After anything but a complete response the connection is of no more use. */
  release(line: Line, isClean: boolean): void;
}

/** One request and its response. Lives on after its outcome while a rest of the body is read and thrown away. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: OutgoingRequest;
  readonly #path: string;
  readonly #owner: ExchangeOwner;
  #deadline: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #line: Line | null = null;
  #isSettled = false;
  #interimResponses = 0;
  #status = 0;
  #headers: Readonly<Record<string, readonly string[]>> = {};
  #chunks: Uint8Array[] = [];
  #bytesRead = 0;

  constructor(request: OutgoingRequest, path: string, owner: ExchangeOwner) {
    this.#request = request;
    this.#path = path;
    this.#owner = owner;
    this.#deadline = this.#setDeadline(request.timeoutMs);
  }

  start(line: Line): void {
    this.#line = line;
    const { method, headers, body } = this.#request;
    line.client.dispatch({ path: this.#path, method, headers, body }, this);
  }

  /** Ends an exchange that waits for its start. */
  giveUp(message: string): void {
    clearTimeout(this.#deadline);
    this.#owner.leave();
    this.#settle(failed("unknown", message));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // The connection came up after the deadline: nothing is sent, because nobody waits for the answer.
    if (this.#isSettled) controller.abort(new Error("the deadline has passed"));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200) {
      this.#onInterimResponse(controller);
      return;
    }
    this.#status = status;
    this.#headers = toHeaders(headers);
  }

  #onInterimResponse(controller: Dispatcher.DispatchController): void {
    this.#interimResponses += 1;
    if (this.#interimResponses <= INTERIM_RESPONSES_MAX) return;
    this.#fail("protocol", `more than ${INTERIM_RESPONSES_MAX} answers with a status below 200`);
    controller.abort(new Error("too many interim responses"));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Uint8Array): void {
    const room = this.#request.responseBytesMax - this.#bytesRead;
    this.#bytesRead += chunk.byteLength;
    if (chunk.byteLength <= room) {
      this.#chunks.push(chunk);
      return;
    }
    if (room > 0) this.#chunks.push(chunk.subarray(0, room));
    // Status and kept bytes are known; how the rest ends changes nothing any more.
    this.#settle(this.#response(true));
    if (this.#bytesRead - this.#request.responseBytesMax > DRAIN_BYTES_MAX) {
      controller.abort(new Error("the response is too long"));
    }
  }

  onResponseEnd(): void {
    this.#release(true);
    this.#settle(this.#response(false));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#release(false);
    const { cause, message } = toFailure(error);
    this.#fail(cause, message);
  }

  #setDeadline(inMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#onDeadline(), Math.min(inMs, TIMER_MS_MAX));
  }

  #onDeadline(): void {
    const { timeoutMs, lastsUntil } = this.#request;
    // One timer for a whole invocation, however often it goes on: only the end of each limit looks for the next.
    const leftMs = lastsUntil === undefined ? 0 : lastsUntil() - Date.now();
    if (leftMs > 0 && !this.#isSettled) {
      this.#deadline = this.#setDeadline(leftMs);
      return;
    }
    if (this.#line === null) {
      this.#owner.leave();
      this.#fail("timeout", `no connection became free within ${timeoutMs} ms`);
      return;
    }
    // Without a controller the connection is still being made.
    const what = this.#controller === null ? "connection" : "complete response";
    this.#fail("timeout", `no ${what} within ${timeoutMs} ms`);
    if (this.#controller === null) this.#line.hangUp();
    else this.#controller.abort(new Error("the deadline has passed"));
  }

  /** A success that breaks off is none; any other status has said what there was to say. */
  #fail(cause: ErrorCause, message: string): void {
    const isKnown = this.#status >= 300;
    this.#settle(isKnown ? this.#response(true) : failed(cause, message));
  }

  #response(isTruncated: boolean): Outcome {
    return {
      type: "response",
      status: this.#status,
      headers: this.#headers,
      body: join(this.#chunks),
      isTruncated,
    };
  }

  #settle(outcome: Outcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#chunks = [];
    this.#owner.settle(outcome);
  }

  #release(isClean: boolean): void {
    const line = this.#line;
    if (line === null) return;
    this.#line = null;
    clearTimeout(this.#deadline);
    this.#owner.release(line, isClean);
  }
}

/** Header names are the peer's choice, so the object has no prototype that one of them could touch. */
function toHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, readonly string[]>> {
  const result: Record<string, readonly string[]> = Object.create(null);
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (value !== undefined) result[name] = typeof value === "string" ? [value] : value;
  }
  return result;
}

/** Plain bytes: a `Buffer` would print, compare and convert in its own ways. */
function join(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  if (first === undefined) return new Uint8Array(0);
  const bytes = chunks.length === 1 ? first : Buffer.concat(chunks);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
