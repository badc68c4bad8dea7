import type { Outcome, OutgoingRequest } from "@reprise/server";
import { AttemptWitness, type Sent } from "./attempt-witness.ts";
import type { EventList } from "./event-list.ts";
import type { Attempt, Exchange, Fact, SentRequest } from "./facts.ts";
import type { FastFault, Faults, TimedFastFault } from "./faults.ts";
import type { Mirror } from "./mirror.ts";
import type { Random } from "./random.ts";
import { answeredNonsense, answeredNothing } from "./stuck.ts";
import { SERVICE_HOST } from "./third-party.ts";
import type { Trace } from "./trace.ts";

/** Who answers requests at this instant. */
export interface Parties {
  /** The server that is up, or null. */
  readonly server: () => ServerParty | null;
  /** Whichever process of the app takes the next request. */
  readonly app: () => AppParty | null;
  readonly appOf: (generation: number) => AppParty | null;
  /** Whoever answers calls. */
  readonly service: ServiceParty;
}

export interface ServiceParty {
  readonly handle: (attempt: Attempt) => Promise<Outcome>;
}

export interface ServerParty {
  readonly generation: number;
  readonly handle: (request: Request) => Promise<Response>;
}

export interface AppParty {
  readonly generation: number;
  readonly handle: (request: Request) => Promise<Response>;
  readonly crash: () => void;
}

export interface NetworkParts {
  readonly events: EventList;
  readonly random: Random;
  readonly faults: Faults;
  readonly fastFaults: Faults<FastFault, TimedFastFault>;
  readonly trace: Trace;
  readonly mirror: Mirror;
  readonly parties: Parties;
  readonly tell: (fact: Fact) => void;
}

const LATENCY_MS_MAX = 20;
const SLOW_MS_MAX = 60_000;
export const SERVER_HOST = "reprise.test";

/**
 * The wires between clients, server and app. Requests and answers take time, get lost, come twice and late; a connection
 * ends when one of its ends dies.
 */
export class Network {
  readonly #parts: NetworkParts;
  /** What to do when a process dies, by its name: the other end of each connection hears a reset. */
  readonly #connections = new Map<string, Set<() => void>>();
  readonly #witness: AttemptWitness;
  #exchanges = 0;

  constructor(parts: NetworkParts) {
    this.#parts = parts;
    this.#witness = new AttemptWitness(parts);
  }

  /** Sees the attempts that are made over connections. */
  get witness(): AttemptWitness {
    return this.#witness;
  }

  tell(fact: Fact): void {
    this.#parts.tell(fact);
  }

  nextExchange(): number {
    this.#exchanges += 1;
    return this.#exchanges;
  }

  /** Ends the connections of a process that has died. */
  cut(process: string): void {
    const ends = this.#connections.get(process) ?? [];
    this.#connections.delete(process);
    for (const end of ends) end();
  }

