import { messageKey } from "@reprise/protocol";
import type { Outcome, OutgoingRequest } from "@reprise/server";
import type { EventList } from "../event-list.ts";
import type { Faults } from "../faults.ts";
import type { Mirror } from "../mirror.ts";
import { SERVER_HOST } from "../network.ts";
import type { Random } from "../random.ts";
import type { Trace } from "../trace.ts";
import type { Fact } from "./facts.ts";
import type { MessageFault, TimedMessageFault } from "./fault-plan.ts";
import type { Operation, Operations } from "./operations.ts";
import { type Reaction, react, reset } from "./sink.ts";
import type { Attempt, SinkLedger } from "./sink-ledger.ts";

export interface WireParts {
  readonly events: EventList;
  readonly random: Random;
  readonly faults: Faults<MessageFault, TimedMessageFault>;
  readonly trace: Trace;
  readonly operations: Operations;
  readonly sinks: SinkLedger;
  readonly mirror: Mirror;
  /** How long destinations work at most. */
  readonly slowMsMax: number;
  readonly tell: (fact: Fact) => void;
  /** The server that a request reaches, or null when none is up. */
  readonly server: () => Party | null;
}

interface Party {
  readonly generation: number;
  readonly handle: (request: Request) => Promise<Response>;
}

const LATENCY_MS_MAX = 20;
const SLOW_MS_MAX = 30_000;

/** The wires between clients, server and destinations: what goes over them takes time, gets lost, and ends with the server. */
export class Wire {
  readonly #parts: WireParts;
  /** By server, what to do when it dies: the client at the other end of each connection hears a reset. */
  readonly #connections = new Map<number, Set<() => void>>();

  constructor(parts: WireParts) {
    this.#parts = parts;
  }

  /** The process of a server has died. */
  cut(generation: number): void {
    const { sinks, events } = this.#parts;
    const ends = this.#connections.get(generation) ?? [];
    this.#connections.delete(generation);
    sinks.cutAll(generation, events.now);
    for (const end of ends) end();
  }

  /** A request of the client: `http://op-{number}.reprise.test/...`, where the number names the operation. */
  async callServer(url: string, init: RequestInit): Promise<Response> {
    const { events, faults, trace, operations } = this.#parts;
    const { hostname, pathname, search } = new URL(url);
    const operation = operations.all[Number(/^op-(\d+)\./.exec(hostname)?.[1]) - 1];
    if (operation === undefined) throw new Error(`nobody asks as ${hostname}`);
    const name = `#${operation.number}`;
    const request = new Request(`http://${SERVER_HOST}${pathname}${search}`, init);
    const body = typeof init.body === "string" ? init.body : "";
    trace.add(events.now, `${name} > ${init.method ?? "GET"} ${pathname}${search}`, body);
    await events.wait(this.#latency("requestSlow"), `${name} arrives`);
    if (faults.strikes("requestLost")) return this.#lose(name);
    const answer = await this.#ask(request, operation);
    if (answer === null || faults.strikes("answerLost")) return this.#lose(name);
    await events.wait(this.#latency("requestSlow"), `${name} answer arrives`);
    trace.add(events.now, `${name} < ${answer.status}`, answer.text);
    const { status, text, headers } = answer;
    return new Response(text === "" ? null : text, { status, headers });
  }

  async #lose(name: string): Promise<never> {
    const { events, trace } = this.#parts;
    await events.wait(this.#latency("requestSlow"), `${name} is lost`);
    trace.add(events.now, `${name} < reset`);
    throw new TypeError("fetch failed");
  }

  /** Null when the server is down, or dies before its answer has left. */
  async #ask(request: Request, operation: Operation) {
    const { events, trace, tell, operations, server } = this.#parts;
    const party = server();
    if (party === null) return null;
    operations.ask(operation, events.now);
    tell({ kind: "asked", operation });
    return this.#whileAlive(
      party.generation,
      async () => {
        const response = await party.handle(request);
        const headers = Object.fromEntries(response.headers);
        return { status: response.status, headers, text: await response.text() };
      },
      (made) => {
        trace.add(events.now, `#${operation.number} answered ${made.status}`, made.text);
        const { status, text } = made;
        operations.answer(operation, { status, answer: toJson(text), now: events.now });
        tell({ kind: "answered", operation });
      },
    );
  }

