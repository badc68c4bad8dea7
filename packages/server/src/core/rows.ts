/**
 * The rows that the core decides about and the store keeps. Every table has one integer `key`; public ids encode it.
 * Instants are epoch milliseconds. Bodies are bytes. `null` means "known to be absent".
 */

/** Where a run stands; the wire names are `RUN_STARTED`, `RUN_SUCCESS`, `RUN_FAILED`, `RUN_CANCELED`. */
export type RunState = "started" | "succeeded" | "failed" | "canceled";

/** One execution of a workflow. Small on purpose: it is updated with every step. */
export interface RunRow {
  readonly key: number;
  readonly id: string;
  readonly state: RunState;
  readonly url: string;
  readonly createdAt: number;
  readonly completedAt: number | null;
  /** Number of recorded steps, the initial payload included; the position of the next one. */
  readonly stepCount: number;
  readonly bodyBytes: number;
  readonly callerIp: string;
  /** Labels, each between commas (`,a,b,`), or null. */
  readonly labels: string | null;
  readonly flowControlKey: string | null;
  /** What the route function returned, as sent by the SDK; null until then or when nothing was returned. */
  readonly response: Uint8Array | null;
  readonly deadLetterKey: number | null;
  /** The run that this one resumes or restarts. */
  readonly sourceRunKey: number | null;
  /** JSON of {@link RunConfig}'s invoker, or null. */
  readonly invoker: string | null;
}

/** What a run was started with, as JSON (`core/run-config.ts`). Written once, read through a cache. */
export interface RunConfigRow {
  readonly key: number;
  readonly config: string;
}

/** One record of a run's list: the initial payload, a plan or a result. Its key is also its message's key. */
export interface StepRow {
  readonly key: number;
  readonly runKey: number;
  /** Place in the run's list, from 0, in order of acceptance. */
  readonly position: number;
  /** Deduplication key within the run: 0 initial payload, 2t plan for step t, 2n + 1 result of step n. */
  readonly slot: number;
  /** Id of the step that follows: n + 1 behind a sequential step, the end of the group + 1 within a parallel one. */
  readonly nextStepId: number;
  readonly createdAt: number;
  /** When its message may be delivered; later than `createdAt` for sleeps. */
  readonly dueAt: number;
  readonly callType: "step" | "toCallback" | "fromCallback";
  /** JSON of {@link MessageConfig}: what this message brought along itself. */
  readonly config: string;
  /** The exact bytes that were submitted. */
  readonly body: Uint8Array;
}

/** `scheduled` waits for `dueAt`; `active` is being delivered; `failed` is what a dead letter refers to. */
export type MessageState = "scheduled" | "active" | "failed";

/** `step`: the run so far, to the workflow; `hop`: first contact with an unknown SDK; `failureCall`: the failure callback. */
export type MessageKind = "step" | "hop" | "failureCall";

/** A promised HTTP request that is not done yet. Delivered and cancelled messages leave this table. */
export interface MessageRow {
  readonly key: number;
  readonly kind: MessageKind;
  readonly state: MessageState;
  readonly runKey: number | null;
  /** Position of the record that it delivers; null for messages that are not a run's `step` or `hop`. */
  readonly stepPosition: number | null;
  readonly deadLetterKey: number | null;
  readonly createdAt: number;
  /** Next attempt for `scheduled`; end of the lease for `active`. */
  readonly dueAt: number;
  /** Failed attempts so far; 0 before the first retry. */
  readonly retried: number;
  readonly retries: number;
  /** Raised with every attempt; an outcome that carries an older one is ignored. */
  readonly leaseToken: number;
  readonly url: string;
  /** JSON of {@link MessageConfig}; null for `step`, whose step row holds it. */
  readonly config: string | null;
  /** Null for `step` and `hop`, whose body is the run's list of steps. */
  readonly body: Uint8Array | null;
}

/** One finished try to deliver a message. Key: `messageKey * 1024 + number`. */
export interface AttemptRow {
  readonly key: number;
  readonly messageKey: number;
  /** From 0, in order; counts tries that ended, whatever they were for. */
  readonly number: number;
  readonly startedAt: number;
  readonly endedAt: number;
  /** 0 when no response arrived. */
  readonly status: number;
  /** Short text for people; null for a 2xx. */
  readonly error: string | null;
  /** Machine-readable cause when no response arrived (`refused`, `timeout`, ...). */
  readonly cause: string | null;
  readonly requestHeaders: string | null;
  readonly responseHeaders: string | null;
  readonly responseBody: Uint8Array | null;
  readonly isTruncated: 0 | 1;
  /** What the engine did next, and why, in one sentence. */
  readonly move: string;
}

export type DeadLetterState = "open" | "resumed" | "restarted" | "deleted";

/** The wire's names, stored as they are sent. */
export type CallbackState =
  | "CALLBACK_INPROGRESS"
  | "CALLBACK_SUCCESS"
  | "CALLBACK_FAIL"
  | "CALLBACK_CANCELED";

/** What is left of a run whose retries are used up. Handled entries stay, closed, until retention passes. */
export interface DeadLetterRow {
  readonly key: number;
  readonly state: DeadLetterState;
  readonly runKey: number;
  readonly messageKey: number;
  readonly createdAt: number;
  readonly closedAt: number | null;
  /** The run that resumed or restarted this one. */
  readonly nextRunKey: number | null;
  readonly runId: string;
  readonly runCreatedAt: number;
  readonly url: string;
  readonly callerIp: string;
  readonly labels: string | null;
  readonly flowControlKey: string | null;
  readonly responseStatus: number;
  readonly responseHeaders: string | null;
  readonly responseBody: Uint8Array | null;
  readonly isTruncated: 0 | 1;
  /** Why the run failed, in one sentence. */
  readonly reason: string;
  readonly callbackState: CallbackState | null;
  readonly callbackUrl: string | null;
  /** The newest failure call; its attempts are found under this key. */
  readonly callbackMessageKey: number | null;
  readonly callbackResponseStatus: number | null;
  readonly callbackResponseHeaders: string | null;
  readonly callbackResponseBody: Uint8Array | null;
}

/** Keys, tokens and marks of this installation. */
export interface SettingRow {
  readonly key: number;
  readonly name: string;
  readonly value: string;
}

export interface Tables {
  readonly runs: RunRow;
  readonly runConfigs: RunConfigRow;
  readonly steps: StepRow;
  readonly messages: MessageRow;
  readonly attempts: AttemptRow;
  readonly deadLetters: DeadLetterRow;
  readonly settings: SettingRow;
}

export type TableName = keyof Tables;

/** Attempts of one message have neighbouring keys, so that they need no index. */
export const ATTEMPTS_PER_MESSAGE_MAX = 1024;

export type Change = { readonly [T in TableName]: TableChange<T> }[TableName];

export type TableChange<T extends TableName> =
  | { readonly type: "insert"; readonly table: T; readonly row: Tables[T] }
  | {
      readonly type: "update";
      readonly table: T;
      readonly key: number;
      /** Only the columns that change; indexes of the others stay untouched. */
      readonly set: Partial<Omit<Tables[T], "key">>;
    }
  | { readonly type: "delete"; readonly table: T; readonly key: number };