  /** A request of an SDK: `http://{who}.reprise.test/...`, where `who` names the process that asks. */
  async callServer(url: string, init: RequestInit): Promise<Response> {
    const { events, faults, trace } = this.#parts;
    const { hostname, pathname, search } = new URL(url);
    const from = hostname.slice(0, -SERVER_HOST.length - 1);
    const number = this.nextExchange();
    const name = `#${number} ${from}`;
    const request = new Request(`http://${SERVER_HOST}${pathname}${search}`, init);
    const body = typeof init.body === "string" ? init.body : "";
    const method = init.method ?? "GET";
    if (this.#isDying(from, "appCrashBeforeSubmit")) return never();
    trace.add(events.now, `${name} > ${method} ${pathname}${search}`, body);
    await events.wait(this.#latency("sdkSlow"), `${name} arrives`);
    if (faults.strikes("sdkRequestLost")) return this.#lose(name);
    const target = pathname + search;
    const headers = Object.fromEntries(request.headers);
    const sent = { number, from, method, target, headers, body, arrivedAt: events.now };
    const exchange = await this.#ask(request, sent);
    if (exchange === null) return this.#lose(name);
    if (faults.strikes("sdkAnswerLost")) return this.#lose(name);
    await events.wait(this.#latency("sdkSlow"), `${name} answer arrives`);
    trace.add(events.now, `${name} < ${exchange.status}`, exchange.answer);
    if (this.#isDying(from, "appCrashAfterSubmit")) return never();
    this.#parts.tell({ kind: "heard", exchange });
    const { status, answer, answerHeaders } = exchange;
    return new Response(answer === "" ? null : answer, { status, headers: answerHeaders });
  }

  #isDying(from: string, fault: "appCrashBeforeSubmit" | "appCrashAfterSubmit"): boolean {
    if (!from.startsWith("app")) return false;
    const app = this.#parts.parties.appOf(Number(from.slice("app-".length)));
    const isUp = app !== null;
    if (isUp && this.#parts.faults.strikes(fault)) app.crash();
    else if (isUp) return false;
    return true;
  }

  async #lose(name: string): Promise<never> {
    const { events, trace } = this.#parts;
    await events.wait(this.#latency("sdkSlow"), `${name} is lost`);
    trace.add(events.now, `${name} < reset`);
    throw new TypeError("fetch failed");
  }

  /** Null when the server is down, or dies before its answer has left. */
  async #ask(request: Request, sent: SentRequest): Promise<Exchange | null> {
    const { events, parties, trace, tell } = this.#parts;
    const server = parties.server();
    if (server === null) return null;
    tell({ kind: "arrival", request: sent });
    return this.#whileAlive(`server-${server.generation}`, async () => {
      const response = await server.handle(request);
      const answer = await response.text();
      const exchange: Exchange = {
        ...sent,
        status: response.status,
        answerHeaders: Object.fromEntries(response.headers),
        answer,
      };
      trace.add(events.now, `#${sent.number} answered ${response.status}`);
      tell({ kind: "answer", exchange });
      return exchange;
    });
  }

  /** What `work` gives, or null when `process` dies first. */
  #whileAlive<R>(process: string, work: () => Promise<R>): Promise<R | null> {
    const open = this.#connections.get(process) ?? new Set();
    this.#connections.set(process, open);
    return new Promise((resolve, reject) => {
      const end = () => resolve(null);
      open.add(end);
      work().then(
        (result) => {
          // An answer that was made by a process that has died meanwhile has not left it.
          if (open.delete(end) && this.#connections.get(process) === open) resolve(result);
        },
        (error: unknown) => reject(error),
      );
    });
  }

  /** One attempt of the server to reach the app. */
  callApp(outgoing: OutgoingRequest, server: Pick<Sent, "generation" | "speaksFor" | "isAlive">) {
    const { events } = this.#parts;
    const { attempt, end: note } = this.#witness.begin({ ...outgoing, ...server });
    return new Promise<Outcome>((resolve) => {
      let isOver = false;
      const end = (outcome: Outcome) => {
        if (isOver) return;
        isOver = true;
        deadline.cancel();
        note(outcome);
        resolve(outcome);
      };
      const { timeoutMs, lastsUntil } = outgoing;
      const wait = (delayMs: number) => events.in(delayMs, `@${attempt.number} times out`, look);
      /** An invocation that goes on is given more time. */
      const look = () => {
        const leftMs = (lastsUntil?.() ?? 0) - events.now;
        if (leftMs > 0) deadline = wait(leftMs);
        else end(failed("timeout", `no response within ${timeoutMs} ms`));
      };
      let deadline = wait(timeoutMs);
      void this.#carry(attempt).then(end);
    });
  }

  async #carry(attempt: Attempt): Promise<Outcome> {
    const { events, faults, random } = this.#parts;
    const name = `@${attempt.number}`;
    if (faults.strikes("deliveryDuplicated")) {
      const delayMs = random.integer(0, 2) * random.integer(0, SLOW_MS_MAX / 2);
      events.in(delayMs, `${name} arrives twice`, () => void this.#deliver(attempt));
    }
    await events.wait(this.#latency("deliverySlow"), `${name} arrives`);
    if (faults.strikes("deliveryLost")) return failed("reset", "connection reset");
    const early = isForService(attempt) ? null : this.#answerInFront(attempt);
    if (early !== null) return early;
    const outcome = await this.#deliver(attempt);
    if (faults.strikes("deliveryAnswerLost")) return failed("reset", "connection reset");
    await events.wait(this.#latency("deliverySlow"), `${name} answer arrives`);
    return outcome;
  }

  async #deliver(attempt: Attempt): Promise<Outcome> {
    const { parties, tell, trace, events, fastFaults } = this.#parts;
    if (isForService(attempt)) {
      trace.add(events.now, `@${attempt.number} at the service`);
      return parties.service.handle(attempt);
    }
    const app = parties.app();
    if (app === null) return failed("refused", "connection refused");
    trace.add(events.now, `@${attempt.number} at app-${app.generation}`);
    tell({ kind: "delivery", attempt });
    const { url, headers, body } = attempt;
    const request = new Request(url, { method: "POST", headers, body });
    const outcome = await this.#whileAlive(`app-${app.generation}`, async () => {
      const response = await app.handle(request);
      if (response.headers.has("reprise-answer") && fastFaults.strikes("appCrashBeforeAnswer")) {
        app.crash();
      }
      return toOutcome(response, new Uint8Array(await response.arrayBuffer()));
    });
    return outcome ?? failed("reset", "connection reset");
  }

