import { AsyncLocalStorage } from "node:async_hooks";
import { hash } from "node:crypto";
import { messageId } from "@reprise/protocol";
import type { Command, EndDelivery, ReviveRun, StartRun } from "../core/commands.ts";
import { parseEnvelope } from "../core/envelope.ts";
import type { MessageRow, RunRow } from "../core/rows.ts";
import { parseRunConfig } from "../core/run-config.ts";
import {
  formatTraceparent,
  parseTraceparent,
  parseTracestate,
  type TraceContext,
  type TraceParent,
} from "../core/trace.ts";
import type { Host } from "../host/host.ts";
import type { Span, SpanSink } from "../host/otel-spans.ts";
import type { Reader } from "../store/store.ts";
import type { Delivery } from "./dispatcher.ts";
import type { Observer } from "./observer.ts";
import {
  attemptSpan,
  delaySpan,
  type Place,
  reviveSpan,
  runSpan,
  waitSpan,
} from "./tracing-spans.ts";

/** One trace for every run and message, over all its deliveries. See docs/tracing.md. */
export interface Tracing {
  /** Serves a request whose headers may say to which trace it belongs. */
  serve(request: Request, work: () => Promise<Response>): Promise<Response>;
  /** Gives what is accepted its place in a trace. */
  accept<C extends Command>(commands: readonly C[]): readonly C[];
  /** Adds to the headers of an attempt where it stands, unless the user forwards a place of his own. */
  begin(delivery: Delivery, trace: TraceContext | undefined, headers: Record<string, string>): void;
  readonly observer: Pick<Observer, "attemptEnded" | "ended">;
  close(): Promise<void>;
}

export interface TracingOptions {
  readonly host: Pick<Host, "now" | "randomBytes" | "log" | "setTimer">;
  readonly store: Pick<Reader, "get">;
  readonly sink: SpanSink;
}

/** What a request has had accepted, until it is answered. */
interface Serving {
  readonly parent: TraceParent | null;
  readonly tracestate: string | null;
  readonly startAt: number;
  readonly accepted: Accepted[];
  readonly revived: ReviveRun[];
}

interface Accepted {
  readonly name: string;
  /** Of a run; empty for a message. */
  readonly id: string;
  readonly place: Place;
  readonly spanId: string;
}

interface Attempt {
  readonly place: Place;
  readonly spanId: string;
}

const CLOSE_MS_MAX = 3_000;

/** Attempts in flight, and runs whose place is known; more are looked up again. */
const ENTRIES_MAX = 20_000;

export function createTracing(options: TracingOptions): Tracing {
  return new Tracer(options);
}

class Tracer implements Tracing {
  readonly observer: Tracing["observer"];
  readonly #options: TracingOptions;
  readonly #serving = new AsyncLocalStorage<Serving>();
  readonly #attempts = new Map<string, Attempt>();
  readonly #places = new Map<string, Place>();

