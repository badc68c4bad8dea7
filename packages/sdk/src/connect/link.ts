import { QstashError } from "../errors.ts";
import type { Answer } from "../workflow/answer.ts";
import type { Receipt } from "../workflow/carrier.ts";
import { bodyOf, endText, readFrame, type ServerMessage, submitText } from "./frames.ts";
import type { IncomingDelivery } from "./routes.ts";
import type { WebSocketLike } from "./web-socket.ts";

/** What a link needs of whoever keeps it. */
export interface LinkOwner {
  /** Says who the app is. */
  readonly hello: () => object;
  readonly handle: (delivery: IncomingDelivery) => Promise<Answer>;
  readonly onWelcome: () => void;
  /** The server stops, or wants to be rid of the connection. */
  readonly onDrain: () => void;
  /** The link has been retired, and no delivery is under way or can come any more. */
  readonly onDone: () => void;
  /** Called once. The error is what the server said, or what went wrong. */
  readonly onClose: (error: QstashError | null) => void;
}

interface Underway {
  /** Those who wait for acknowledgements, in order. */
  readonly waiting: Waiting[];
}

interface Waiting {
  readonly lines: readonly string[];
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: QstashError) => void;
  tries: number;
}

/** Silence after which the server is asked for a sign of life; after three times as long it is taken for dead. */
const SILENCE_MS = 10_000;

/** How often a submission that the server could not take is made again, and the first pause; each further one is twice as long. */
const TRIES_MAX = 6;
const PAUSE_MS = 100;

/** The number of the ping behind which nothing comes. */
const LAST_PING = 2;

/** Frames are about so long at most, but for single messages that are longer. */
const FRAME_CHARS_MAX = 512 * 1024;

/** One socket, from its opening to its end. */
export class Link {
  readonly #socket: WebSocketLike;
  readonly #owner: LinkOwner;
  readonly #underway = new Map<number, Underway>();
  readonly #pulse: ReturnType<typeof setInterval>;
  readonly #pauses = new Set<ReturnType<typeof setTimeout>>();
  #heardAt = Date.now();
  #isOpen = false;
  #isRetired = false;
  #isClosed = false;
  #error: QstashError | null = null;
  #outbox: string[] = [];
  #outboxChars = 0;

  constructor(socket: WebSocketLike, owner: LinkOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.addEventListener("open", () => {
      this.#isOpen = true;
      this.#send(JSON.stringify({ hello: owner.hello() }));
    });
    socket.addEventListener("message", ({ data }) => this.#hear(String(data)));
    socket.addEventListener("error", () => {});
    socket.addEventListener("close", ({ code, reason }) => {
      this.#end(this.#error ?? closeError(code, reason, this.#isOpen));
    });
    this.#pulse = setInterval(() => this.#feelPulse(), SILENCE_MS);
  }

  /** Asks for nothing more. Deliveries that are on their way already come before the answer, and are done. */
  retire(): void {
    this.#send('{"parallelism":0}');
    this.#send(`{"ping":${LAST_PING}}`);
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  close(): void {
    this.#flush();
    this.#socket.close(1000, "");
    this.#end(null);
  }

  #hear(frame: string): void {
    if (this.#isClosed) return;
    this.#heardAt = Date.now();
    try {
      readFrame(frame, (message, body) => this.#take(message, body));
    } catch (cause) {
      this.#fail(new QstashError("the server has sent something unreadable", undefined, { cause }));
    }
  }

  #fail(error: QstashError): void {
    this.#socket.close();
    this.#end(error);
  }

  #take(message: ServerMessage, body: string): void {
    const { deliver, ack, abort, error, pong } = message;
    if (ack !== undefined) this.#acknowledge(ack, message);
    else if (deliver !== undefined) void this.#deliver(deliver, message, body);
    else if (abort !== undefined) this.#forget(abort);
    else if (message.welcome !== undefined) this.#owner.onWelcome();
    else if (message.drain === true) this.#owner.onDrain();
    else if (pong === LAST_PING) {
      this.#isRetired = true;
      this.#checkDone();
    } else if (typeof error === "object") {
      this.#error = new QstashError(JSON.stringify({ error: error.message, code: error.code }));
    }
  }

  async #deliver(id: number, message: ServerMessage, body: string): Promise<void> {
    const delivery: Underway = { waiting: [] };
    this.#underway.set(id, delivery);
    const answer = await this.#owner.handle({
      method: message.method ?? "POST",
      path: message.path ?? "/",
      headers: message.headers ?? {},
      body: bodyOf(message, body),
      socket: { submit: (lines) => this.#submit(id, delivery, lines) },
    });
    // Nobody waits for the answer to a delivery that was taken back, or whose connection is gone.
    if (this.#underway.get(id) !== delivery) return;
    this.#send(endText(id, answer));
    this.#forget(id);
  }