  /** What `work` gives, or null when the server dies first: what was made by a dead process has not left it. */
  #whileAlive<R>(
    generation: number,
    work: () => Promise<R>,
    onMade: (made: R) => void,
  ): Promise<R | null> {
    const open = this.#connections.get(generation) ?? new Set();
    this.#connections.set(generation, open);
    return new Promise((resolve, reject) => {
      const end = () => resolve(null);
      open.add(end);
      work().then((result) => {
        if (!open.delete(end) || this.#connections.get(generation) !== open) return;
        onMade(result);
        resolve(result);
      }, reject);
    });
  }

  /** One attempt of the server to reach a destination. */
  callApp(
    outgoing: OutgoingRequest,
    { generation }: { readonly generation: number },
  ): Promise<Outcome> {
    const { events, trace, tell, sinks } = this.#parts;
    const nodeKey = holderOf(outgoing, this.#parts.mirror);
    const attempt = sinks.begin(outgoing, { generation, nodeKey }, events.now);
    const name = `@${attempt.number}`;
    const shown = JSON.stringify(outgoing.headers) + attempt.body;
    trace.add(events.now, `${name} > ${outgoing.method} ${outgoing.url}`, shown);
    tell({ kind: "attempt", attempt });
    return new Promise((resolve) => {
      const end = (outcome: Outcome) => {
        if (attempt.endedAt !== null) return;
        deadline.cancel();
        sinks.end(attempt, outcome, events.now);
        trace.add(events.now, `${name} < ${outcomeText(outcome)}`);
        tell({ kind: "ended", attempt, outcome });
        resolve(outcome);
      };
      const deadline = events.in(outgoing.timeoutMs, `${name} times out`, () =>
        end({ type: "error", cause: "timeout", message: "no response in time" }),
      );
      void this.#carry(attempt).then((outcome) => {
        if (outcome !== null) end(outcome);
      });
    });
  }

  /** Null when no answer ever comes. */
  async #carry(attempt: Attempt): Promise<Outcome | null> {
    const { events, faults, random, slowMsMax } = this.#parts;
    const name = `@${attempt.number}`;
    await events.wait(this.#latency("deliverySlow"), `${name} arrives`);
    const isLost = faults.strikes("deliveryLost");
    const { afterMs, outcome } = isLost ? LOST : react(attempt.url, random, slowMsMax);
    if (outcome === null) return null;
    attempt.worksUntil = Math.min(attempt.worksUntil, events.now + afterMs);
    if (isLost) return outcome;
    await events.wait(afterMs, `${name} is worked on`);
    if (faults.strikes("deliveryAnswerLost")) return reset();
    await events.wait(this.#latency("deliverySlow"), `${name} answer arrives`);
    return outcome;
  }

  #latency(slow: "requestSlow" | "deliverySlow"): number {
    const { faults, random } = this.#parts;
    return random.integer(0, faults.strikes(slow) ? SLOW_MS_MAX : LATENCY_MS_MAX);
  }
}

const LOST: Reaction = { afterMs: 0, outcome: reset() };

/** Who makes the attempt, by the row on disk. */
function holderOf({ headers }: OutgoingRequest, mirror: Mirror): number | null {
  const key = messageKey(headers["upstash-message-id"] ?? "") ?? 0;
  return mirror.get("messages", key)?.nodeKey ?? null;
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // Some answers have no body.
  }
}

function outcomeText(outcome: Outcome): string {
  return outcome.type === "response" ? String(outcome.status) : outcome.cause;
}
