import type { FlowControl } from "@reprise/protocol";
import type { Envelope, EnvelopeOverrides } from "./envelope.ts";
import type { Outcome } from "./outcome.ts";
import type { BulkActionRow, MessageRow } from "./rows.ts";
import type { MessageConfig, RunConfig } from "./run-config.ts";
import type { ScheduleAnswers, ScheduleCommand } from "./schedule-command.ts";
import type { StepFacts } from "./step.ts";
import type { UrlGroupAnswers, UrlGroupCommand } from "./url-group-command.ts";
import type { WaitAnswers, WaitCommand } from "./wait-command.ts";

/** Wishes addressed to rows. The engine loads what a command names; the core decides; nothing else changes a row. */
export type Command =
  | ScheduleCommand
  | UrlGroupCommand
  | StartRun
  | SubmitStep
  | FinishRun
  | CancelRun
  | WaitCommand
  | StartDelivery
  | EndDelivery
  | ReviveRun
  | RetryCallback
  | CancelCallback
  | DeleteDeadLetter
  | HoldDeadLetter
  | PublishMessage
  | CancelMessage
  | ReleaseMessage
  | RetryDeadMessage
  | DeleteDeadMessage
  | HoldDeadMessage
  | StartBulkAction
  | AdvanceBulkAction
  | UpsertQueue
  | PauseQueue
  | ResumeQueue
  | DeleteQueue
  | PauseFlowControl
  | ResumeFlowControl
  | PinFlowControl
  | UnpinFlowControl
  | ResetFlowControlRate;

/** Starts a run, or finds that a live one has this id. */
export interface StartRun {
  readonly type: "startRun";
  readonly runId: string;
  readonly url: string;
  readonly payload: Uint8Array;
  readonly config: RunConfig;
  /** What the first delivery brings along besides the run's settings. */
  readonly messageConfig: MessageConfig;
  readonly callerIp: string;
  readonly dueAt: number;
  /** The SDK of an endpoint that had been unknown triggers its own run again. */
  readonly isTriggeredBySdk: boolean;
}

/** One record of a plan, a result, a sleep; a batch of them is executed as one. */
export interface SubmitStep {
  readonly type: "submitStep";
  readonly runId: string;
  readonly facts: StepFacts;
  /** For a plan: the id behind its whole group; for others null. */
  readonly groupNextStepId: number | null;
  readonly body: Uint8Array;
  readonly messageConfig: MessageConfig;
  readonly dueAt: number;
  /** The run that is meant, when ids have been used again. */
  readonly runKey?: number;
  /**
   * The record needs no delivery as long as nothing is recorded in this slot: whatever is recorded there, in this request or
   * later, brings the run on.
   */
  readonly awaits?: number;
  /** The invocation that submits the record wants to go on with the message that the record makes. */
  readonly hold?: Hold & {
    /** Records of the same request in front of this one. */
    readonly recordsBefore: number;
  };
}

/** What a running invocation holds: the message whose delivery, or whose continuation, it is. */
export interface Hold {
  readonly messageKey: number;
  readonly leaseToken: number;
}

export interface FinishRun {
  readonly type: "finishRun";
  readonly runId: string;
  /** The run that is meant, when ids have been used again. */
  readonly runKey?: number;
  /** What the route function returned, or null for nothing. */
  readonly response: Uint8Array | null;
}

export interface CancelRun {
  readonly type: "cancelRun";
  readonly runId: string;
  /** Restricts the cancel to the run with this key, when ids have been used again. */
  readonly runKey?: number;
}

/** A message has become due, or its lease has ended. */
export interface StartDelivery {
  readonly type: "startDelivery";
  readonly messageKey: number;
  /** True when no attempt of an `active` message can still be running: its lease has ended, or its process has. */
  readonly isOrphan: boolean;
  /** The end of the period in which a start was counted that, for sure, has not happened. */
  readonly unusedUntil?: number;
  /** The node from which the message is taken over: its lease is over. Attempts of any other node are that node's. */
  readonly takenFrom?: number;
}

