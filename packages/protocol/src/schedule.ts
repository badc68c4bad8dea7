/** The shape of a schedule in answers. Optional fields are left out when they have no value. */

import type { MessageResource } from "./message-resources.ts";

/** What has become of one message of the last tick. */
export type ScheduledState = "IN_PROGRESS" | "SUCCESS" | "FAIL";

type MessagePart = Pick<
  MessageResource,
  | "method"
  | "header"
  | "body"
  | "bodyBase64"
  | "retryDelayExpression"
  | "callerIP"
  | "queueName"
  | "callback"
  | "callbackHeader"
  | "failureCallback"
  | "failureCallbackHeader"
  | "label"
  | "labels"
  | "flowControlKey"
  | "rate"
  | "parallelism"
  | "period"
>;

export interface ScheduleResource extends MessagePart {
  readonly scheduleId: string;
  readonly cron: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** URL or name of a URL group, as given. */
  readonly destination: string;
  readonly isPaused: boolean;
  readonly retries: number;
  /** Seconds from a tick to the first attempt of its messages. */
  readonly delay?: number;
  /** Limit of one attempt, in seconds. */
  readonly timeout?: number;
  /** As `callerIP`; clients differ in the spelling. */
  readonly callerIp: string;
  /** Nominal time of the last tick, in epoch milliseconds. */
  readonly lastScheduleTime?: number;
  /** Epoch milliseconds; absent while paused. */
  readonly nextScheduleTime?: number;
  /** Message id -> what has become of it, for the messages of the last tick. */
  readonly lastScheduleStates?: Readonly<Record<string, ScheduledState>>;
  /** Why the last tick made no message. */
  readonly error?: string;
}

/** Answer of a creation. */
export interface ScheduleAnswer {
  readonly scheduleId: string;
  readonly deduplicated?: boolean;
}
