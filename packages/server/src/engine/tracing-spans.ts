import { messageId } from "@reprise/protocol";
import type { EndDelivery, ReviveRun } from "../core/commands.ts";
import { isSuccess } from "../core/outcome.ts";
import type { DeadLetterRow, MessageRow, RunRow } from "../core/rows.ts";
import type { TraceParent } from "../core/trace.ts";
import type { WaitRow } from "../core/wait-rows.ts";
import type { Span } from "../host/otel-spans.ts";

/** A place in a trace that spans are made at. */
export interface Place {
  readonly traceId: string;
  readonly parentSpanId: string | null;
  readonly isSampled: boolean;
  readonly tracestate?: string;
}

/** What a span says, but for its place. */
type Saying = Omit<Span, "traceId" | "spanId" | "parentSpanId" | "tracestate">;

/** What became of an attempt: its status or the cause of its failure, never a word of what went over the wire. */
export function attemptSpan(
  { startedAt, endedAt, outcome }: EndDelivery,
  message: MessageRow,
  runId: string | null,
): Saying {
  const isFailed = !isSuccess(outcome);
  const told = outcome.type === "response" ? String(outcome.status) : outcome.cause;
  const host = URL.canParse(message.url) ? new URL(message.url) : null;
  return {
    name: message.retried === 0 ? "deliver" : "deliver again",
    kind: "client",
    startAt: startedAt,
    endAt: endedAt,
    attributes: {
      "reprise.message.id": messageId(message.key),
      "reprise.message.kind": message.kind,
      "reprise.message.retried": message.retried,
      ...(runId === null ? {} : { "reprise.run.id": runId }),
      ...(outcome.type === "response" ? { "http.response.status_code": outcome.status } : {}),
      ...(isFailed ? { "error.type": told } : {}),
      ...(host === null ? {} : { "server.address": host.hostname }),
    },
    fault: isFailed ? told : null,
    links: [],
  };
}

/** Shorter ones are how long it takes to begin. */
const DELAY_MS_MIN = 500;

/** From acceptance to the first attempt: a sleep, a delay, or the time in a queue. Null when it was short. */
export function delaySpan(
  { startedAt }: EndDelivery,
  message: MessageRow,
  runId: string | null,
): Saying | null {
  if (message.retried > 0 || startedAt - message.createdAt < DELAY_MS_MIN) return null;
  return {
    name: "wait for delivery",
    kind: "internal",
    startAt: message.createdAt,
    endAt: startedAt,
    attributes: {
      "reprise.message.id": messageId(message.key),
      ...(runId === null ? {} : { "reprise.run.id": runId }),
    },
    fault: null,
    links: [],
  };
}

/** From its beginning to its end. */
export function runSpan(run: RunRow, now: number): Saying {
  return {
    name: "run",
    kind: "internal",
    startAt: run.createdAt,
    endAt: run.completedAt ?? now,
    attributes: {
      "reprise.run.id": run.id,
      "reprise.run.state": run.state,
      "reprise.run.steps": run.stepCount,
    },
    fault: run.state === "failed" ? "failed" : null,
    links: [],
  };
}

export function waitSpan(wait: WaitRow, endAt: number, run: RunRow): Saying {
  return {
    name: `wait for ${wait.kind}`,
    kind: "internal",
    startAt: wait.createdAt,
    endAt,
    attributes: {
      "reprise.run.id": run.id,
      "reprise.step.id": wait.stepId,
      "reprise.wait.state": wait.state,
    },
    fault: null,
    links: [],
  };
}

/** A resume goes on in the trace of the run that failed; who asked for it stands in another one. */
export function reviveSpan(
  { mode, newRunId }: ReviveRun,
  { runId }: DeadLetterRow,
  parent: TraceParent | null,
): Pick<Saying, "name" | "attributes" | "links"> {
  return {
    name: mode,
    attributes: { "reprise.run.id": newRunId, "reprise.run.source": runId },
    links: parent === null ? [] : [{ traceId: parent.traceId, spanId: parent.spanId }],
  };
}
