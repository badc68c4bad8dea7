/**
 * One fault for each check of the audit, as SQL that every database understands. Each begins with the database of a busy world; names
 * with a capital letter inside get their quotation marks later.
 */
export interface Plant {
  readonly check: string;
  readonly sql: readonly string[];
  /** Other promises that the same fault breaks. */
  readonly also?: readonly string[];
}

const LIVE = "(SELECT min(key) FROM runs WHERE state = 'started')";
const LETTER = "(SELECT min(key) FROM deadLetters WHERE state = 'open')";
const DEAD = "(SELECT min(key) FROM deadMessages WHERE state = 'open')";
const LATER = "(SELECT min(key) FROM messages WHERE state = 'scheduled' AND kind = 'plain')";
const wait = (kind: string) =>
  `(SELECT min(key) FROM waits WHERE kind = '${kind}' AND state = 'open')`;
const ENDED = "(SELECT min(key) FROM runs WHERE state = 'succeeded')";
const LAST_YEAR = "1700000000000";

export const plants: readonly Plant[] = [
  {
    check: "stuck-run",
    sql: [
      `DELETE FROM messages WHERE runKey = (SELECT runKey FROM messages WHERE kind = 'step' AND state = 'scheduled' ORDER BY key LIMIT 1)`,
    ],
  },
  { check: "run-without-settings", sql: [`DELETE FROM runConfigs WHERE key = ${LIVE}`] },
  {
    check: "record-gap",
    sql: [`DELETE FROM steps WHERE runKey = ${ENDED} AND position = 1`],
  },
  {
    check: "record-count",
    sql: [`UPDATE runs SET stepCount = stepCount + 1 WHERE key = ${ENDED}`],
  },
  {
    check: "record-without-run",
    sql: [`DELETE FROM runs WHERE key = ${ENDED}`],
  },
  { check: "run-end", sql: [`UPDATE runs SET completedAt = NULL WHERE key = ${ENDED}`] },
  {
    check: "message-without-run",
    sql: [
      `UPDATE messages SET runKey = 999999 WHERE key = (SELECT min(key) FROM messages WHERE kind = 'step' AND state = 'scheduled')`,
    ],
    also: ["stuck-run", "message-without-record"],
  },
  {
    check: "message-without-record",
    sql: [
      `UPDATE messages SET stepPosition = 77 WHERE key = (SELECT min(key) FROM messages WHERE kind = 'step' AND state = 'scheduled')`,
    ],
  },
  {
    check: "message-of-ended-run",
    sql: [
      `UPDATE runs SET state = 'canceled', completedAt = 1 WHERE key = (SELECT min(runKey) FROM messages WHERE kind = 'step' AND state = 'scheduled')`,
    ],
  },
  {
    check: "wait-of-ended-run",
    sql: [
      `UPDATE runs SET state = 'canceled', completedAt = 1 WHERE key = (SELECT runKey FROM waits WHERE key = ${wait("event")})`,
    ],
  },
  {
    check: "wait-without-deadline",
    sql: [`UPDATE waits SET dueAt = NULL WHERE key = ${wait("event")}`],
  },
  {
    check: "call-without-request",
    sql: [`DELETE FROM messages WHERE waitKey = ${wait("call")}`],
  },
  {
    check: "answer-not-told",
    sql: [`UPDATE waits SET state = 'answered' WHERE key = ${wait("call")}`],
  },
  {
    check: "invoke-without-child",
    sql: [`UPDATE waits SET childRunKey = ${ENDED} WHERE key = ${wait("invoke")}`],
  },
  {
    check: "ended-wait-with-deadline",
    sql: [`UPDATE waits SET state = 'dropped' WHERE key = ${wait("event")}`],
    also: ["stuck-run"],
  },
  {
    check: "wait-late",
    sql: [`UPDATE waits SET dueAt = ${LAST_YEAR} WHERE key = ${wait("event")}`],
  },
  {
    check: "event-of-ended-run",
    sql: [`UPDATE events SET runKey = ${ENDED}`],
  },
  {
    check: "message-without-content",
    sql: [`DELETE FROM envelopes WHERE key = ${LATER}`],
  },
  { check: "message-without-end", sql: [`DELETE FROM messages WHERE key = ${LATER}`] },
  {
    check: "message-ended-twice",
    sql: [
      `UPDATE logs SET messageKey = ${LATER} WHERE key = (SELECT min(key) FROM logs WHERE moment = 'delivered')`,
    ],
    also: ["message-without-end"],
  },
  {
    check: "line-mismatch",
    sql: [`UPDATE messages SET waitOrder = 5 WHERE key = ${LATER}`],
  },
  {
    check: "missing-gate",
    sql: [`DELETE FROM queues WHERE name = 'stopped'`],
  },
  {
    check: "place-without-queue",
    sql: [`UPDATE messages SET ticketKey = key, queueName = 'nowhere' WHERE key = ${LATER}`],
  },
  {
    check: "attempt-without-node",
    sql: [
      `UPDATE messages SET nodeKey = 999 WHERE key = (SELECT min(key) FROM messages WHERE state = 'active')`,
    ],
  },
  {
    check: "attempt-late",
    sql: [
      `UPDATE messages SET dueAt = ${LAST_YEAR} WHERE key = (SELECT min(key) FROM messages WHERE state = 'active')`,
    ],
  },
  { check: "message-late", sql: [`UPDATE messages SET dueAt = ${LAST_YEAR} WHERE key = ${LATER}`] },
  {
    check: "claim-without-message",
    sql: [`UPDATE dedups SET messageKey = 999999, expiresAt = 9999999999999`],
  },
  {
    check: "failed-run-without-dead-letter",
    sql: [`DELETE FROM deadLetters WHERE key = ${LETTER}`],
    also: ["failed-message-without-dead-letter"],
  },
  {
    check: "dead-letter-without-failed-run",
    sql: [`UPDATE runs SET deadLetterKey = NULL WHERE deadLetterKey = ${LETTER}`],
    also: ["failed-run-without-dead-letter", "failed-message-without-dead-letter"],
  },
  {
    check: "dead-letter-without-message",
    sql: [
      `DELETE FROM messages WHERE key = (SELECT messageKey FROM deadLetters WHERE key = ${LETTER})`,
    ],
  },
  {
    check: "failed-message-without-dead-letter",
    sql: [`UPDATE deadLetters SET state = 'deleted', closedAt = 5 WHERE key = ${LETTER}`],
  },
  { check: "dead-letter-end", sql: [`UPDATE deadLetters SET closedAt = 5 WHERE key = ${LETTER}`] },
  {
    check: "revived-run",
    sql: [`UPDATE deadLetters SET nextRunKey = NULL WHERE state = 'resumed'`],
  },
  {
    check: "failure-call-lost",
    sql: [
      `UPDATE deadLetters SET callbackState = 'CALLBACK_INPROGRESS', callbackMessageKey = 999999 WHERE key = ${LETTER}`,
    ],
  },
  {
    check: "dead-message-without-content",
    sql: [
      `DELETE FROM envelopes WHERE key = (SELECT messageKey FROM deadMessages WHERE key = ${DEAD})`,
    ],
  },
  {
    check: "dead-message-still-open",
    sql: [`UPDATE deadMessages SET messageKey = ${LATER} WHERE key = ${DEAD}`],
    also: ["failed-without-dead-message"],
  },
  {
    check: "failed-without-dead-message",
    sql: [`DELETE FROM deadMessages WHERE key = ${DEAD}`],
  },
  {
    check: "queue-places",
    sql: [`UPDATE queues SET openCount = openCount + 1 WHERE name = 'stopped'`],
  },
  { check: "queue-line", sql: [`UPDATE queues SET waitingCount = 0 WHERE name = 'line'`] },
  {
    check: "queue-over-parallelism",
    sql: [
      `UPDATE messages SET ticketKey = key, state = 'active', gate = NULL, waitOrder = NULL, createdAt = createdAt + 100000 WHERE gate = 'queue:line'`,
      `UPDATE queues SET openCount = openCount + waitingCount, waitingCount = 0 WHERE name = 'line'`,
    ],
  },
  {
    check: "queue-forgotten",
    sql: [`UPDATE queues SET parallelism = 10 WHERE name = 'line'`],
  },
  {
    check: "flow-control-places",
    sql: [`UPDATE flowControls SET inFlightCount = 1 WHERE name = 'shop'`],
    also: ["flow-control-forgotten"],
  },
  {
    check: "flow-control-line",
    sql: [`UPDATE flowControls SET waitingCount = 0 WHERE name = 'shop'`],
  },
  {
    check: "flow-control-over-parallelism",
    sql: [`UPDATE flowControls SET parallelism = 1, updatedAt = ${LAST_YEAR} WHERE name = 'shop'`],
  },
  {
    check: "flow-control-over-rate",
    sql: [
      `UPDATE flowControls SET rateCount = 5, rate = 4, periodStartAt = updatedAt + 1 WHERE name = 'shop'`,
    ],
    also: ["flow-control-not-woken"],
  },
  {
    check: "flow-control-forgotten",
    sql: [`UPDATE flowControls SET parallelism = 10 WHERE name = 'shop'`],
  },
  {
    check: "flow-control-not-woken",
    sql: [`UPDATE flowControls SET rate = 1, rateCount = 1, dueAt = NULL WHERE name = 'shop'`],
  },
  { check: "schedule-without-tick", sql: [`UPDATE schedules SET dueAt = NULL WHERE id = 'often'`] },
  {
    check: "paused-schedule-with-tick",
    sql: [`UPDATE schedules SET isPaused = 1 WHERE id = 'often'`],
  },
  { check: "schedule-late", sql: [`UPDATE schedules SET dueAt = ${LAST_YEAR} WHERE id = 'often'`] },
  {
    check: "bulk-action-end",
    sql: [`UPDATE bulkActions SET completedAt = NULL`],
  },
  {
    check: "damaged-body",
    sql: [`UPDATE envelopes SET bodyHash = 'wrong' WHERE key = ${LATER}`],
  },
  { check: "damaged-text", sql: [`UPDATE runConfigs SET config = '{"half' WHERE key = ${LIVE}`] },
];

/** What only the files of SQLite can show. */
export const sqlitePlants: readonly Plant[] = [
  { check: "key-sequence", sql: ["UPDATE sequence SET nextKey = 3"] },
];
