import { AsyncLocalStorage } from "node:async_hooks";
import { hash } from "node:crypto";
import { messageId } from "@reprise/protocol";
import type { Command, EndDelivery, StartRun } from "../core/commands.ts";
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
import type { WaitRow } from "../core/wait-rows.ts";
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
  readonly host: Pick<Host, "now" | "randomBytes" | "log">;
  readonly store: Pick<Reader, "get" | "find">;
  readonly sink: SpanSink;
}

/** What a request has had accepted, until it is answered. */
interface Serving {
  readonly parent: TraceParent | null;
  readonly tracestate: string | null;
  readonly startAt: number;
  readonly accepted: { readonly name: string; readonly place: Place; readonly id: string }[];
  readonly revived: (Command & { readonly type: "reviveRun" })[];
}

interface Attempt {
  readonly place: Place;
  readonly spanId: string;
}

/** Attempts in flight, and runs whose place is known; more are looked up again. */
const ENTRIES_MAX = 20_000;

export function createTracing({ host, store, sink }: TracingOptions): Tracing {
  const serving = new AsyncLocalStorage<Serving>();
  const attempts = new Map<string, Attempt>();
  const places = new Map<string, Place>();

  const newId = (bytes: number) => Buffer.from(host.randomBytes(bytes)).toString("hex");
  const newSpanId = () => newId(8);

  function record(place: Place, span: Omit<Span, "traceId" | "parentSpanId">): void {
    if (!place.isSampled) return;
    const { traceId, parentSpanId, tracestate } = place;
    const state = tracestate === undefined ? {} : { tracestate };
    sink.record({ ...span, traceId, parentSpanId, ...state });
  }

  /** Spans that need rows are made behind everything else; a trace without them is better than a server that waits. */
  function inBackground(work: () => Promise<void>): void {
    void work().catch((cause) => host.log("warn", "spans_lost", { cause: String(cause) }));
  }

  /** Where a run or message stands that brings nothing along: in a trace whose id follows from its own. */
  function derivedPlace(id: string): Place {
    const traceId = hash("sha256", `trace ${id}`).slice(0, 32);
    return { traceId, parentSpanId: null, isSampled: sink.isSampled(traceId) };
  }

  function toPlace(trace: TraceContext | undefined, id: string): Place {
    const parent = trace === undefined ? null : parseTraceparent(trace.traceparent);
    if (parent === null) return derivedPlace(id);
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
  async function placeOf(delivery: Delivery): Promise<Place> {
    if (delivery.kind === "run") return keepPlace(nameOfRun(delivery.run), delivery.config.trace);
    const { message, envelope } = delivery;
    const row = envelope ?? (await store.get("envelopes", [message.key]))[0];
    const { trace } = row === undefined ? {} : parseEnvelope(row.config);
    return toPlace(trace, nameOfMessage(message));
  }

  async function placeOfRun(run: Pick<RunRow, "key" | "id" | "createdAt">): Promise<Place> {
    const name = nameOfRun(run);
    const known = places.get(name);
    if (known !== undefined) return known;
    const [row] = await store.get("runConfigs", [run.key]);
    return keepPlace(name, row === undefined ? undefined : parseRunConfig(row.config).trace);
  }

  function keepPlace(name: string, trace: TraceContext | undefined): Place {
    const place = places.get(name) ?? toPlace(trace, name);
    put(places, name, place);
    return place;
  }

  function acceptOne(name: string, id: string, current: Serving | undefined): TraceContext {
    const traceId = current?.parent?.traceId ?? newId(16);
    const isSampled = current?.parent?.isSampled ?? sink.isSampled(traceId);
    const spanId = newSpanId();
    const state = current?.tracestate ?? null;
    const tracestate = state === null ? {} : { tracestate: state };
    const parentSpanId = current?.parent?.spanId ?? null;
    const place = { traceId, parentSpanId, isSampled, ...tracestate };
    const span = { name, place: { ...place, spanId }, id };
    if (current !== undefined) current.accepted.push(span);
    return { traceparent: formatTraceparent({ traceId, spanId, isSampled }), ...tracestate };
  }

  function traced(start: StartRun, name: string): StartRun {
    const trace = acceptOne(name, start.runId, serving.getStore());
    return { ...start, config: { ...start.config, trace } };
  }

  function acceptCommand(command: Command): Command {
    switch (command.type) {
      case "startRun":
        return traced(command, "trigger");
      case "invokeRun":
        return { ...command, start: traced(command.start, "invoke") };
      case "publish": {
        const trace = acceptOne("publish", "", serving.getStore());
        return { ...command, envelope: { ...command.envelope, trace } };
      }
      case "reviveRun":
        serving.getStore()?.revived.push(command);
        return command;
      default:
        return command;
    }
  }

  function finish({ accepted, revived, startAt, parent }: Serving, fault: string | null): void {
    const endAt = host.now();
    const whole = { kind: "server", startAt, endAt, fault, links: [] } as const;
    for (const { name, place, id } of accepted) {
      const attributes: Record<string, string> = id === "" ? {} : { "reprise.run.id": id };
      record(place, { ...whole, name, spanId: place.spanId ?? newSpanId(), attributes });
    }
    if (revived.length === 0 || fault !== null) return;
    inBackground(async () => {
      const keys = revived.map(({ deadLetterKey }) => deadLetterKey);
      const deadLetters = await store.get("deadLetters", keys);
      for (const deadLetter of deadLetters) {
        const command = revived.find(({ deadLetterKey }) => deadLetterKey === deadLetter.key);
        if (command === undefined) continue;
        const { runKey: key, runId: id, runCreatedAt: createdAt } = deadLetter;
        const place = await placeOfRun({ key, id, createdAt });
        record(place, {
          ...whole,
          spanId: newSpanId(),
          ...reviveSpan(command, deadLetter, parent),
        });
      }
    });
  }

  async function endAttempt(command: EndDelivery, delivery: Delivery): Promise<void> {
    const { message } = delivery;
    const name = nameOfAttempt(message);
    const attempt = attempts.get(name);
    attempts.delete(name);
    const place = attempt?.place ?? (await placeOf(delivery));
    const runId = delivery.kind === "run" ? delivery.run.id : null;
    const spanId = attempt?.spanId ?? newSpanId();
    record(place, { spanId, ...attemptSpan(command, message, runId) });
    const delay = delaySpan(command, message, runId);
    if (delay !== null) record(place, { spanId: newSpanId(), ...delay });
  }

  async function endRuns(runKeys: readonly number[]): Promise<void> {
    for (const run of await store.get("runs", runKeys)) {
      if (run.state === "started") continue;
      record(await placeOfRun(run), { spanId: newSpanId(), ...runSpan(run, host.now()) });
    }
  }

  async function endWaits(waitKeys: readonly number[]): Promise<void> {
    const waits: readonly WaitRow[] = await store.get("waits", waitKeys);
    const runs = await store.get("runs", [...new Set(waits.map(({ runKey }) => runKey))]);
    for (const wait of waits) {
      const run = runs.find(({ key }) => key === wait.runKey);
      if (run === undefined || wait.endedAt === null) continue;
      record(await placeOfRun(run), { spanId: newSpanId(), ...waitSpan(wait, wait.endedAt, run) });
    }
  }

  return {
    serve: async (request, work) => {
      const parent = parseTraceparent(request.headers.get("traceparent") ?? "");
      const state = parent === null ? null : request.headers.get("tracestate");
      const tracestate = state === null ? null : parseTracestate(state);
      const startAt = host.now();
      const current: Serving = { parent, tracestate, startAt, accepted: [], revived: [] };
      const response = await serving.run(current, work);
      finish(current, response.status < 400 ? null : String(response.status));
      return response;
    },
    // Each command is given back as one of its own type.
    accept: <C extends Command>(commands: readonly C[]) => commands.map(acceptCommand) as C[],
    begin: (delivery, trace, headers) => {
      const { message } = delivery;
      const run = delivery.kind === "run" ? delivery.run : null;
      const place =
        run === null ? toPlace(trace, nameOfMessage(message)) : keepPlace(nameOfRun(run), trace);
      const spanId = newSpanId();
      put(attempts, nameOfAttempt(message), { place, spanId });
      if (headers.traceparent !== undefined) return;
      headers.traceparent = formatTraceparent({ ...place, spanId });
      if (place.tracestate !== undefined) headers.tracestate = place.tracestate;
    },
    observer: {
      attemptEnded: (command, delivery) => inBackground(() => endAttempt(command, delivery)),
      ended: (runKeys, waitKeys) =>
        inBackground(async () => {
          await endWaits(waitKeys);
          await endRuns(runKeys);
        }),
    },
    close: () => sink.close(),
  };
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
