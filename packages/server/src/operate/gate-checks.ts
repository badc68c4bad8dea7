import type { Check } from "./check.ts";

const ticketsOf = "(SELECT count(DISTINCT m.ticketKey) FROM messages m WHERE m.queueName = q.name)";
const lineOfQueue = "(SELECT count(*) FROM messages m WHERE m.gate = 'queue:' || q.name)";
const inFlightOf = `(SELECT count(*) FROM messages m
  WHERE m.flowControlKey = f.name AND m.state IN ('active', 'canceling'))`;
const lineOfFlow = "(SELECT count(*) FROM messages m WHERE m.gate = 'flow:' || f.name)";

const countAdvice =
  "the count decides who may go: report the fault, and make the queue or key anew under another name until it is understood";

/** Queues, flow controls, schedules: what they count is there, and nobody waits whom they let go. */
export const gateChecks: readonly Check[] = [
  {
    name: "queue-places",
    rule: "a queue counts the places that are taken",
    meaning: "the queue delivers more at once than allowed, or less, or nothing any more",
    advice: countAdvice,
    subject: "queue",
    sql: `SELECT q.key, q.name, CAST(q.openCount AS TEXT) || ' counted, there are ' || CAST(${ticketsOf} AS TEXT) AS fact
      FROM queues q WHERE q.openCount <> ${ticketsOf}`,
  },
  {
    name: "queue-line",
    rule: "a queue counts the messages in its line",
    meaning: "messages overtake others, or the line is not called any more",
    advice: countAdvice,
    subject: "queue",
    sql: `SELECT q.key, q.name, CAST(q.waitingCount AS TEXT) || ' counted, there are ' || CAST(${lineOfQueue} AS TEXT) AS fact
      FROM queues q WHERE q.waitingCount <> ${lineOfQueue}`,
  },
  {
    name: "queue-over-parallelism",
    rule: "no queue has more messages under way than its parallelism",
    meaning: "the order of a FIFO queue does not hold",
    advice: "look at `reprise queues show`; report the fault with the logs of its messages",
    subject: "queue",
    // A parallelism that was made smaller takes nothing back: only a place that was taken since speaks of a fault.
    sql: `SELECT q.key, q.name, CAST(q.openCount AS TEXT) || ' under way, allowed are ' || CAST(q.parallelism AS TEXT) AS fact
      FROM queues q WHERE q.openCount > q.parallelism AND EXISTS (
        SELECT 1 FROM messages m WHERE m.queueName = q.name AND m.ticketKey = m.key AND m.createdAt > q.updatedAt)`,
  },
  {
    name: "queue-forgotten",
    rule: "nobody waits for a queue that has a free place",
    meaning: "the queue stands still although it could deliver",
    advice:
      "pause and resume it: `reprise queues pause <name>`, `reprise queues resume <name>`; report the fault",
    subject: "queue",
    needsServer: true,
    isFleeting: true,
    sql: `SELECT head.key, q.name, CAST(q.waitingCount AS TEXT) || ' wait, ' || CAST(q.openCount AS TEXT) || ' of '
        || CAST(q.parallelism AS TEXT) || ' places are taken' AS fact
      FROM queues q JOIN messages head ON head.gate = 'queue:' || q.name
      WHERE q.isPaused = 0 AND q.openCount < q.parallelism AND head.waitOrder = (
        SELECT min(m.waitOrder) FROM messages m WHERE m.gate = 'queue:' || q.name)`,
  },
  {
    name: "flow-control-places",
    rule: "a flow control counts the attempts that are in flight",
    meaning: "more attempts are made at once than allowed, or less, or none any more",
    advice: countAdvice,
    subject: "flow control",
    sql: `SELECT f.key, f.name, CAST(f.inFlightCount AS TEXT) || ' counted, there are ' || CAST(${inFlightOf} AS TEXT) AS fact
      FROM flowControls f WHERE f.inFlightCount <> ${inFlightOf}`,
  },
  {
    name: "flow-control-line",
    rule: "a flow control counts the messages in its line",
    meaning: "messages overtake others, or the line is not called any more",
    advice: countAdvice,
    subject: "flow control",
    sql: `SELECT f.key, f.name, CAST(f.waitingCount AS TEXT) || ' counted, there are ' || CAST(${lineOfFlow} AS TEXT) AS fact
      FROM flowControls f WHERE f.waitingCount <> ${lineOfFlow}`,
  },
  {
    name: "flow-control-over-parallelism",
    rule: "no flow control has more attempts in flight than its parallelism",
    meaning: "a service gets more requests at once than it was promised",
    advice: "report the fault with the logs of the messages in flight",
    subject: "flow control",
    // As for queues.
    sql: `SELECT f.key, f.name, CAST(f.inFlightCount AS TEXT) || ' in flight, allowed are ' || CAST(f.parallelism AS TEXT) AS fact
      FROM flowControls f WHERE f.inFlightCount > f.parallelism AND EXISTS (
        SELECT 1 FROM messages m WHERE m.flowControlKey = f.name AND m.state IN ('active', 'canceling') AND m.createdAt > f.updatedAt)`,
  },
  {
    name: "flow-control-over-rate",
    rule: "no flow control starts more attempts in a period than its rate",
    meaning: "a service gets more requests in a period than it was promised",
    advice: "report the fault with the logs of its messages",
    subject: "flow control",
    sql: `SELECT f.key, f.name, CAST(f.rateCount AS TEXT) || ' started, allowed are ' || CAST(f.rate AS TEXT) AS fact
      FROM flowControls f WHERE f.rateCount > f.rate AND f.periodStartAt > f.updatedAt`,
  },
  {
    name: "flow-control-forgotten",
    rule: "nobody waits for a flow control that lets messages go",
    meaning: "messages of the key stand still although they could be delivered",
    advice:
      "pause and resume it: `reprise flow-control pause <key>`, `reprise flow-control resume <key>`; report the fault",
    subject: "flow control",
    needsServer: true,
    isFleeting: true,
    sql: `SELECT head.key, f.name, CAST(f.waitingCount AS TEXT) || ' wait' AS fact
      FROM flowControls f JOIN messages head ON head.gate = 'flow:' || f.name
      WHERE f.isPaused = 0 AND (f.parallelism IS NULL OR f.inFlightCount < f.parallelism)
      AND (f.rate IS NULL OR f.rateCount < f.rate OR f.periodStartAt + f.periodMs < :now - :lateMs)
      AND head.waitOrder = (SELECT min(m.waitOrder) FROM messages m WHERE m.gate = 'flow:' || f.name)`,
  },
  {
    name: "flow-control-not-woken",
    rule: "a flow control whose rate is used up is looked at again when the next period begins",
    meaning: "messages of the key wait for ever",
    advice:
      "pause and resume it: `reprise flow-control pause <key>`, `reprise flow-control resume <key>`; report the fault",
    subject: "flow control",
    sql: `SELECT f.key, f.name, CAST(f.waitingCount AS TEXT) || ' wait' AS fact FROM flowControls f
      WHERE f.waitingCount > 0 AND f.isPaused = 0 AND f.rate IS NOT NULL AND f.rateCount >= f.rate AND f.dueAt IS NULL`,
  },
  {
    name: "schedule-without-tick",
    rule: "a schedule that is not paused has its next tick, or says why it has none",
    meaning: "the schedule makes no messages any more",
    advice: "pause and resume it: `reprise schedules pause <id>`, `reprise schedules resume <id>`",
    subject: "schedule",
    sql: `SELECT s.key, s.id AS name, s.cron AS fact FROM schedules s
      WHERE s.isPaused = 0 AND s.dueAt IS NULL AND s.error IS NULL`,
  },
  {
    name: "paused-schedule-with-tick",
    rule: "a paused schedule has no next tick",
    meaning: "the schedule may make messages although it is paused",
    advice: "resume and pause it: `reprise schedules resume <id>`, `reprise schedules pause <id>`",
    subject: "schedule",
    sql: `SELECT s.key, s.id AS name, s.cron AS fact FROM schedules s WHERE s.isPaused = 1 AND s.dueAt IS NOT NULL`,
  },
  {
    name: "schedule-late",
    rule: "a schedule ticks when it is due",
    meaning: "messages of the schedule are late: the server is behind, or stands still",
    advice: "look at the server's log and at /readyz; when it is healthy and idle, start it again",
    subject: "schedule",
    needsServer: true,
    isFleeting: true,
    sql: `SELECT s.key, s.id AS name, CAST((:now - s.dueAt) / 1000 AS TEXT) || ' s late' AS fact
      FROM schedules s WHERE s.dueAt < :now - :lateMs`,
  },
  {
    name: "bulk-action-end",
    rule: "a bulk action has the time of its end once it is finished, and not before",
    meaning: "the action is shown as what it is not",
    advice: "report the fault",
    subject: "bulk action",
    sql: `SELECT b.key, NULL AS name, b.state AS fact FROM bulkActions b
      WHERE (b.state = 'finished') <> (b.completedAt IS NOT NULL)`,
  },
];