  /** Answers of a proxy, a platform or a rate limit that stands before the app. */
  #answerInFront({ message, hold }: Attempt): Outcome | null {
    const { faults, random, fastFaults } = this.#parts;
    if (hold !== null && fastFaults.strikes("appAnswersNonsense")) return answeredNonsense();
    // A failure callback may go to anybody, so that every 2xx is good.
    if (message?.kind !== "failureCall") {
      if (faults.strikes("appAnswersNothing")) return answeredNothing();
      if (faults.strikes("appAnswersPage")) return answered(200, {}, encode("<html></html>"));
    }
    const html = encode("<html><body>ERR_NGROK_3200</body></html>");
    if (faults.strikes("appAnswers500")) return answered(500, {}, html);
    if (faults.strikes("appAnswers404")) {
      return answered(404, { "ngrok-error-code": ["ERR_NGROK_3200"] }, html);
    }
    if (faults.strikes("appAnswers429")) {
      return answered(429, { "retry-after": [String(random.integer(0, 120))] }, html);
    }
    if (faults.strikes("appAnswers489")) {
      const isFinal = random.chance(0.7);
      return answered(489, isFinal ? { "upstash-nonretryable-error": ["true"] } : {}, html);
    }
    return null;
  }

  #latency(slow: "sdkSlow" | "deliverySlow"): number {
    const { faults, random } = this.#parts;
    const max = faults.strikes(slow) ? SLOW_MS_MAX : LATENCY_MS_MAX;
    return random.integer(0, max);
  }
}

function isForService({ url }: Attempt): boolean {
  return new URL(url).hostname === SERVICE_HOST;
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function failed(cause: "reset" | "refused" | "timeout", message: string): Outcome {
  return { type: "error", cause, message };
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function answered(
  status: number,
  headers: Readonly<Record<string, readonly string[]>>,
  body: Uint8Array,
): Outcome {
  return { type: "response", status, headers, body, isTruncated: false };
}

function toOutcome(response: Response, body: Uint8Array): Outcome {
  const headers = Array.from(response.headers, ([name, value]) => [name, [value]] as const);
  return answered(response.status, Object.fromEntries(headers), body);
}
