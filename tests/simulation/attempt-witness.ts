import { messageKey } from "@reprise/protocol";
import type { Outcome } from "@reprise/server";
import type { EventList } from "./event-list.ts";
import type { Attempt, Fact } from "./facts.ts";
import type { Mirror } from "./mirror.ts";
import type { Trace } from "./trace.ts";

/** A delivery as it leaves the server, by whatever way. */
export interface Sent {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string;
  /** Which process of the server makes it. */
  readonly generation: number;
  /** Asked as soon as the delivery is out: gives the message that its outcome is about, whenever that is asked. */
  readonly speaksFor: (messageKey: number) => (() => number) | null;
  /** A process that has died hears of no end. */
  readonly isAlive: () => boolean;
}

export interface WitnessParts {
  readonly events: EventList;
  readonly trace: Trace;
  readonly mirror: Mirror;
  readonly tell: (fact: Fact) => void;
}

/** Tells of the attempts that leave the server, and how they end. */
export class AttemptWitness {
  readonly #parts: WitnessParts;
  #count = 0;
  /** Attempts whose part nobody could continue, by process of the server, message and lease. */
  readonly #unheld = new Set<string>();

  constructor(parts: WitnessParts) {
    this.#parts = parts;
  }

  begin(sent: Sent): { readonly attempt: Attempt; readonly end: (outcome: Outcome) => void } {
    const { events, trace, tell } = this.#parts;
    const attempt = this.#toAttempt(sent);
    const { messageKey: key, number, message, run } = attempt;
    trace.add(
      events.now,
      `@${number} > ${message?.kind} ${key} ${run?.id}`,
      JSON.stringify(sent.headers) + attempt.body,
    );
    tell({ kind: "attempt", attempt });
    let speaksFor = () => key;
    // The server takes note of it once the request is out.
    queueMicrotask(() => {
      speaksFor = sent.speaksFor(key) ?? speaksFor;
    });
    const end = (outcome: Outcome) => {
      trace.add(events.now, `@${number} < ${outcomeText(outcome)}`);
      const heldKey = speaksFor();
      if (heldKey === key || sent.isAlive()) this.#tellEnd(attempt, heldKey, outcome);
    };
    return { attempt, end };
  }

  #toAttempt({ url, method, headers, body, generation }: Sent): Attempt {
    const { events, mirror } = this.#parts;
    this.#count += 1;
    const key = messageKey(headers["upstash-message-id"] ?? "") ?? 0;
    const message = mirror.get("messages", key);
    const offer = headers["reprise-delivery"] ?? "";
    const hold = /\bhold=(\d+)/.exec(offer)?.[1] ?? null;
    const from = /\bfrom=(\d+)/.exec(offer)?.[1];
    return {
      number: this.#count,
      messageKey: key,
      message,
      run: message?.runKey == null ? null : mirror.get("runs", message.runKey),
      url,
      method,
      headers,
      body: typeof body === "string" ? body : new TextDecoder().decode(body),
      startedAt: events.now,
      hold,
      part:
        from === undefined
          ? null
          : { from: Number(from), warm: /\bwarm=([\w-]+)/.exec(offer)?.[1] ?? "" },
      isAgain: this.#unheld.delete(`${generation} ${key} ${hold}`),
      generation,
    };
  }

  #tellEnd(attempt: Attempt, speaksFor: number, outcome: Outcome): void {
    const { tell, mirror } = this.#parts;
    if (speaksFor === attempt.messageKey) {
      if (attempt.part !== null && needsWhole(outcome)) {
        this.#unheld.add(`${attempt.generation} ${attempt.messageKey} ${attempt.hold}`);
        tell({ kind: "needsWhole", attempt, outcome });
      } else tell({ kind: "outcome", attempt, outcome });
      return;
    }
    const message = mirror.get("messages", speaksFor);
    const headers = { ...attempt.headers, "upstash-retried": "0" };
    const held: Attempt = { ...attempt, messageKey: speaksFor, message, headers };
    tell({ kind: "wentOn", attempt: held });
    tell({ kind: "outcome", attempt: held, outcome });
  }
}

/** The process does not hold what the part continues, or somebody answers who knows nothing of parts. */
function needsWhole(outcome: Outcome): boolean {
  if (outcome.type !== "response") return false;
  const answer = outcome.headers["reprise-answer"]?.[0];
  return answer === undefined || answer.includes("need=history");
}

function outcomeText(outcome: Outcome): string {
  return outcome.type === "response" ? String(outcome.status) : outcome.cause;
}
