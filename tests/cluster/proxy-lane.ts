import type { Socket } from "node:net";

/** What holds for all connections of a proxy in one direction. */
export interface LaneRules {
  latencyMs: number;
  /** Resolves when bytes may pass; null while nothing holds them. */
  held: Promise<void> | null;
}

const QUEUED_BYTES_MAX = 4 * 1024 * 1024;

interface Queued {
  readonly at: number;
  /** Null: the sender has ended. */
  readonly chunk: Buffer | null;
}

/** One direction of one connection: keeps the order, and lets bytes pass as the rules say when it is their turn. */
export class Lane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #rules: LaneRules;
  readonly #queue: Queued[] = [];
  #queuedBytes = 0;
  #isRunning = false;

  constructor(from: Socket, to: Socket, rules: LaneRules) {
    this.#from = from;
    this.#to = to;
    this.#rules = rules;
  }

  push(chunk: Buffer | null): void {
    this.#queue.push({ at: performance.now(), chunk });
    this.#queuedBytes += chunk?.length ?? 0;
    if (this.#queuedBytes > QUEUED_BYTES_MAX) this.#from.pause();
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      while (this.#rules.held !== null) await this.#rules.held;
      const restMs = next.at + this.#rules.latencyMs - performance.now();
      if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs));
      // What was held meanwhile waits here too.
      if (this.#rules.held !== null) continue;
      this.#queue.shift();
      this.#pass(next.chunk);
    }
    this.#isRunning = false;
  }

  #pass(chunk: Buffer | null): void {
    if (this.#to.destroyed) return;
    if (chunk === null) {
      this.#to.end();
      return;
    }
    this.#queuedBytes -= chunk.length;
    this.#to.write(chunk);
    if (this.#from.isPaused() && this.#queuedBytes <= QUEUED_BYTES_MAX) this.#from.resume();
  }
}