export interface EndDelivery {
  readonly type: "endDelivery";
  readonly messageKey: number;
  /** What the message has passed, if anything: then it is known before the message is read. */
  readonly gates?: Pick<MessageRow, "queueName" | "flowControlKey">;
  readonly leaseToken: number;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly requestHeaders: Readonly<Record<string, string>>;
  readonly outcome: Outcome;
}

/** Resumes a dead run from its failing step, or restarts it from its payload, as a new run. */
export interface ReviveRun {
  readonly type: "reviveRun";
  readonly mode: "resume" | "restart";
  readonly deadLetterKey: number;
  readonly newRunId: string;
  readonly overrides: Overrides;
}

/** Absent fields keep the run's value. */
export interface Overrides {
  readonly retries?: number;
  readonly retryDelay?: string;
  readonly delayMs?: number;
  readonly flowControl?: FlowControl;
  readonly labels?: readonly string[];
  readonly failureCallbackUrl?: string;
}

export interface RetryCallback {
  readonly type: "retryCallback";
  readonly deadLetterKey: number;
}

export interface CancelCallback {
  readonly type: "cancelCallback";
  readonly deadLetterKey: number;
}

export interface DeleteDeadLetter {
  readonly type: "deleteDeadLetter";
  readonly deadLetterKey: number;
  /** Given by retention: an entry goes only if it failed at this instant or earlier, and nobody holds it. */
  readonly failedBefore?: number;
}

/** Keeps an entry from retention, or gives it back. */
export interface HoldDeadLetter {
  readonly type: "holdDeadLetter";
  readonly deadLetterKey: number;
  readonly isHeld: boolean;
}

/** Accepts a message for a URL, or one for each endpoint of a URL group. */
export interface PublishMessage {
  readonly type: "publish";
  readonly destination:
    | { readonly kind: "url"; readonly url: string }
    | { readonly kind: "urlGroup"; readonly name: string };
  /** Without what the URL group adds. */
  readonly envelope: Envelope;
  /** Counts from the instant of acceptance, and replaces the envelope's `notBefore`. */
  readonly delayMs?: number;
  readonly body: Uint8Array;
  readonly dedup: Dedup | null;
  /** End of the window in which a second publish is recognised. */
  readonly dedupUntil: number;
}

export type Dedup =
  | { readonly kind: "id"; readonly id: string }
  /** Of the content; the destination is not part of it. */
  | { readonly kind: "content"; readonly hash: string };

export interface CancelMessage {
  readonly type: "cancelMessage";
  readonly messageKey: number;
}

/** Sends a message now that waits for its delay or for a retry. */
export interface ReleaseMessage {
  readonly type: "releaseMessage";
  readonly messageKey: number;
}

/** Sends a dead message again, as a new one. */
export interface RetryDeadMessage {
  readonly type: "retryDeadMessage";
  readonly deadMessageKey: number;
  readonly overrides: EnvelopeOverrides;
}

export interface DeleteDeadMessage {
  readonly type: "deleteDeadMessage";
  readonly deadMessageKey: number;
  /** As with dead letters of runs. */
  readonly failedBefore?: number;
}

/** As with dead letters of runs. */
export interface HoldDeadMessage {
  readonly type: "holdDeadMessage";
  readonly deadMessageKey: number;
  readonly isHeld: boolean;
}

export interface StartBulkAction {
  readonly type: "startBulkAction";
  readonly kind: BulkActionRow["kind"];
  /** As the row keeps it. */
  readonly filter: string;
  /** Messages that match now. */
  readonly total: number;
  /** Above those that are meant. */
  readonly afterKey: number;
}

/** Takes one more chunk into account, in front of the commands that change its messages. */
export interface AdvanceBulkAction {
  readonly type: "advanceBulkAction";
  readonly actionKey: number;
  /** Where the action stood when the chunk was read. */
  readonly fromKey: number;
  readonly afterKey: number;
  readonly messageKeys: readonly number[];
  readonly isLast: boolean;
}

