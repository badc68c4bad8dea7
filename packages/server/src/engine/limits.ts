import {
  ATTEMPT_TIMEOUT_MS_DEFAULT,
  BATCH_BYTES_MAX,
  BATCH_ITEMS_MAX,
  BODY_BYTES_MAX,
  DAY_MS,
  DEDUPLICATION_WINDOW_MS_DEFAULT,
  EVENT_PAGE_MAX,
  FLOW_CONTROL_PERIOD_MS_MAX,
  MESSAGE_LIMITS,
  QUEUE_PARALLELISM_MAX,
  QUEUES_MAX,
  RETRIES_MAX,
  SCHEDULES_MAX,
  SCHEDULES_MAX_DEFAULT,
  STORED_RESPONSE_BYTES_MAX,
  URL_BYTES_MAX,
  URL_GROUP_ENDPOINTS_MAX,
  URL_GROUPS_MAX,
} from "@reprise/protocol";

/** Every limit that an operator can change, its variable, its default and its range. docs/configuration.md lists them for people. */

export type LimitSetting = readonly [name: string, preset: number, kind: Kind];

/** Wholes have a range; durations are longer than 0 and at most `msMax`. */
type Kind = { readonly min: number; readonly max: number } | { readonly msMax: number };

const YEAR_MS = 365 * DAY_MS;
const SETTINGS = {
  // Requests.
  bodyBytesMax: ["REPRISE_BODY_BYTES_MAX", BODY_BYTES_MAX, { min: 1024, max: BATCH_BYTES_MAX }],
  batchBytesMax: ["REPRISE_BATCH_BYTES_MAX", BATCH_BYTES_MAX, { min: 1024, max: BATCH_BYTES_MAX }],
  batchItemsMax: ["REPRISE_BATCH_ITEMS_MAX", BATCH_ITEMS_MAX, { min: 1, max: 10_000 }],
  urlBytesMax: ["REPRISE_URL_BYTES_MAX", URL_BYTES_MAX, { min: 64, max: URL_BYTES_MAX }],
  headerBytesMax: [
    "REPRISE_HEADER_BYTES_MAX",
    MESSAGE_LIMITS.headerBytesMax,
    { min: 4096, max: 1024 * 1024 },
  ],
  connectionsMax: ["REPRISE_CONNECTIONS_MAX", 10_000, { min: 1, max: 100_000 }],
  /** Requests with a wrong token, or none, that one address may send within a second. */
  authFailuresMax: ["REPRISE_AUTH_FAILURES_MAX", 20, { min: 1, max: 1_000_000 }],
  logPageMax: ["REPRISE_LOG_PAGE_MAX", EVENT_PAGE_MAX, { min: 1, max: 10_000 }],
  // Runs.
  watchdogIntervalMs: ["REPRISE_WATCHDOG_INTERVAL", 30_000, { msMax: DAY_MS }],
  /** Times that the watchdog itself nudges a stuck run. */
  nudgesMax: ["REPRISE_NUDGES_MAX", 0, { min: 0, max: 100 }],
  // Messages.
  retriesMax: ["REPRISE_RETRIES_MAX", RETRIES_MAX, { min: 0, max: RETRIES_MAX }],
  delayMsMax: ["REPRISE_DELAY_MAX", MESSAGE_LIMITS.delayMsMax, { msMax: 10 * YEAR_MS }],
  /** Of messages that say nothing. */
  attemptTimeoutMs: ["REPRISE_ATTEMPT_TIMEOUT", ATTEMPT_TIMEOUT_MS_DEFAULT, { msMax: DAY_MS }],
  /** What messages may ask for; more is cut to it. */
  attemptTimeoutMsMax: [
    "REPRISE_ATTEMPT_TIMEOUT_MAX",
    MESSAGE_LIMITS.attemptTimeoutMsMax,
    { msMax: DAY_MS },
  ],
  labelsMax: ["REPRISE_LABELS_MAX", MESSAGE_LIMITS.labelsMax, { min: 1, max: 64 }],
  labelCharsMax: ["REPRISE_LABEL_CHARS_MAX", MESSAGE_LIMITS.labelCharsMax, { min: 1, max: 256 }],
  flowControlPeriodMsMax: [
    "REPRISE_FLOW_CONTROL_PERIOD_MAX",
    MESSAGE_LIMITS.flowControlPeriodMsMax,
    { msMax: FLOW_CONTROL_PERIOD_MS_MAX },
  ],
  /** Time in which a second publish with the same deduplication id is recognised. */
  dedupWindowMs: ["REPRISE_DEDUP_WINDOW", DEDUPLICATION_WINDOW_MS_DEFAULT, { msMax: 90 * DAY_MS }],
  responseBytesMax: [
    "REPRISE_RESPONSE_BYTES_MAX",
    STORED_RESPONSE_BYTES_MAX,
    { min: 1024, max: BATCH_BYTES_MAX },
  ],
  // Names.
  queuesMax: ["REPRISE_QUEUES_MAX", QUEUES_MAX, { min: 0, max: QUEUES_MAX }],
  queueParallelismMax: [
    "REPRISE_QUEUE_PARALLELISM_MAX",
    QUEUE_PARALLELISM_MAX,
    { min: 1, max: QUEUE_PARALLELISM_MAX },
  ],
  schedulesMax: ["REPRISE_SCHEDULES_MAX", SCHEDULES_MAX_DEFAULT, { min: 0, max: SCHEDULES_MAX }],
  urlGroupsMax: ["REPRISE_URL_GROUPS_MAX", URL_GROUPS_MAX, { min: 0, max: URL_GROUPS_MAX }],
  urlGroupEndpointsMax: [
    "REPRISE_URL_GROUP_ENDPOINTS_MAX",
    URL_GROUP_ENDPOINTS_MAX,
    { min: 1, max: 1000 },
  ],
  // Deliveries.
  /** Deliveries in flight to all origins together. */
  parallelismMax: ["REPRISE_PARALLELISM_MAX", 2_000, { min: 1, max: 100_000 }],
  /** Deliveries in flight to one origin. */
  perOriginMax: ["REPRISE_PER_ORIGIN_MAX", 50, { min: 1, max: 10_000 }],
  /** Deliveries in flight to one connection of an app; what it announces beyond that is cut. */
  connectedParallelismMax: ["REPRISE_CONNECTED_PARALLELISM_MAX", 1_000, { min: 1, max: 100_000 }],
  /** A connection of an app that gave no sign of life for so long is lost. */
  connectedSilenceMs: ["REPRISE_CONNECTED_SILENCE", 30_000, { msMax: DAY_MS }],
  // Several servers.
  /** How long the messages of a node stay its own that gives no sign of life. */
  nodeLeaseMs: ["REPRISE_NODE_LEASE", 15_000, { msMax: 600_000 }],
  /** How often a node looks for what others have done, or have left undone. */
  pollMs: ["REPRISE_POLL_INTERVAL", 1_000, { msMax: 60_000 }],
  // Storage.
  /** Part of the disk that may be used, by anybody, before new messages are refused. */
  diskPercentMax: ["REPRISE_DISK_PERCENT_MAX", 95, { min: 1, max: 100 }],
  /** How long a finished message and its log are kept. */
  logRetentionMs: ["REPRISE_LOG_RETENTION", 14 * DAY_MS, { msMax: 10 * YEAR_MS }],
  /** How long a run is kept after its end, unless it waits in the dead letter queue. */
  runRetentionMs: ["REPRISE_RUN_RETENTION", 14 * DAY_MS, { msMax: 10 * YEAR_MS }],
  /** How long an entry stays in a dead letter queue that nobody handles and nobody holds. */
  deadLetterRetentionMs: ["REPRISE_DEAD_LETTER_RETENTION", 90 * DAY_MS, { msMax: 10 * YEAR_MS }],
  /** Above it the oldest of what has ended goes before its time; 0 is no limit. */
  storageBytesMax: ["REPRISE_STORAGE_BYTES_MAX", 0, { min: 0, max: 2 ** 50 }],
  /** How long a dead letter that was handled, and a bulk action that is done, are kept. */
  closedRetentionMs: ["REPRISE_CLOSED_RETENTION", 7 * DAY_MS, { msMax: 10 * YEAR_MS }],
} as const satisfies Readonly<Record<string, LimitSetting>>;

/** Field names end in their unit, `Max` behind it. */
export type Limits = { readonly [K in keyof typeof SETTINGS]: number };

// The keys of the table are the fields, each setting has a number as its preset.
const entries = Object.entries(SETTINGS) as readonly (readonly [keyof Limits, LimitSetting])[];

export const LIMIT_SETTINGS: readonly LimitSetting[] = entries.map(([, setting]) => setting);

export const DEFAULT_LIMITS: Limits = collectLimits((_field, [, preset]) => preset);

/** The limits alone, out of whatever holds them. */
export function limitsOf(source: Limits): Limits {
  return collectLimits((field) => source[field]);
}

/** Gives every field the number that its setting leads to. */
export function collectLimits(
  numberOf: (field: keyof Limits, setting: LimitSetting) => number,
): Limits {
  // Every field of the table gets its number.
  return Object.fromEntries(
    entries.map(([field, setting]) => [field, numberOf(field, setting)]),
  ) as Limits;
}
