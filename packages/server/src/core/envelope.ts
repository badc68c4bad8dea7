import type { FlowControl, Redaction } from "@reprise/protocol";
import type { TraceContext } from "./trace.ts";

/**
 * What a published message was given, once and for all. Stored as JSON beside the body; columns that filters need stand in the
 * message's row as well. Absent fields were not given.
 */
export interface Envelope {
  readonly method: string;
  /** What the destination receives from the publisher: lower-case names, `content-type` among them when one was sent. */
  readonly headers: Readonly<Record<string, string>>;
  readonly retries: number;
  readonly retryDelay?: string;
  readonly timeoutMs?: number;
  /** Epoch milliseconds of the first attempt. */
  readonly notBefore: number;
  readonly callerIp: string;
  readonly labels?: readonly string[];
  readonly flowControl?: FlowControl;
  readonly redaction?: Redaction;
  readonly callback?: CallbackTarget;
  readonly failureCallback?: CallbackTarget;
  readonly queueName?: string;
  readonly scheduleId?: string;
  readonly topicName?: string;
  readonly endpointName?: string;
  /** Key of the message that this one is the callback of. */
  readonly callbackOf?: number;
  /** The trace that the message belongs to; absent when nobody traces. */
  readonly trace?: TraceContext;
}

/** Where outcomes are reported, and what the report's message brings along. Absent fields fall back to the source's. */
export interface CallbackTarget {
  readonly url: string;
  readonly method: string;
  /** Lower-case names, without content type: a report is JSON. */
  readonly headers: Readonly<Record<string, string>>;
  readonly retries?: number;
  readonly retryDelay?: string;
  readonly timeoutMs?: number;
  readonly flowControl?: FlowControl;
  readonly labels?: readonly string[];
}

/** What the retry of a dead message changes of the stored settings; absent fields keep what the message had. */
export type EnvelopeOverrides = Partial<
  Pick<
    Envelope,
    | "retries"
    | "retryDelay"
    | "timeoutMs"
    | "labels"
    | "flowControl"
    | "redaction"
    | "callback"
    | "failureCallback"
  >
> &
  Pick<Envelope, "notBefore">;

export function parseEnvelope(json: string): Envelope {
  // The text was written by `JSON.stringify` of an Envelope; nobody else writes these columns.
  return JSON.parse(json) as Envelope;
}
