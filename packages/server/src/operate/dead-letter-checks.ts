import type { Check } from "./check.ts";

/** What failed for good: it is kept whole, and whoever revives it finds everything. */
export const deadLetterChecks: readonly Check[] = [
  {
    name: "failed-run-without-dead-letter",
    rule: "a failed run has a dead letter",
    meaning: "the run has failed and cannot be resumed",
    advice: "start the work again by hand; report the fault with the run's events",
    subject: "run",
    sql: `SELECT r.key, r.id AS name, NULL AS fact FROM runs r WHERE r.state = 'failed'
      AND NOT EXISTS (SELECT 1 FROM deadLetters d WHERE d.key = r.deadLetterKey)`,
  },
  {
    name: "dead-letter-without-failed-run",
    rule: "a dead letter belongs to a failed run, which names it",
    meaning: "a resume or a restart of the entry cannot work",
    advice:
      "delete the entry (`reprise dlq delete`), and start the work again if it is still wanted",
    subject: "dead letter",
    sql: `SELECT d.key, CAST(d.createdAt AS TEXT) AS name, 'run ' || d.runId || ' is ' || coalesce(r.state, 'missing') AS fact
      FROM deadLetters d LEFT JOIN runs r ON r.key = d.runKey
      WHERE r.key IS NULL OR r.state <> 'failed' OR r.deadLetterKey IS NULL OR r.deadLetterKey <> d.key`,
  },
  {
    name: "dead-letter-without-message",
    rule: "an open dead letter keeps the message that failed",
    meaning: "a resume of the entry would not know where to go on",
    advice: "restart the run instead of resuming it: `reprise dlq restart`",
    subject: "dead letter",
    sql: `SELECT d.key, CAST(d.createdAt AS TEXT) AS name, 'run ' || d.runId AS fact FROM deadLetters d
      WHERE d.state = 'open' AND NOT EXISTS (
        SELECT 1 FROM messages m WHERE m.key = d.messageKey AND m.state = 'failed')`,
  },
  {
    name: "failed-message-without-dead-letter",
    rule: "a failed message is kept for an open dead letter",
    meaning: "a failed message is left that nobody can reach",
    advice: "it does no harm but takes space; report the fault",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, m.kind AS fact FROM messages m WHERE m.state = 'failed'
      AND NOT EXISTS (SELECT 1 FROM deadLetters d JOIN runs r ON r.deadLetterKey = d.key
        WHERE r.key = m.runKey AND d.state = 'open' AND d.messageKey = m.key)`,
  },
  {
    name: "dead-letter-end",
    rule: "a dead letter has the time of its end once it is handled, and not before",
    meaning: "the entry is kept too long, or goes too early",
    advice: "report the fault",
    subject: "dead letter",
    sql: `SELECT d.key, CAST(d.createdAt AS TEXT) AS name, d.state AS fact FROM deadLetters d
      WHERE (d.state = 'open') <> (d.closedAt IS NULL)`,
  },
  {
    name: "revived-run",
    rule: "a dead letter that was resumed or restarted names the run that goes on, and that one names it",
    meaning:
      "a resume was answered, and the run that it should have made is not there or is another's",
    advice:
      "look for a run of the same workflow with `reprise runs list`; start the work again when there is none",
    subject: "dead letter",
    sql: `SELECT d.key, CAST(d.createdAt AS TEXT) AS name, d.state || ' run ' || d.runId AS fact
      FROM deadLetters d LEFT JOIN runs n ON n.key = d.nextRunKey
      WHERE d.state IN ('resumed', 'restarted') AND (d.nextRunKey IS NULL OR n.sourceRunKey <> d.runKey
        OR (n.key IS NOT NULL AND n.sourceRunKey IS NULL))`,
  },
  {
    name: "failure-call-lost",
    rule: "a failure call that is under way has its message",
    meaning: "the failure function of a run is not called although its state says so",
    advice: "cancel the call (`reprise dlq cancel-callback`) and tell the app in another way",
    subject: "dead letter",
    sql: `SELECT d.key, CAST(d.createdAt AS TEXT) AS name, 'run ' || d.runId AS fact FROM deadLetters d
      WHERE d.callbackState = 'CALLBACK_INPROGRESS' AND NOT EXISTS (
        SELECT 1 FROM messages m WHERE m.key = d.callbackMessageKey AND m.kind = 'failureCall')`,
  },
  {
    name: "dead-message-without-content",
    rule: "a dead message keeps its body and its settings as long as it can be sent again",
    meaning: "the entry cannot be sent again",
    advice: "publish the message anew and delete the entry",
    subject: "dead letter",
    sql: `SELECT d.key, CAST(d.createdAt AS TEXT) AS name, NULL AS fact FROM deadMessages d
      WHERE d.state = 'open' AND NOT EXISTS (SELECT 1 FROM envelopes e WHERE e.key = d.messageKey)`,
  },
  {
    name: "dead-message-still-open",
    rule: "a dead message is not delivered any more",
    meaning: "the message is in the dead letter queue and may be delivered all the same",
    advice: "do not send the entry again before the message has ended: see `reprise messages show`",
    subject: "dead letter",
    sql: `SELECT d.key, CAST(d.createdAt AS TEXT) AS name, 'the message is ' || m.state AS fact
      FROM deadMessages d JOIN messages m ON m.key = d.messageKey`,
  },
  {
    name: "failed-without-dead-message",
    rule: "a message that has failed for good is in the dead letter queue",
    meaning: "the message was given up, and nobody can send it again",
    advice: "publish it anew; `reprise messages show` has its body",
    subject: "message",
    // Handled entries leave after their retention, which is seldom shorter than this hour.
    sql: `SELECT l.messageKey AS key, NULL AS name, NULL AS fact FROM logs l
      WHERE l.moment = 'failed' AND l.at > :now - 3600000
      AND NOT EXISTS (SELECT 1 FROM deadMessages d WHERE d.messageKey = l.messageKey)`,
  },
];