export interface UpsertQueue {
  readonly type: "upsertQueue";
  readonly name: string;
  /** Null: one. */
  readonly parallelism: number | null;
  /** Null leaves it as it is. */
  readonly isPaused: boolean | null;
}

export interface PauseQueue {
  readonly type: "pauseQueue";
  readonly name: string;
}

export interface ResumeQueue {
  readonly type: "resumeQueue";
  readonly name: string;
}

/** Deletes a queue with its messages, so many in one transaction; the caller repeats it until nothing is left. */
export interface DeleteQueue {
  readonly type: "deleteQueue";
  readonly name: string;
  /** Exclusive: messages up to this key have been dealt with. */
  readonly afterKey: number;
}

export interface PauseFlowControl {
  readonly type: "pauseFlowControl";
  readonly key: string;
}

export interface ResumeFlowControl {
  readonly type: "resumeFlowControl";
  readonly key: string;
}

/** Absent limits stay as they are and are not pinned. */
export interface PinFlowControl {
  readonly type: "pinFlowControl";
  readonly key: string;
  readonly parallelism?: number;
  readonly rate?: number;
  readonly periodMs?: number;
}

export interface UnpinFlowControl {
  readonly type: "unpinFlowControl";
  readonly key: string;
  readonly parallelism: boolean;
  /** With its period. */
  readonly rate: boolean;
}

export interface ResetFlowControlRate {
  readonly type: "resetFlowControlRate";
  readonly key: string;
}

export type {
  EndWait,
  InvokeRun,
  NotifyEvent,
  NotifyRun,
  NudgeAnswer,
  NudgeRun,
  RegisterCall,
  RegisterWait,
  Woken,
} from "./wait-command.ts";

/** What each command answers. */
export interface Answers extends ScheduleAnswers, UrlGroupAnswers, WaitAnswers {
  readonly startRun: StartRunAnswer;
  readonly submitStep: SubmitStepAnswer;
  readonly finishRun: { readonly wasLive: boolean };
  readonly cancelRun: { readonly wasLive: boolean };
  readonly startDelivery: null;
  readonly endDelivery: null;
  readonly reviveRun: RunAnswer;
  readonly retryCallback: RunAnswer;
  readonly cancelCallback: RunAnswer;
  readonly deleteDeadLetter: null;
  readonly holdDeadLetter: null;
  readonly publish: Published;
  /** `isNew` is false for a message that had been cancelled before, and is still in flight. */
  readonly cancelMessage: { readonly wasOpen: boolean; readonly isNew: boolean };
  readonly releaseMessage: null;
  readonly retryDeadMessage: { readonly messageKey: number };
  readonly deleteDeadMessage: null;
  readonly holdDeadMessage: null;
  readonly startBulkAction: BulkActionRow;
  readonly advanceBulkAction: BulkActionRow;
  readonly upsertQueue: null;
  readonly pauseQueue: null;
  readonly resumeQueue: null;
  /** `nextAfterKey` is null once the queue is gone. */
  readonly deleteQueue: { readonly nextAfterKey: number | null };
  readonly pauseFlowControl: null;
  readonly resumeFlowControl: null;
  readonly pinFlowControl: null;
  readonly unpinFlowControl: null;
  readonly resetFlowControlRate: null;
}

export interface RunAnswer {
  readonly runKey: number;
  readonly workflowRunId: string;
  readonly workflowCreatedAt: number;
}

export interface StartRunAnswer extends RunAnswer {
  readonly messageKey: number;
  readonly deduplicated: boolean;
}

export interface SubmitStepAnswer {
  readonly messageKey: number;
  readonly deduplicated: boolean;
  /** True when what has been recorded before is not what was submitted now. */
  readonly differs?: boolean;
  /** The message that the invocation holds now, if it asked for one and got it. */
  readonly held?: MessageRow;
}

export interface Published {
  readonly isGroup: boolean;
  /** One for each destination, in order. */
  readonly messages: readonly PublishedMessage[];
}

export interface PublishedMessage {
  readonly messageKey: number;
  readonly url: string;
  readonly deduplicated: boolean;
}
