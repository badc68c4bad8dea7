import fc from "fast-check";
import { countWritten } from "../conformance/snapshot.ts";
import { encodeRequest } from "./encode.ts";
import { Finds } from "./finds.ts";
import { type FuzzRequest, fuzzRequest } from "./grammar.ts";
import { judge } from "./judge.ts";
import type { Target } from "./target.ts";
import { type Reply, type Silence, WireClient } from "./wire-client.ts";

export interface FuzzOptions {
  readonly requests: number;
  readonly seed: number;
  readonly connections: number;
  /** Compares what was written before and after each refused request; wants one connection and a target that delivers nothing. */
  readonly isCountingWrites: boolean;
}

export interface FuzzReport {
  readonly requests: number;
  /** How often each status was answered. */
  readonly statuses: ReadonlyMap<number, number>;
  /** What was wrong, with the bytes that led to it. */
  readonly faults: readonly string[];
  /** Refused requests whose writes were compared. */
  readonly compared: number;
  readonly slowestMs: number;
}

/** An answer that takes longer is asked for again, since the machine may have been busy; when none is faster, it is the request. */
const SLOW_MS = 1_000;
const ASKED_AGAIN_MAX = 3;
const CHUNK = 500;
const FAULTS_MAX = 20;

/** Sends requests of the grammar over several connections at once and judges every answer. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(target, options);
  await run.finish();
  return run.report();
}

const COMPARISONS_MAX = 5;

interface Refused {
  readonly request: FuzzRequest;
  readonly bytes: Buffer;
  /** Before it was sent. */
  readonly rowsWritten: number;
}

class FuzzRun {
  readonly #target: Target;
  readonly #options: FuzzOptions;
  readonly #finds = new Finds();
  readonly #statuses = new Map<number, number>();
  readonly #faults: string[] = [];
  #requests = 0;
  #compared = 0;
  #slowestMs = 0;

  constructor(target: Target, options: FuzzOptions) {
    this.#target = target;
    this.#options = options;
  }

  report(): FuzzReport {
    return {
      requests: this.#requests,
      statuses: this.#statuses,
      faults: [...this.#faults, ...this.#target.faults],
      compared: this.#compared,
      slowestMs: this.#slowestMs,
    };
  }

  async finish(): Promise<void> {
    const { requests, seed, connections } = this.#options;
    const clients = Array.from(
      { length: connections },
      () => new WireClient(this.#target.server.port),
    );
    for (let chunk = 0; chunk * CHUNK < requests; chunk += 1) {
      const numRuns = Math.min(CHUNK, requests - chunk * CHUNK);
      const queue = fc.sample(fuzzRequest, { numRuns, seed: seed + chunk });
      await Promise.all(clients.map((client) => this.#work(client, queue)));
      if (this.#faults.length >= FAULTS_MAX) break;
    }
    for (const client of clients) client.close();
  }

  async #work(client: WireClient, queue: FuzzRequest[]): Promise<void> {
    for (let request = queue.pop(); request !== undefined; request = queue.pop()) {
      await this.#try(client, request);
    }
  }

  async #try(client: WireClient, request: FuzzRequest): Promise<void> {
    const bytes = encodeRequest(request, {
      token: this.#target.server.token,
      port: this.#target.server.port,
      sinkUrl: this.#target.sinkUrl,
      finds: this.#finds,
    });
    const rowsWritten = await countWritten(this.#target.store);
    const reply = await client.send(bytes, request.method);
    this.#count(reply);
    const fault =
      judge(request.method, reply) ?? (await this.#slowness(client, bytes, request, reply));
    if (fault !== null) this.#note(fault, bytes, reply);
    if (reply.status === null) return;
    if (reply.status < 400) this.#finds.read(reply.body);
    else if (this.#options.isCountingWrites)
      await this.#compare(client, { request, bytes, rowsWritten });
  }

  #count(reply: Reply | Silence): void {
    const status = reply.status ?? 0;
    this.#requests += 1;
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    this.#slowestMs = Math.max(this.#slowestMs, reply.durationMs);
  }

  async #slowness(
    client: WireClient,
    bytes: Buffer,
    { method }: FuzzRequest,
    { durationMs }: Reply | Silence,
  ): Promise<string | null> {
    let lastMs = durationMs;
    for (let count = 0; count < ASKED_AGAIN_MAX && lastMs > SLOW_MS; count += 1) {
      lastMs = (await client.send(bytes, method)).durationMs;
    }
    return lastMs <= SLOW_MS ? null : `again and again slower than ${SLOW_MS} ms`;
  }

  /**
   * Deliveries are off and there is one connection, so all that may write meanwhile is a message or a schedule that falls due.
   * That does not happen again and again: a request that has written is sent once more.
   */
  async #compare(client: WireClient, { request, bytes, rowsWritten }: Refused): Promise<void> {
    const { store } = this.#target;
    this.#compared += 1;
    let written = (await countWritten(store)) - rowsWritten;
    for (let round = 0; round < COMPARISONS_MAX && written !== 0; round += 1) {
      const before = await countWritten(store);
      await client.send(bytes, request.method);
      written = (await countWritten(store)) - before;
    }
    if (written !== 0) this.#note(`${written} rows written by a refused request`, bytes);
  }

  #note(fault: string, bytes: Buffer, reply?: Reply | Silence): void {
    const answer =
      reply === undefined || reply.status === null ? "" : ` ${reply.body.slice(0, 300)}`;
    const shown = JSON.stringify(bytes.toString("latin1").slice(0, 1_500));
    this.#faults.push(`${fault}${answer}\n  ${shown}`);
  }
}
