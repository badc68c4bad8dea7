import type { Outcome, OutgoingRequest } from "@reprise/server";
import { HOOK_HOST, TICKET_HEADER } from "./wanted.ts";

/** One request that a destination received, as the destination wrote it down. */
export interface Attempt {
  readonly number: number;
  readonly messageId: string;
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** `Upstash-Retried`. */
  readonly retried: number;
  readonly startedAt: number;
  /** Which process of the server makes it. */
  readonly generation: number;
  /** Null while it goes on, and when its process died in the middle of it. */
  outcome: Outcome | null;
  endedAt: number | null;
  isCut: boolean;
  /** Until when the destination works on it at most, also when nobody waits for its answer any more. */
  worksUntil: number;
  /** Key of the node that made it; null for a server that is alone. */
  readonly nodeKey: number | null;
}

/** All that destinations know of one message. */
export interface Story {
  readonly messageId: string;
  /** Null for callbacks. */
  readonly ticket: string | null;
  /** Null for messages that are no callback. */
  readonly report: Report | null;
  readonly attempts: Attempt[];
}

/** What a callback says about its source. */
export interface Report {
  readonly sourceMessageId: string;
  readonly retried: number;
  readonly status: number;
  readonly dlqId: string | null;
}

/** The destinations' own record of everything that reached them. */
export class SinkLedger {
  readonly #stories = new Map<string, Story>();
  readonly #open = new Set<Attempt>();
  readonly #cut: Attempt[] = [];
  #count = 0;

  begin(
    request: OutgoingRequest,
    { generation, nodeKey }: Pick<Attempt, "generation" | "nodeKey">,
    startedAt: number,
  ): Attempt {
    this.#count += 1;
    const { url, method, headers } = request;
    const attempt: Attempt = {
      number: this.#count,
      messageId: headers["upstash-message-id"] ?? "",
      url,
      method,
      headers,
      body:
        typeof request.body === "string" ? request.body : new TextDecoder().decode(request.body),
      retried: Number(headers["upstash-retried"]),
      startedAt,
      generation,
      outcome: null,
      endedAt: null,
      isCut: false,
      worksUntil: startedAt + request.timeoutMs,
      nodeKey,
    };
    this.#open.add(attempt);
    const story = this.#stories.get(attempt.messageId) ?? toStory(attempt);
    this.#stories.set(attempt.messageId, story);
    story.attempts.push(attempt);
    return attempt;
  }

  end(attempt: Attempt, outcome: Outcome, endedAt: number): void {
    attempt.outcome = outcome;
    attempt.endedAt = endedAt;
    this.#open.delete(attempt);
  }

  /** Attempts that a destination may be working on: open ones, and those whose process has died meanwhile. */
  underWay(now: number): readonly Attempt[] {
    const cut = this.#cut.filter(({ worksUntil }) => worksUntil > now);
    return [...this.open, ...cut];
  }

  /** A server's process has died, and with it its connections. */
  cutAll(generation: number, endedAt: number): void {
    for (const attempt of this.#open) {
      if (attempt.generation !== generation) continue;
      attempt.isCut = true;
      attempt.endedAt = endedAt;
      this.#open.delete(attempt);
      this.#cut.push(attempt);
    }
  }

  get stories(): readonly Story[] {
    return Array.from(this.#stories.values());
  }

  story(messageId: string): Story | null {
    return this.#stories.get(messageId) ?? null;
  }

  /** Attempts whose connection is open now. */
  get open(): readonly Attempt[] {
    return Array.from(this.#open);
  }
}

function toStory(attempt: Attempt): Story {
  const isCallback = new URL(attempt.url).hostname === HOOK_HOST;
  return {
    messageId: attempt.messageId,
    ticket: attempt.headers[TICKET_HEADER] ?? null,
    report: isCallback ? readReport(attempt.body) : null,
    attempts: [],
  };
}

function readReport(body: string): Report {
  const { sourceMessageId, retried, status, dlqId } = JSON.parse(body) as Record<string, unknown>; // A report is an object.
  return {
    sourceMessageId: String(sourceMessageId),
    retried: Number(retried ?? 0),
    status: Number(status),
    dlqId: dlqId === undefined ? null : String(dlqId),
  };
}

export function isSuccess(outcome: Outcome): boolean {
  return outcome.type === "response" && outcome.status >= 200 && outcome.status < 300;
}

/** Whether nothing can follow this outcome. */
export function isFinal(outcome: Outcome, retried: number, retries: number): boolean {
  if (isSuccess(outcome) || retried >= retries) return true;
  return (
    outcome.type === "response" &&
    outcome.headers["upstash-nonretryable-error"]?.[0]?.toLowerCase() === "true"
  );
}
