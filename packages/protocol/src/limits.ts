/** Every limit of the protocol with its unit. What an operator can change lives in the server's configuration. */

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const MEBIBYTE = 1024 * 1024;

// Requests.
export const BODY_BYTES_MAX = 10 * MEBIBYTE;
export const BATCH_ITEMS_MAX = 1000;
export const BATCH_BYTES_MAX = 100 * MEBIBYTE;
export const HEADER_BYTES_MAX = 64 * 1024;
/** Node drops headers above its count limit silently; a set this large is refused instead. */
export const HEADER_COUNT_MAX = 1000;
export const URL_BYTES_MAX = 8 * 1024;
export const TOKEN_BYTES_MAX = 1024;
/** Nesting of a JSON body; the engine's own serializer overflows the stack at about 5,000. */
export const JSON_DEPTH_MAX = 64;

// Messages.
export const RETRIES_DEFAULT = 3;
export const RETRIES_MAX = 100;
export const DELAY_MS_MAX = 365 * DAY_MS;
export const ATTEMPT_TIMEOUT_MS_DEFAULT = 15 * MINUTE_MS;
/** What a call may take at the most. */
export const ATTEMPT_TIMEOUT_MS_MAX = 12 * HOUR_MS;
/**
 * Clients expect the whole of a long error in the failure call, and the SDK's errors carry their text twice, in `message` and
 * in `stack`: one that quotes a full request body must still fit.
 */
export const STORED_RESPONSE_BYTES_MAX = 2 * BODY_BYTES_MAX + MEBIBYTE;
export const RETRY_DELAY_MS_MAX = DAY_MS;
export const EXPRESSION_CHARS_MAX = 512;
export const EXPRESSION_DEPTH_MAX = 32;
export const EXPRESSION_NODES_MAX = 256;
export const DURATION_CHARS_MAX = 64;
/** Room for a list of every minute and every hour. */
export const CRON_CHARS_MAX = 512;
/** How far ahead the next tick of a schedule is searched; an expression without a tick in it has none. */
export const CRON_SEARCH_YEARS_MAX = 5;
/** Interval of `@every`: a schedule has a resolution of one minute. */
export const CRON_INTERVAL_MS_MIN = MINUTE_MS;
export const CRON_INTERVAL_MS_MAX = 365 * DAY_MS;
export const LABELS_MAX = 16;
export const LABEL_CHARS_MAX = 64;
export const FLOW_CONTROL_KEY_CHARS_MAX = 256;
export const FLOW_CONTROL_PERIOD_MS_DEFAULT = SECOND_MS;
export const FLOW_CONTROL_PERIOD_MS_MAX = 7 * DAY_MS;
/** Largest `parallelism` or `rate`; larger values mean "no limit" and are a slip of the keyboard. */
export const FLOW_CONTROL_COUNT_MAX = 1_000_000_000;
export const REDACT_FIELDS_MAX = 64;
export const DEDUPLICATION_ID_CHARS_MAX = 256;
export const DEDUPLICATION_WINDOW_MS_DEFAULT = 10 * MINUTE_MS;
export const SCHEDULE_ID_CHARS_MAX = 128;
export const SCHEDULES_MAX_DEFAULT = 1000;
/** The list of all of them is one answer. */
export const SCHEDULES_MAX = 100_000;
/** Names of URL groups and queues. */
export const NAME_CHARS_MAX = 128;
/** The list of all of them is one answer. */
export const URL_GROUPS_MAX = 10_000;
export const URL_GROUP_ENDPOINTS_MAX = 100;
/** The list of all of them is one answer. */
export const QUEUES_MAX = 10_000;
export const QUEUE_PARALLELISM_MAX = 10_000;

// Workflow runs.
export const RUN_ID_CHARS_MAX = 128;
export const STEP_RESULT_BYTES_MAX = 10 * MEBIBYTE;
export const RUN_RECORDS_MAX = 25_000;
export const RUN_BYTES_MAX = 50 * MEBIBYTE;
export const PARALLEL_STEPS_MAX = 1000;
export const EVENT_ID_CHARS_MAX = 1024;
export const INVOKE_DEPTH_MAX = 100;
export const STEP_NAME_CHARS_MAX = 1024;

// Pages.
export const DEAD_LETTER_PAGE_MAX = 100;
export const RUN_PAGE_MAX = 10;
/** Of runs that are listed without their steps. */
export const LIGHT_RUN_PAGE_MAX = 100;
export const EVENT_PAGE_MAX = 1000;
export const BULK_RECOVERY_PAGE_MAX = 50;
export const CANCEL_COUNT_DEFAULT = 100;

// Signatures.
export const SIGNATURE_LIFETIME_SECONDS = 300;

/** Limits of one message that an operator can change. */
export interface MessageLimits {
  readonly headerBytesMax: number;
  readonly delayMsMax: number;
  readonly attemptTimeoutMsMax: number;
  readonly labelsMax: number;
  readonly labelCharsMax: number;
  readonly flowControlPeriodMsMax: number;
}

export const MESSAGE_LIMITS: MessageLimits = {
  headerBytesMax: HEADER_BYTES_MAX,
  delayMsMax: DELAY_MS_MAX,
  attemptTimeoutMsMax: ATTEMPT_TIMEOUT_MS_MAX,
  labelsMax: LABELS_MAX,
  labelCharsMax: LABEL_CHARS_MAX,
  flowControlPeriodMsMax: FLOW_CONTROL_PERIOD_MS_MAX,
};
