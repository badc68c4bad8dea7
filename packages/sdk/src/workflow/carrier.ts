import { QstashError } from "../errors.ts";
import { HEADER } from "../wire/headers.ts";
import type { Http } from "../wire/http.ts";
import { type Item, type RunFacts, recordItem, type Submission, toLines } from "./submission.ts";

/** Ways in which what a run submits reaches the server. */
export interface Carrier {
  /** Resolves once the submission is durable, or part of the answer to the delivery. @throws QstashError when it is refused. */
  submit(submission: Submission): Promise<Receipt>;
  /** What the answer to the delivery has to bring along; null when the delivery is answered as on the public wire. */
  readonly lines: readonly string[] | null;
  /** The message that this invocation holds, and its lease, where others may be under way for the same delivery. */
  readonly holds?: string;
}

/** `held`: the record is durable, and this invocation goes on. `done`: whatever is next comes with another delivery. */
export type Receipt =
  | { readonly type: "held"; readonly retries: number | null }
  | { readonly type: "done" };

const DONE: Receipt = { type: "done" };

/** The public wire: a request of the app's own for each submission. */
export class ClassicCarrier implements Carrier {
  readonly lines = null;
  readonly #http: Http;
  readonly #run: RunFacts;

  constructor(http: Http, run: RunFacts) {
    this.#http = http;
    this.#run = run;
  }

  async submit(submission: Submission): Promise<Receipt> {
    switch (submission.type) {
      case "records":
        await this.#batch(submission.records.map((record) => recordItem(this.#run, record)));
        break;
      case "call":
        await this.#batch([submission.item]);
        break;
      case "wait":
        await this.#post(["v2", "wait", submission.eventId], submission.request);
        break;
      case "invoke":
        await this.#post(["v2", "publish", submission.destination], submission.request);
        break;
      case "finish":
        await this.#end("false", submission.response);
        break;
      case "cancel":
        await this.#end("true", undefined);
        break;
    }
    return DONE;
  }

  async #batch(items: readonly Item[]): Promise<void> {
    const headers = { [HEADER.contentType]: "application/json" };
    const body = JSON.stringify(items);
    await this.#http.json({ method: "POST", path: ["v2", "batch"], headers, body });
  }

  async #post(
    path: readonly string[],
    {
      headers,
      body,
    }: { readonly headers: Readonly<Record<string, string>>; readonly body: object },
  ): Promise<void> {
    await this.#http.send({ method: "POST", path, headers, body: JSON.stringify(body) });
  }

  async #end(cancel: string, body: string | undefined): Promise<void> {
    const path = ["v2", "workflows", "runs", this.#run.runId];
    await this.#http.send({ method: "DELETE", path, query: { cancel }, body });
  }
}

/** The answer to the delivery carries what the app submits: no request of its own. */
export class AnswerCarrier implements Carrier {
  readonly lines: string[] = [];

  async submit(submission: Submission): Promise<Receipt> {
    this.lines.push(...toLines(submission));
    return DONE;
  }
}

/** What an app on its way knows about the message that it holds. */
interface Hold {
  readonly messageId: string;
  readonly hold: string;
}

export interface ContinueOptions {
  readonly http: Http;
  readonly run: RunFacts;
  readonly hold: Hold;
  /** Whether there is time left to go on. */
  readonly mayGoOn: () => boolean;
}

/** A request for each result, with which the invocation goes on; whatever ends the invocation is in its answer. */
export class ContinueCarrier implements Carrier {
  readonly lines: string[] = [];
  readonly #options: ContinueOptions;
  #hold: Hold;

  constructor(options: ContinueOptions) {
    this.#options = options;
    this.#hold = options.hold;
  }

  get holds(): string {
    return `${this.#hold.messageId}.${this.#hold.hold}`;
  }

  async submit(submission: Submission): Promise<Receipt> {
    if (!canGoOn(submission) || !this.#options.mayGoOn()) {
      this.lines.push(...toLines(submission));
      return DONE;
    }
    const { http, run } = this.#options;
    const answer = await http.json<ContinueAnswer>({
      method: "POST",
      path: ["v2", "workflows", "runs", run.runId, "steps"],
      headers: {
        [HEADER.contentType]: "application/x-ndjson",
        [HEADER.messageId]: this.#hold.messageId,
        [HEADER.hold]: this.#hold.hold,
      },
      body: toLines(submission).join("\n"),
    });
    if (answer.stop === true || answer.messageId === undefined) return DONE;
    this.#hold = { messageId: answer.messageId, hold: String(answer.hold) };
    return { type: "held", retries: answer.retries ?? null };
  }
}

interface ContinueAnswer {
  readonly stop?: boolean;
  readonly messageId?: string;
  readonly hold?: number;
  readonly retries?: number;
}

/** Results that the app has made itself: everything else is followed by a delivery of its own. */
export function canGoOn(submission: Submission): boolean {
  if (submission.type !== "records") return false;
  const { records } = submission;
  const isDelayed = records.some(
    ({ sleepFor, sleepUntil }) => sleepFor !== undefined || sleepUntil !== undefined,
  );
  if (isDelayed) return false;
  const results = records.filter(({ stepId }) => stepId !== 0);
  const [first] = records;
  if (first === undefined) return false;
  // A result by itself, or a whole group; one branch of a group is followed by whoever comes last.
  return first.concurrent === 1 || results.length === first.concurrent;
}

/** What the connection of an app offers: submissions go up, acknowledgements come down. */
export interface Socket {
  /** Resolves with the acknowledgement, after the commit. @throws QstashError when the server refuses. */
  submit(lines: readonly string[]): Promise<Receipt>;
}

export class SocketCarrier implements Carrier {
  readonly lines: string[] = [];
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  async submit(submission: Submission): Promise<Receipt> {
    const lines = toLines(submission);
    if (canGoOn(submission)) return this.#socket.submit(lines);
    this.lines.push(...lines);
    return DONE;
  }
}

/** Whether the server says that the run has ended: nothing that is submitted counts any more. */
export function isRunEnded(error: unknown): boolean {
  return error instanceof QstashError && error.status === 400;
}

/** Whether the server says that this submission can never be accepted. */
export function isRefused(error: unknown): boolean {
  return error instanceof QstashError && error.status === 412;
}
