import type { Answer } from "../workflow/answer.ts";
import type { Around } from "../workflow/endpoint.ts";
import type { RawStep, StepRecord, StepType } from "../workflow/records.ts";
import type { RequestLike } from "../workflow/request.ts";

/** What the kit's server remembers. It lives in memory, and one test owns it. */

/** A workflow as the server reaches it. */
export type Deliver = (request: RequestLike, around: Around) => Promise<Answer>;

export type RunState = "running" | "succeeded" | "failed" | "canceled";

/** What a run is started with. */
export interface RunStart {
  readonly id: string;
  readonly url: string;
  readonly deliver: Deliver;
  /** The raw payload. */
  readonly payload: string;
  /** The author's own headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly labels: readonly string[];
  readonly retries: number;
  /** Expression over `retried`, in milliseconds; null for the default backoff. */
  readonly retryDelay: string | null;
  readonly invokeCount: number;
  /** The step that waits for the end of this run. */
  readonly invoker: Wait | null;
}

export interface Run extends RunStart {
  readonly createdAt: number;
  state: RunState;
  endedAt: number | null;
  /** JSON of what the function returned. */
  response: string | undefined;
  readonly items: RawStep[];
  /** Records by their place: `plan 3`, `result 3`. */
  readonly slots: Map<string, Recorded>;
  /** The records in the order of the list, without the payload. */
  readonly records: Recorded[];
  readonly waits: Wait[];
  readonly keptEvents: KeptEvent[];
  deadLetter: DeadLetter | null;
  /** The process that keeps the function, and how many records it knows. */
  warm: { readonly process: string; readonly known: number } | null;
}

export interface Recorded {
  readonly record: StepRecord;
  readonly note: StepNote;
  /** Id of the step behind this one, or behind its group. */
  readonly nextStepId: number;
  /** A sleep that is not over by then is not delivered before. */
  readonly dueAt: number;
}

/** How a record came about. */
export interface StepNote {
  readonly attempts: number;
  readonly errors: readonly Attempt[];
  readonly startedAt: number;
  readonly recordedAt: number;
}

/** One attempt of a message. */
export interface Attempt {
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0 when no answer arrived. */
  readonly status: number;
  /** Null for one that succeeded. */
  readonly error: string | null;
  readonly responseBody: string;
  /** The step that threw, as the app says. */
  readonly stepName: string | null;
}

/** Something that the server delivers until it succeeds or its attempts are used up. */
export interface Message {
  readonly key: number;
  /** Another one once a resume has taken a call over. */
  run: Run;
  readonly kind: "step" | "call" | "callResult" | "failureCall";
  dueAt: number;
  retried: number;
  retries: number;
  readonly retryDelay: string | null;
  readonly attempts: Attempt[];
  state: "waiting" | "active" | "gone";
  /** Of a step: position of its record in the list. */
  readonly position: number;
  /** Of a call and its result. */
  readonly wait: Wait | null;
  /** Of a failure call. */
  readonly body: string;
}

/** A step that somebody else completes. */
export interface Wait {
  readonly kind: "event" | "webhook" | "call" | "invoke";
  run: Run;
  /** The record without a result. */
  readonly step: StepRecord;
  readonly createdAt: number;
  state: "open" | "answered" | "done";
  readonly eventId: string | null;
  readonly deadlineAt: number | null;
  readonly call: CallRequest | null;
  /** Of a call: attempts that it took. */
  attempts: number;
  errors: readonly Attempt[];
  /** Of an answered call: what the app is told. */
  report: string;
}

export interface CallRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly retries: number;
  readonly retryDelay: string | null;
  /** Headers that bring the answer to the right step. */
  readonly place: Readonly<Record<string, string>>;
}

export interface KeptEvent {
  readonly eventId: string;
  readonly bytes: Uint8Array;
}

export interface DeadLetter {
  readonly failedAt: number;
  state: "open" | "resumed" | "restarted";
  readonly message: Message;
  readonly status: number;
  readonly responseBody: string;
  readonly responseHeaders: Readonly<Record<string, string>>;
  readonly failedStep: FailedStepFacts | null;
  failureFunction: "none" | "running" | "succeeded" | "failed";
  failureAnswer: string;
}

export interface FailedStepFacts {
  readonly stepName: string;
  readonly stepType: StepType | null;
  readonly stepId: number;
}

export function slotOf({ stepId, targetStep }: StepRecord): string {
  return stepId === 0 && (targetStep ?? 0) > 0 ? `plan ${targetStep}` : `result ${stepId}`;
}

export function isPlan({ stepId, targetStep }: StepRecord): boolean {
  return stepId === 0 && (targetStep ?? 0) > 0;
}

/** Whether results are still recorded: the run is alive, or failed and may be resumed. */
export function isOpen({ state, deadLetter }: Run): boolean {
  return state === "running" || (state === "failed" && deadLetter?.state === "open");
}