  #forget(id: number): void {
    if (this.#underway.delete(id)) this.#checkDone();
  }

  #checkDone(): void {
    if (this.#isRetired && this.#underway.size === 0) this.#owner.onDone();
  }

  /** Never settles when the delivery is taken back or the connection is lost: the run goes on elsewhere, from what is recorded. */
  #submit(id: number, delivery: Underway, lines: readonly string[]): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      if (this.#underway.get(id) !== delivery) return;
      delivery.waiting.push({ lines, resolve, reject, tries: 1 });
      this.#send(submitText(id, lines));
    });
  }

  #acknowledge(id: number, message: ServerMessage): void {
    const delivery = this.#underway.get(id);
    const waiting = delivery?.waiting.shift();
    if (delivery === undefined || waiting === undefined) return;
    const { status, error, retries = null } = message;
    if (status === undefined) {
      waiting.resolve(message.stop === true ? { type: "done" } : { type: "held", retries });
      return;
    }
    const isPassing = status === 429 || status >= 500;
    if (isPassing && waiting.tries < TRIES_MAX) this.#submitLater(id, delivery, waiting);
    else waiting.reject(new QstashError(typeof error === "string" ? error : "refused", status));
  }

  #submitLater(id: number, delivery: Underway, waiting: Waiting): void {
    const pause = setTimeout(
      () => {
        this.#pauses.delete(pause);
        if (this.#underway.get(id) !== delivery) return;
        waiting.tries++;
        delivery.waiting.push(waiting);
        this.#send(submitText(id, waiting.lines));
      },
      PAUSE_MS * 2 ** (waiting.tries - 1),
    );
    this.#pauses.add(pause);
  }

  /** A network that drops packets tells nobody. */
  #feelPulse(): void {
    const silentMs = Date.now() - this.#heardAt;
    if (silentMs >= 3 * SILENCE_MS) {
      this.#fail(new QstashError(`the server was silent for ${Math.round(silentMs / 1000)} s`));
    } else if (silentMs >= SILENCE_MS / 2) this.#send('{"ping":1}');
  }

  /** What arises in one turn goes out together. */
  #send(text: string): void {
    if (!this.#isOpen || this.#isClosed) return;
    if (this.#outbox.length === 0) atEndOfTurn(() => this.#flush());
    this.#outbox.push(text);
    this.#outboxChars += text.length;
    if (this.#outboxChars > FRAME_CHARS_MAX) this.#flush();
  }

  #flush(): void {
    if (this.#outbox.length === 0 || this.#isClosed) return;
    const frame = this.#outbox.join("\n");
    this.#outbox = [];
    this.#outboxChars = 0;
    this.#socket.send(frame);
  }

  #end(error: QstashError | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#pulse);
    for (const pause of this.#pauses) clearTimeout(pause);
    this.#underway.clear();
    this.#owner.onClose(error);
  }
}

interface Immediate {
  readonly setImmediate?: (callback: () => void) => unknown;
}

/** Functions that go on in one turn of the event loop have microtasks each; a microtask would send a frame for each of them. */
function atEndOfTurn(work: () => void): void {
  // A global of Node and its likes, which the Web's types do not know.
  const { setImmediate } = globalThis as Immediate;
  if (setImmediate === undefined) queueMicrotask(work);
  else setImmediate(work);
}

function closeError(code: number, reason: string, wasOpen: boolean): QstashError {
  if (!wasOpen) return new QstashError("the server cannot be reached, or takes no connections");
  return new QstashError(
    `the connection was closed (${code}${reason === "" ? "" : `, ${reason}`})`,
  );
}
