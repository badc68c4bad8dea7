import { type Dispatcher, Pool } from "undici";
import type { ErrorCause, Outcome } from "../core/outcome.ts";
import { toFailure } from "./error-cause.ts";
import type { OutgoingRequest } from "./host.ts";

export interface SystemFetchOptions {
  /** Requests to one origin at the same time; more wait for their turn, and their deadline runs. */
  readonly connectionsPerOrigin: number;
  /** Origins whose connections are kept open. Above it, idle ones are closed when a new one is needed. */
  readonly originsMax: number;
  /** Connections of an origin that nobody asked for this long are closed. */
  readonly idleMs: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const RESPONSE_HEADER_BYTES_MAX = 16_384;
/** Reading a rest of this size costs less than a new connection; a longer one costs the connection. */
const DRAIN_BYTES_MAX = 1_048_576;
/** URLs whose parts are remembered, because a workflow is called under one URL again and again. */
const TARGETS_MAX = 1_000;
const TIMER_MS_MAX = 2 ** 31 - 1;

interface Target {
  readonly origin: string;
  readonly path: string;
}

interface Origin {
  readonly pool: Pool;
  readonly waiting: Set<Exchange>;
  inFlight: number;
  lastUsedAt: number;
  isPumping: boolean;
}

/**
 * HTTP requests over connections that stay open, a bounded number to each origin. Uses undici's dispatcher, because
 * `fetch` costs several times as much. Follows no redirect, repeats nothing, decodes nothing.
 */
export class SystemFetch {
  readonly #options: SystemFetchOptions;
  readonly #origins = new Map<string, Origin>();
  readonly #targets = new Map<string, Target | string>();
  #sweep: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(options: SystemFetchOptions) {
    this.#options = options;
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
        release: () => {
          origin.inFlight -= 1;
          this.#pump(origin);
        },
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
    await Promise.all(origins.map(({ pool }) => pool.destroy()));
  }

  /** Starts what may start. Undici's own queue stays empty: what waits there cannot be taken back at its deadline. */
  #pump(origin: Origin): void {
    // An exchange that fails while it starts comes back here; the loop below already takes care of the next one.
    if (origin.isPumping) return;
    origin.isPumping = true;
    for (const exchange of origin.waiting) {
      if (origin.inFlight >= this.#options.connectionsPerOrigin) break;
      origin.waiting.delete(exchange);
      origin.inFlight += 1;
      exchange.start(origin.pool);
    }
    origin.isPumping = false;
    origin.lastUsedAt = Date.now();
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
      pool: openPool(name, this.#options.connectionsPerOrigin),
      waiting: new Set(),
      inFlight: 0,
      lastUsedAt: Date.now(),
      isPumping: false,
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
    void origin.pool.destroy();
  }
}

function isIdle(origin: Origin): boolean {
  return origin.inFlight === 0 && origin.waiting.size === 0;
}

function openPool(origin: string, connections: number): Pool {
  return new Pool(origin, {
    connections,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    // The deadline of each request covers head and body; undici's own timers only watch for silence.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: RESPONSE_HEADER_BYTES_MAX,
    // HTTP/2 in Node takes more than twice the time of HTTP/1.1.
    allowH2: false,
  });
}

function parseTarget(url: string): Target | string {
  const parsed = URL.parse(url);
  if (parsed === null) return `the URL ${url} does not parse`;
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return `the URL must start with http:// or https://, got ${parsed.protocol}`;
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return "the URL must not hold credentials; send them as a header";
  }
  return { origin: parsed.origin, path: parsed.pathname + parsed.search };
}

function failed(cause: ErrorCause, message: string): Outcome {
  return { type: "error", cause, message };
}

interface ExchangeOwner {
  /** Called once, with the outcome. */
  settle(outcome: Outcome): void;
  /** Called when the exchange gives up before it was started. */
  leave(): void;
  /** Called once after a start, when the connection is free again or gone. */
  release(): void;
}

/** One request and its response. Lives on after its outcome while a rest of the body is read and thrown away. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: OutgoingRequest;
  readonly #path: string;
  readonly #owner: ExchangeOwner;
  readonly #deadline: NodeJS.Timeout;
  #controller: Dispatcher.DispatchController | null = null;
  #isStarted = false;
  #isSettled = false;
  #isReleased = false;
  #status = 0;
  #headers: Readonly<Record<string, readonly string[]>> = {};
  #chunks: Uint8Array[] = [];
  #bytesRead = 0;

  constructor(request: OutgoingRequest, path: string, owner: ExchangeOwner) {
    this.#request = request;
    this.#path = path;
    this.#owner = owner;
    const timeoutMs = Math.min(request.timeoutMs, TIMER_MS_MAX);
    this.#deadline = setTimeout(() => this.#onDeadline(), timeoutMs);
  }

  start(pool: Pool): void {
    this.#isStarted = true;
    const { method, headers, body } = this.#request;
    pool.dispatch({ path: this.#path, method, headers, body }, this);
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
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    // Early hints and the like; the response is still to come.
    if (status < 200) return;
    this.#status = status;
    this.#headers = toHeaders(headers);
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
    this.#release();
    this.#settle(this.#response(false));
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#release();
    const { cause, message } = toFailure(error);
    this.#fail(cause, message);
  }

  #onDeadline(): void {
    const { timeoutMs } = this.#request;
    if (!this.#isStarted) {
      this.#owner.leave();
      this.#fail("timeout", `no connection became free within ${timeoutMs} ms`);
      return;
    }
    this.#fail("timeout", `no complete response within ${timeoutMs} ms`);
    // Without a controller the connection is still being made; `onRequestStart` will refuse it.
    this.#controller?.abort(new Error("the deadline has passed"));
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

  #release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    clearTimeout(this.#deadline);
    this.#owner.release();
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