  constructor(options: TracingOptions) {
    this.#options = options;
    this.observer = {
      attemptEnded: (command, delivery) =>
        this.#inBackground(() => this.#endAttempt(command, delivery)),
      ended: (runKeys, waitKeys) =>
        this.#inBackground(async () => {
          await this.#endWaits(waitKeys);
          await this.#endRuns(runKeys);
        }),
    };
  }

  async serve(request: Request, work: () => Promise<Response>): Promise<Response> {
    const parent = parseTraceparent(request.headers.get("traceparent") ?? "");
    const state = parent === null ? null : request.headers.get("tracestate");
    const tracestate = state === null ? null : parseTracestate(state);
    const startAt = this.#options.host.now();
    const current: Serving = { parent, tracestate, startAt, accepted: [], revived: [] };
    const response = await this.#serving.run(current, work);
    this.#finish(current, response.status < 400 ? null : String(response.status));
    return response;
  }

  accept<C extends Command>(commands: readonly C[]): readonly C[] {
    // Each command is given back as one of its own type.
    return commands.map((command) => this.#acceptCommand(command)) as C[];
  }

  begin(
    delivery: Delivery,
    trace: TraceContext | undefined,
    headers: Record<string, string>,
  ): void {
    const { message } = delivery;
    const place =
      delivery.kind === "run"
        ? this.#keepPlace(nameOfRun(delivery.run), trace)
        : this.#toPlace(trace, nameOfMessage(message));
    const spanId = this.#newSpanId();
    put(this.#attempts, nameOfAttempt(message), { place, spanId });
    if (headers.traceparent !== undefined) return;
    headers.traceparent = formatTraceparent({ ...place, spanId });
    if (place.tracestate !== undefined) headers.tracestate = place.tracestate;
  }

  /** Waits for the collector, but not for one that does not answer. */
  async close(): Promise<void> {
    const { host, sink } = this.#options;
    await new Promise<void>((resolve) => {
      const timer = host.setTimer(host.now() + CLOSE_MS_MAX, resolve);
      const end = () => {
        timer.cancel();
        resolve();
      };
      void sink.close().then(end, end);
    });
  }

  #newId(bytes: number): string {
    return Buffer.from(this.#options.host.randomBytes(bytes)).toString("hex");
  }

  #newSpanId(): string {
    return this.#newId(8);
  }

  #record(place: Place, span: Omit<Span, "traceId" | "parentSpanId">): void {
    if (!place.isSampled) return;
    const { traceId, parentSpanId, tracestate } = place;
    const state = tracestate === undefined ? {} : { tracestate };
    this.#options.sink.record({ ...span, traceId, parentSpanId, ...state });
  }

  /** Spans that need rows are made behind everything else; a trace without them is better than a server that waits. */
  #inBackground(work: () => Promise<void>): void {
    const { host } = this.#options;
    void work().catch((cause) => host.log("warn", "spans_lost", { cause: String(cause) }));
  }

  /** Where a run or message stands that brings nothing along: in a trace whose id follows from its own. */
  #derivedPlace(id: string): Place {
    const traceId = hash("sha256", `trace ${id}`).slice(0, 32);
    return { traceId, parentSpanId: null, isSampled: this.#options.sink.isSampled(traceId) };
  }

  #toPlace(trace: TraceContext | undefined, id: string): Place {
    const parent = trace === undefined ? null : parseTraceparent(trace.traceparent);
    if (parent === null) return this.#derivedPlace(id);
    const { traceId, spanId: parentSpanId, isSampled } = parent;
    const { tracestate } = trace ?? {};
    return {
      traceId,
      parentSpanId,
      isSampled,
      ...(tracestate === undefined ? {} : { tracestate }),
    };
  }

  /** Of an attempt that an invocation went on with: nobody has asked for its headers. */
  async #placeOf(delivery: Delivery): Promise<Place> {
    if (delivery.kind === "run") {
      return this.#keepPlace(nameOfRun(delivery.run), delivery.config.trace);
    }
    const { message, envelope } = delivery;
    const row = envelope ?? (await this.#options.store.get("envelopes", [message.key]))[0];
    const { trace } = row === undefined ? {} : parseEnvelope(row.config);
    return this.#toPlace(trace, nameOfMessage(message));
  }

  async #placeOfRun(run: Pick<RunRow, "key" | "id" | "createdAt">): Promise<Place> {
    const name = nameOfRun(run);
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    const [row] = await this.#options.store.get("runConfigs", [run.key]);
    return this.#keepPlace(name, row === undefined ? undefined : parseRunConfig(row.config).trace);
  }

  #keepPlace(name: string, trace: TraceContext | undefined): Place {
    const place = this.#places.get(name) ?? this.#toPlace(trace, name);
    put(this.#places, name, place);
    return place;
  }

  #acceptCommand(command: Command): Command {
    switch (command.type) {
      case "startRun":
        return this.#start(command, "trigger");
      case "invokeRun":
        return { ...command, start: this.#start(command.start, "invoke") };
      case "publish": {
        const trace = this.#acceptOne("publish", "");
        return { ...command, envelope: { ...command.envelope, trace } };
      }
      case "reviveRun":
        this.#serving.getStore()?.revived.push(command);
        return command;
      default:
        return command;
    }
  }

  #start(start: StartRun, name: string): StartRun {
    const trace = this.#acceptOne(name, start.runId);
    return { ...start, config: { ...start.config, trace } };
  }

  #acceptOne(name: string, id: string): TraceContext {
    const current = this.#serving.getStore();
    const traceId = current?.parent?.traceId ?? this.#newId(16);
    const isSampled = current?.parent?.isSampled ?? this.#options.sink.isSampled(traceId);
    const spanId = this.#newSpanId();
    const state = current?.tracestate ?? null;
    const tracestate = state === null ? {} : { tracestate: state };
    const parentSpanId = current?.parent?.spanId ?? null;
    const place = { traceId, parentSpanId, isSampled, ...tracestate };
    current?.accepted.push({ name, id, place, spanId });
    return { traceparent: formatTraceparent({ traceId, spanId, isSampled }), ...tracestate };
  }

  #finish({ accepted, revived, startAt, parent }: Serving, fault: string | null): void {
    const whole = { kind: "server", startAt, endAt: this.#options.host.now(), fault } as const;
    for (const { name, place, spanId, id } of accepted) {
      const attributes: Record<string, string> = id === "" ? {} : { "reprise.run.id": id };
      this.#record(place, { ...whole, name, spanId, attributes, links: [] });
    }
    if (revived.length === 0 || fault !== null) return;
    this.#inBackground(async () => {
      for (const [command, deadLetter] of await this.#deadLettersOf(revived)) {
        const { runKey: key, runId: id, runCreatedAt: createdAt } = deadLetter;
        const place = await this.#placeOfRun({ key, id, createdAt });
        const said = reviveSpan(command, deadLetter, parent);
        this.#record(place, { ...whole, ...said, spanId: this.#newSpanId() });
      }
    });
  }

  async #deadLettersOf(commands: readonly ReviveRun[]) {
    const keys = commands.map(({ deadLetterKey }) => deadLetterKey);
    const found = await this.#options.store.get("deadLetters", keys);
    return commands.flatMap((command) => {
      const deadLetter = found.find(({ key }) => key === command.deadLetterKey);
      return deadLetter === undefined ? [] : [[command, deadLetter] as const];
    });
  }

  async #endAttempt(command: EndDelivery, delivery: Delivery): Promise<void> {
    const { message } = delivery;
    const name = nameOfAttempt(message);
    const attempt = this.#attempts.get(name);
    this.#attempts.delete(name);
    const place = attempt?.place ?? (await this.#placeOf(delivery));
    const runId = delivery.kind === "run" ? delivery.run.id : null;
    const spanId = attempt?.spanId ?? this.#newSpanId();
    this.#record(place, { spanId, ...attemptSpan(command, message, runId) });
    const delay = delaySpan(command, message, runId);
    if (delay !== null) this.#record(place, { spanId: this.#newSpanId(), ...delay });
  }

  async #endRuns(runKeys: readonly number[]): Promise<void> {
    const { host, store } = this.#options;
    for (const run of await store.get("runs", runKeys)) {
      if (run.state === "started") continue;
      const place = await this.#placeOfRun(run);
      this.#record(place, { spanId: this.#newSpanId(), ...runSpan(run, host.now()) });
    }
  }

  async #endWaits(waitKeys: readonly number[]): Promise<void> {
    const { store } = this.#options;
    const waits = await store.get("waits", waitKeys);
    const runs = await store.get("runs", [...new Set(waits.map(({ runKey }) => runKey))]);
    for (const wait of waits) {
      const run = runs.find(({ key }) => key === wait.runKey);
      if (run === undefined || wait.endedAt === null) continue;
      const place = await this.#placeOfRun(run);
      this.#record(place, { spanId: this.#newSpanId(), ...waitSpan(wait, wait.endedAt, run) });
    }
  }
}

/** Attempts are taken out when they end; those that never begin go here. */
function put<V>(map: Map<string, V>, name: string, value: V): void {
  map.delete(name);
  map.set(name, value);
  const [oldest] = map.keys();
  if (map.size > ENTRIES_MAX && oldest !== undefined) map.delete(oldest);
}

const nameOfAttempt = ({ key, leaseToken }: MessageRow) => `${key}.${leaseToken}`;
const nameOfRun = ({ id, createdAt }: Pick<RunRow, "id" | "createdAt">) => `${id}.${createdAt}`;
const nameOfMessage = ({ key, createdAt }: Pick<MessageRow, "key" | "createdAt">) =>
  `${messageId(key)}.${createdAt}`;
