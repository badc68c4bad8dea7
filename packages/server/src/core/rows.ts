import type { FlowControlRow, QueueRow, UrlGroupRow } from "./gate-rows.ts";
import type { NodeRow, SettingRow } from "./node-rows.ts";
import type { EventRow, WaitRow } from "./wait-rows.ts";

export type { FlowControlRow, QueueRow, UrlGroupRow } from "./gate-rows.ts";
export type { NodeRow, SettingRow } from "./node-rows.ts";

/** What the core decides about and the store keeps. Keys are integers; public ids encode them. Instants are epoch ms; null is absent. */

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

/**
 * `scheduled` waits for `dueAt`; `waiting` is due, but its queue or flow control has no place for it; `active` is being delivered;
 * `canceling` is an attempt in flight whose message has been cancelled; `failed` is what a run's dead letter refers to.
 */
export type MessageState = "scheduled" | "waiting" | "active" | "canceling" | "failed";

/**
 * `step`: the run so far, to the workflow; `hop`: first contact with an unknown SDK; `call`: to a service; `callResult`: its answer;
 * `failureCall`: the failure callback of a run; `plain`: a published message; `callback`: the report about one. See {@link EnvelopeRow}.
 */
export type MessageKind =
  | "step"
  | "hop"
  | "call"
  | "callResult"
  | "failureCall"
  | "plain"
  | "callback";

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
  /** Next attempt for `scheduled`; end of the lease for `active` and `canceling`; when it had become due for `waiting`. */
  readonly dueAt: number;
  /** Failed attempts so far; 0 before the first retry. */
  readonly retried: number;
  readonly retries: number;
  /** Raised with every attempt; an outcome that carries an older one is ignored. */
  readonly leaseToken: number;
  readonly url: string;
  /** JSON of {@link MessageConfig}; null for `step`, whose step row holds it. */
  readonly config: string | null;
  /** Null for all whose body stands elsewhere: in the run's list of steps, in the wait of a call, in the envelope. */
  readonly body: Uint8Array | null;
  /** What `waiting` waits for: `queue:<name>`, `flow:<key>` or `origin:<scheme and authority>`; else null. */
  readonly gate: string | null;
  /** Place in the line of `gate`; a key drawn when the message joined. Null when it is in no line. */
  readonly waitOrder: number | null;
  /** Of a callback: the queue of its source, whose place it shares. */
  readonly queueName: string | null;
  /** The place in the queue that it holds, named after the message that took it; callbacks share it. Null: none. */
  readonly ticketKey: number | null;
  readonly flowControlKey: string | null;
  /** 1 when its outcome is reported to a callback, so that the envelope has to be read. */
  readonly hasCallback: 0 | 1;
  /** Of messages with an envelope, so that open ones can be found by it; null when there are none. */
  readonly labels: string | null;
  readonly topicName: string | null;
  readonly scheduleId: string | null;
  readonly callerIp: string | null;
  /** Of a `call` and its `callResult`: the wait that they serve. */
  readonly waitKey: number | null;
  /** The node that makes the attempt in flight; null when none is, and when there is one node alone. */
  readonly nodeKey: number | null;
}

/** The unchanging part of a message without a run, under the same key. It outlives the message: logs and dead letters refer to it. */
export interface EnvelopeRow {
  readonly key: number;
  readonly createdAt: number;
  /** The destination exactly as it was given. */
  readonly url: string;
  /** JSON of {@link Envelope}. */
  readonly config: string;
  readonly body: Uint8Array;
  /** base64url of the body's SHA-256 when it was accepted: a body that was damaged since is never sent. */
  readonly bodyHash: string;
}

/**
 * One moment of a message with an envelope. A moment may stand for two log entries of the wire, in this order: `accepted` for CREATED;
 * `acceptedActive` for CREATED, ACTIVE; `active`; `delivered`; `retry` for ERROR, RETRY; `failed` for ERROR, FAILED;
 * `cancelRequested`; `canceled` for CANCEL_REQUESTED, CANCELED; `canceledLate` for ERROR, CANCELED.
 */
export type LogMoment =
  | "accepted"
  | "acceptedActive"
  | "active"
  | "delivered"
  | "retry"
  | "failed"
  | "cancelRequested"
  | "canceled"
  | "canceledLate";

/** Keys rise with time, so the log needs no other order. */
export interface LogRow {
  readonly key: number;
  readonly messageKey: number;
  readonly at: number;
  readonly moment: LogMoment;
  /** Failed attempts before this moment. */
  readonly retried: number;
  /** When the attempt that ended began; null for moments that end none. */
  readonly startedAt: number | null;
  /** The next attempt, for `accepted` with a delay and for `retry`. */
  readonly nextAt: number | null;
  /** Of the attempt that ended: 0 when no response arrived; null for moments that end none. */
  readonly status: number | null;
  readonly error: string | null;
  readonly cause: string | null;
  /** Kept of failed attempts. */
  readonly responseHeaders: string | null;
  readonly responseBody: Uint8Array | null;
  readonly isTruncated: 0 | 1;
  /** What the engine did next, and why, in one sentence; null when the moment says it. */
  readonly move: string | null;
}

