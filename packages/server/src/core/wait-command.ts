import type { Redaction } from "@reprise/protocol";
import type { RunAnswer, StartRun, SubmitStepAnswer } from "./commands.ts";
import type { NotifyRunAnswer } from "./notify.ts";
import type { RunRow } from "./rows.ts";
import type { MessageConfig } from "./run-config.ts";
import type { StepFacts } from "./step.ts";
import type { WaitConfig } from "./wait.ts";
import type { EventSource, WaitRow } from "./wait-rows.ts";

/** Commands about steps that others complete, and about those who do. */
export type WaitCommand =
  | RegisterWait
  | RegisterCall
  | InvokeRun
  | NotifyEvent
  | NotifyRun
  | EndWait
  | NudgeRun;

interface Registration {
  /** The run that waits. */
  readonly runId: string;
  readonly facts: StepFacts;
  readonly config: WaitConfig;
}

/** A step waits for an event or a webhook, until `dueAt` at the most. */
export interface RegisterWait extends Registration {
  readonly type: "registerWait";
  readonly kind: "event" | "webhook";
  readonly eventId: string;
  readonly dueAt: number;
}

/** A step asks a service; the answer, good or bad, is its result. */
export interface RegisterCall extends Registration {
  readonly type: "registerCall";
  readonly url: string;
  readonly own: MessageConfig;
  readonly body: Uint8Array;
  readonly dueAt: number;
}

/** A step starts another run and waits for its end. */
export interface InvokeRun extends Registration {
  readonly type: "invokeRun";
  readonly start: StartRun;
}

/** Wakes everybody who waits for the event now. */
export interface NotifyEvent {
  readonly type: "notifyEvent";
  readonly eventId: string;
  /** Of these waits alone those that still wait: a long event for very many is told to some at a time. */
  readonly waitKeys?: readonly number[];
  readonly data: Uint8Array;
}

/** Wakes one run, or is kept for it until it waits. */
export interface NotifyRun {
  readonly type: "notifyRun";
  readonly source: EventSource;
  readonly runId: string;
  readonly eventId: string;
  readonly data: Uint8Array;
}

/** The time of a wait is up. */
export interface EndWait {
  readonly type: "endWait";
  readonly waitKey: number;
}

/** Delivers once more what a stuck run has answered without going on. */
export interface NudgeRun {
  readonly type: "nudgeRun";
  readonly runId: string;
}

export interface NudgeAnswer extends RunAnswer {
  /** What is delivered now. */
  readonly messageIds: readonly string[];
}

/** A wait that has got its event. */
export interface Woken {
  /** The message that brings the result to the app. */
  readonly messageKey: number;
  readonly run: RunRow;
  /** As it was. */
  readonly wait: WaitRow;
  /** What nobody may see of the run, not even the one that wakes it. */
  readonly redaction: Redaction | null;
}

export interface WaitAnswers {
  readonly registerWait: SubmitStepAnswer;
  readonly registerCall: SubmitStepAnswer;
  readonly invokeRun: SubmitStepAnswer;
  readonly notifyEvent: readonly Woken[];
  readonly notifyRun: NotifyRunAnswer;
  readonly endWait: null;
  readonly nudgeRun: NudgeAnswer;
}
