import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { acceptAll, BARRIER } from "../backlog.ts";
import type { ServerLink } from "../server-link.ts";
import { hashOf, MARK_HEADER, statusFor, type Wanted } from "./plan.ts";
import type { Attempt, Report, SinkLedger } from "./sink-ledger.ts";

export interface SinkRoom {
  readonly ledger: SinkLedger;
  readonly link: ServerLink;
  readonly wantedOf: (mark: string) => Wanted | null;
}

const CALLBACK_WORK_MS = 5;

/** All destinations. They outlive the server, and go on with what they were asked for when its connections break. */
export class Sink {
  readonly #room: SinkRoom;
  readonly #healed = new Set<string>();
  readonly #lives = new WeakMap<Socket, number>();
  readonly #listener = createServer(
    // The server keeps connections; one that the sink closes by itself would cost an attempt that nobody sees.
    { keepAliveTimeout: 0 },
    (request, response) => void this.#serve(request, response),
  );
  #url = "";
  #inFlight = 0;
  /** Called when nothing more is to come for a mark. */
  onEnd: (mark: string) => void = () => {};

  constructor(room: SinkRoom) {
    this.#room = room;
  }

  get url(): string {
    return this.#url;
  }

  /** Attempts without an answer so far. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** What failed works from now on. */
  heal(mark: string): void {
    this.#healed.add(mark);
  }

  async start(): Promise<void> {
    this.#listener.on("connection", (socket: Socket) => {
      this.#lives.set(socket, this.#room.link.epoch);
    });
    this.#listener.listen(0, "127.0.0.1");
    await once(this.#listener, "listening");
    const { port } = this.#listener.address() as AddressInfo; // A listening TCP server has one.
    this.#url = `http://127.0.0.1:${port}`;
  }

  acceptAll(): Promise<void> {
    return acceptAll(this.#listener);
  }

  stop(): void {
    this.#listener.close();
    this.#listener.closeAllConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === BARRIER) {
      response.end();
      return;
    }
    this.#inFlight++;
    const attempt = toAttempt(request, this.#lives.get(request.socket) ?? 0);
    this.#room.ledger.add(attempt);
    let isBroken = false;
    response.on("error", () => {});
    response.on("close", () => {
      isBroken = true;
    });
    try {
      const body = await readBody(request);
      attempt.bodyHash = hashOf(body);
      const { status, workMs } = this.#judge(attempt, body);
      await new Promise((resolve) => setTimeout(resolve, workMs));
      if (!isBroken) this.#answer(attempt, status, response);
    } catch {
      response.destroy(); // The body broke off: the attempt stands in the ledger without its end.
    } finally {
      attempt.doneAt = Date.now();
      this.#inFlight--;
    }
  }

  #judge(attempt: Attempt, body: Uint8Array): { readonly status: number; readonly workMs: number } {
    const { mark, retried, retries } = attempt;
    if (attempt.path === "/callback" || attempt.path === "/failure") {
      attempt.report = readReport(body);
      const isFlaky = attempt.messageId.charCodeAt(attempt.messageId.length - 1) % 4 === 0;
      const status = isFlaky && retried === 0 && retries > 0 ? 500 : 200;
      return { status, workMs: CALLBACK_WORK_MS };
    }
    const wanted = this.#room.wantedOf(mark);
    if (wanted === null) return { status: 200, workMs: 0 };
    return {
      status: statusFor(wanted, retried, this.#healed.has(mark)),
      workMs: wanted.workMs,
    };
  }

  #answer(attempt: Attempt, status: number, response: ServerResponse): void {
    const { mark, retried, retries } = attempt;
    const body = `${mark} ${retried}`;
    // Before the answer leaves: the server cannot know of the end any earlier.
    attempt.answer = { status, body, at: Date.now() };
    const headers = status === 489 ? { "upstash-nonretryable-error": "true" } : {};
    response.writeHead(status, headers).end(body);
    if (attempt.report === null && (status !== 500 || retried >= retries)) this.onEnd(mark);
  }
}

function toAttempt(request: IncomingMessage, life: number): Attempt {
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : null;
  };
  return {
    messageId: header("upstash-message-id") ?? "",
    mark: header(MARK_HEADER) ?? "",
    path: request.url ?? "",
    retried: Number(header("upstash-retried")),
    retries: Number(header("upstash-retries")),
    scheduleId: header("upstash-schedule-id"),
    life,
    arrivedAt: Date.now(),
    bodyHash: null,
    report: null,
    answer: null,
    doneAt: null,
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function readReport(body: Uint8Array): Report {
  const text = new TextDecoder().decode(body);
  const report = JSON.parse(text) as Readonly<Record<string, unknown>>; // A report is an object.
  return {
    sourceMessageId: String(report.sourceMessageId),
    retried: Number(report.retried ?? 0),
    status: Number(report.status),
    body: Buffer.from(String(report.body), "base64").toString("utf8"),
    dlqId: report.dlqId === undefined ? null : String(report.dlqId),
  };
}