/** What is left of a message without a run whose retries are used up. Handled entries stay, closed, until retention passes. */
export interface DeadMessageRow {
  readonly key: number;
  readonly state: "open" | "retried" | "deleted" | "expired";
  /** Its envelope and its log. */
  readonly messageKey: number;
  readonly createdAt: number;
  readonly closedAt: number | null;
  /** The message that a retry made of it. */
  readonly nextMessageKey: number | null;
  readonly url: string;
  readonly labels: string | null;
  readonly queueName: string | null;
  readonly flowControlKey: string | null;
  readonly topicName: string | null;
  readonly scheduleId: string | null;
  readonly callerIp: string;
  /** 0 when no response arrived. */
  readonly responseStatus: number;
  readonly responseHeaders: string | null;
  readonly responseBody: Uint8Array | null;
  readonly isTruncated: 0 | 1;
  /** Why the message failed, in one sentence. */
  readonly reason: string;
  /** Machine-readable cause when no response arrived. */
  readonly cause: string | null;
  /** 1 when it is kept until somebody releases, retries or deletes it, however old it gets. */
  readonly isHeld: 0 | 1;
  /** What went wrong, in one word of `FAILURE_CAUSES`; null in rows of older versions until they are sorted. */
  readonly failureCause: string | null;
  /** Those that went wrong alike have the same; null as above. */
  readonly groupId: string | null;
  /** What was said, without what differs from one failure to the next. */
  readonly failureText: string | null;
}

/** The claim of a deduplication id on one message. */
export interface DedupRow {
  readonly key: number;
  /** The id as given; `<id>:<url>` within a URL group; `content:<hash>:<url>` when made from the content. Of a long URL it has the hash. */
  readonly id: string;
  readonly messageKey: number;
  readonly expiresAt: number;
}

export interface ScheduleRow {
  readonly key: number;
  readonly id: string;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly cron: string;
  /** URL or name of a URL group, as given. */
  readonly destination: string;
  readonly isPaused: 0 | 1;
  /** The next tick; null while paused. */
  readonly dueAt: number | null;
  /** Nominal time of the last tick, or null. */
  readonly lastAt: number | null;
  /** JSON of the keys of the messages that the last tick made, or null. */
  readonly lastMessages: string | null;
  /** Why the last tick made no message, or why there is no next one; or null. */
  readonly error: string | null;
  /** JSON of {@link ScheduleConfig}, what every message takes over. */
  readonly config: string;
  readonly body: Uint8Array;
}

/** A change of many rows that goes on in the background. */
export interface BulkActionRow {
  readonly key: number;
  readonly kind: "cancel";
  readonly state: "inProgress" | "finished";
  readonly createdAt: number;
  readonly completedAt: number | null;
  /** JSON of the filter as the wire shows it: name -> values. */
  readonly filter: string;
  /** Rows that matched when it was accepted. */
  readonly total: number;
  readonly processed: number;
  /** The last key that was looked at; the action goes on behind it after a restart. */
  readonly afterKey: number;
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
  /** Of messages without a record: calls, their results and failure calls. Null for all others, which are found by their records. */
  readonly runKey: number | null;
}

export type DeadLetterState = "open" | "resumed" | "restarted" | "deleted" | "expired";

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
  /** 1 when it is kept until somebody releases, resumes, restarts or deletes it, however old it gets. */
  readonly isHeld: 0 | 1;
  /** What went wrong, in one word of `FAILURE_CAUSES`; null in rows of older versions until they are sorted. */
  readonly failureCause: string | null;
  /** Those that went wrong alike have the same; null as above. */
  readonly groupId: string | null;
  /** What was said, without what differs from one failure to the next. */
  readonly failureText: string | null;
  /** The step that failed, where that is known. */
  readonly stepName: string | null;
}

/** What a person has done, or tried to: written before it happens, so that nothing happens without it. */
export interface AuditRow {
  readonly key: number;
  readonly at: number;
  /** Null for a person at a development server, who needs no token. */
  readonly tokenName: string | null;
  readonly scope: string;
  /** 1 when the dashboard sent it. */
  readonly isDashboard: 0 | 1;
  readonly callerIp: string;
  /** Method and path, with names in place of ids. */
  readonly action: string;
  /** Ids and names of the path or the body, and the query without tokens, with the filters of a body. */
  readonly target: string | null;
  readonly query: string | null;
  /** What was answered; null until then, and for ever when the server ended in between. */
  readonly status: number | null;
  /** Code of the refusal. */
  readonly error: string | null;
  /** How many it concerned, where the answer says so. */
  readonly count: number | null;
  /** The bulk action that goes on behind the answer. */
  readonly actionId: string | null;
}

export interface Tables {
  readonly runs: RunRow;
  readonly runConfigs: RunConfigRow;
  readonly steps: StepRow;
  readonly messages: MessageRow;
  readonly attempts: AttemptRow;
  readonly deadLetters: DeadLetterRow;
  readonly settings: SettingRow;
  readonly envelopes: EnvelopeRow;
  readonly logs: LogRow;
  readonly deadMessages: DeadMessageRow;
  readonly dedups: DedupRow;
  readonly queues: QueueRow;
  readonly urlGroups: UrlGroupRow;
  readonly flowControls: FlowControlRow;
  readonly schedules: ScheduleRow;
  readonly bulkActions: BulkActionRow;
  readonly waits: WaitRow;
  readonly events: EventRow;
  readonly nodes: NodeRow;
  readonly audits: AuditRow;
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
