import { RepriseError } from "@reprise/protocol";
import type { Answers, Command } from "../core/commands.ts";

export type AnyAnswer = Answers[Command["type"]];

/** Commands that stand or fall together. */
export interface Request {
  readonly commands: readonly Command[];
  /** Nobody waits for it, so it starts no transaction of its own, and it is tried again when the store refuses. */
  readonly isQuiet: boolean;
  /** Of a quiet one: a refusal is dealt with all the same. */
  readonly hasAnswerer?: true;
  readonly resolve: (answers: readonly AnyAnswer[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface InboxLimits {
  readonly groupRequestsMax: number;
  readonly groupBytesMax: number;
  readonly inboxRequestsMax: number;
}

/** Requests that wait for the next transaction, in order of arrival. */
export class Inbox {
  readonly #limits: InboxLimits;
  #requests: Request[] = [];

  constructor(limits: InboxLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#requests.length;
  }

  /** @throws RepriseError `storage_unavailable` when more requests wait than the server can hold. */
  add(commands: readonly Command[], onAdded: () => void): Promise<readonly AnyAnswer[]> {
    if (this.#requests.length >= this.#limits.inboxRequestsMax) {
      return Promise.reject(
        new RepriseError("storage_unavailable", {
          message: `${this.#requests.length} requests wait for the storage; try again`,
        }),
      );
    }
    return new Promise((resolve, reject) => {
      this.#requests.push({ commands, isQuiet: false, resolve, reject });
      onAdded();
    });
  }

  addQuiet(commands: readonly Command[]): void {
    this.#requests.push({ commands, isQuiet: true, resolve: ignore, reject: ignore });
  }

  /** As above, of what an app submits with an answer: `onRefused` hears why nothing of it has been accepted. */
  addAnswer(commands: readonly Command[], onRefused: (error: unknown) => void): void {
    const request = { commands, isQuiet: true, hasAnswerer: true } as const;
    this.#requests.push({ ...request, resolve: ignore, reject: onRefused });
  }

  /** Puts requests that were taken back in front, in their order. */
  putBack(requests: readonly Request[]): void {
    this.#requests = [...requests, ...this.#requests];
  }

  /** Takes everything that waits, however much it is. */
  clear(): readonly Request[] {
    return this.#requests.splice(0);
  }

  /** The next group, bounded by count and bytes; at least one request. */
  take(): readonly Request[] {
    const { groupRequestsMax, groupBytesMax } = this.#limits;
    let bytes = 0;
    let count = 0;
    for (const request of this.#requests) {
      bytes += bytesOf(request);
      if (count > 0 && (count >= groupRequestsMax || bytes > groupBytesMax)) break;
      count++;
    }
    const taken = this.#requests.slice(0, count);
    this.#requests = this.#requests.slice(count);
    return taken;
  }
}

function bytesOf({ commands }: Request): number {
  let bytes = 0;
  for (const command of commands) {
    if ("body" in command) bytes += command.body.byteLength;
    else if (command.type === "startRun") bytes += command.payload.byteLength;
    else if (command.type === "endDelivery" && command.outcome.type === "response")
      bytes += command.outcome.body.byteLength;
  }
  return bytes;
}

function ignore(): void {
  // Nobody waits for a quiet request.
}
