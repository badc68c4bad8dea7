import { connect, type Socket } from "node:net";

/** One answer of the server, as it was read from the connection. */
export interface Reply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly durationMs: number;
}

/** What came instead of an answer. */
export interface Silence {
  readonly status: null;
  readonly fault: string;
  readonly durationMs: number;
}

/** Only what never comes takes so long: a machine with other work takes many times as long as one without. */
export const ANSWER_MS_MAX = 60_000;

/** A connection that is kept alive: one request after the other, each as the bytes that it is given. */
export class WireClient {
  readonly #port: number;
  #socket: Socket | null = null;
  #received = Buffer.alloc(0);
  #isEnded = false;
  #onChange: (() => void) | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  /** Sends the bytes and reads one answer. */
  async send(bytes: Buffer, method: string): Promise<Reply | Silence> {
    const startedAt = performance.now();
    const socket = this.#open();
    socket.write(bytes);
    for (;;) {
      const durationMs = performance.now() - startedAt;
      const answer = takeAnswer(this.#received, method === "HEAD", this.#isEnded);
      if (answer !== null) {
        this.#received = this.#received.subarray(answer.length);
        if (answer.isLast || this.#isEnded) this.close();
        return { ...answer.reply, durationMs };
      }
      if (this.#isEnded) {
        this.close();
        return { status: null, fault: "the connection ended without an answer", durationMs };
      }
      if (durationMs > ANSWER_MS_MAX) {
        this.close();
        return { status: null, fault: `no answer within ${ANSWER_MS_MAX} ms`, durationMs };
      }
      await this.#change(ANSWER_MS_MAX - durationMs + 1);
    }
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    if (this.#socket !== null && !this.#isEnded) return this.#socket;
    const socket = connect(this.#port, "127.0.0.1").setNoDelay(true);
    this.#received = Buffer.alloc(0);
    this.#isEnded = false;
    const end = (): void => {
      if (this.#socket !== socket) return;
      this.#isEnded = true;
      this.#onChange?.();
    };
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#onChange?.();
    });
    socket.on("end", end);
    socket.on("error", end);
    socket.on("close", end);
    this.#socket = socket;
    return socket;
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, timeoutMs);
      const self = this;
      function done(): void {
        clearTimeout(timer);
        self.#onChange = null;
        resolve();
      }
      this.#onChange = done;
    });
  }
}

export interface Answer {
  readonly reply: Omit<Reply, "durationMs">;
  /** Bytes that it took. */
  readonly length: number;
  /** The server says that it closes the connection. */
  readonly isLast: boolean;
}

/** The first complete answer in `received`, interim ones skipped; null when there is none yet. */
export function takeAnswer(received: Buffer, isHead: boolean, isEnded: boolean): Answer | null {
  const end = received.indexOf("\r\n\r\n");
  if (end === -1) return null;
  const [first = "", ...lines] = received.toString("latin1", 0, end).split("\r\n");
  const status = Number(first.split(" ")[1]);
  const start = end + 4;
  if (status >= 100 && status < 200) {
    const next = takeAnswer(received.subarray(start), isHead, isEnded);
    return next === null ? null : { ...next, length: next.length + start };
  }
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const hasNone = isHead || status === 204 || status === 304;
  const body = hasNone ? EMPTY : takeBody(received.subarray(start), headers, isEnded);
  if (body === null) return null;
  const isLast = headers.get("connection") === "close";
  const reply = { status, headers, body: body.content.toString("utf8") };
  return { reply, length: start + body.length, isLast };
}

interface Content {
  readonly content: Buffer;
  readonly length: number;
}

const EMPTY: Content = { content: Buffer.alloc(0), length: 0 };

function takeBody(
  rest: Buffer,
  headers: ReadonlyMap<string, string>,
  isEnded: boolean,
): Content | null {
  const announced = headers.get("content-length");
  if (announced !== undefined) {
    const length = Number(announced);
    return rest.byteLength < length ? null : { content: rest.subarray(0, length), length };
  }
  if (headers.get("transfer-encoding") === "chunked") return takeChunks(rest);
  return isEnded ? { content: rest, length: rest.byteLength } : null;
}

function takeChunks(rest: Buffer): Content | null {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const line = rest.indexOf("\r\n", at);
    if (line === -1) return null;
    const size = Number.parseInt(rest.toString("latin1", at, line), 16);
    const start = line + 2;
    if (!(size >= 0) || rest.byteLength < start + size + 2) return null;
    if (size === 0) return { content: Buffer.concat(chunks), length: start + 2 };
    chunks.push(rest.subarray(start, start + size));
    at = start + size + 2;
  }
}
