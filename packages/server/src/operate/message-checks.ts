import type { Check } from "./check.ts";

const END_MOMENTS = "('delivered', 'failed', 'canceled', 'canceledLate')";

/** Messages without a run, and attempts of all: nothing accepted is lost, and whatever is in flight has somebody who speaks for it. */
export const messageChecks: readonly Check[] = [
  {
    name: "message-without-content",
    rule: "every open message has its body and its settings",
    meaning: "the message cannot be delivered",
    advice: "cancel it (`reprise messages cancel`) and publish it anew",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, m.state AS fact FROM messages m WHERE m.kind IN ('plain', 'callback')
      AND NOT EXISTS (SELECT 1 FROM envelopes e WHERE e.key = m.key)`,
  },
  {
    name: "message-without-end",
    rule: "an accepted message is open, or its log says how it has ended",
    meaning: "an accepted message was lost: nobody will deliver it, and nobody has given it up",
    advice: "publish it anew; `reprise messages show` has its body. Report the fault with its log",
    subject: "message",
    sql: `SELECT e.key, NULL AS name, 'neither open nor ended' AS fact FROM envelopes e
      WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.key = e.key)
      AND EXISTS (SELECT 1 FROM logs l WHERE l.messageKey = e.key)
      AND NOT EXISTS (SELECT 1 FROM logs l WHERE l.messageKey = e.key AND l.moment IN ${END_MOMENTS})`,
  },
  {
    name: "message-ended-twice",
    rule: "a message ends once, and is gone then",
    meaning: "a message was reported as ended, and goes on or has ended again",
    advice: "its destination may have got it twice; report the fault with its log",
    subject: "message",
    sql: `SELECT l.messageKey AS key, NULL AS name, CAST(count(*) AS TEXT) || ' ends in the log' AS fact
      FROM logs l WHERE l.moment IN ${END_MOMENTS} GROUP BY l.messageKey
      HAVING count(*) > 1 OR EXISTS (SELECT 1 FROM messages m WHERE m.key = l.messageKey)`,
  },
  {
    name: "line-mismatch",
    rule: "a waiting message has a place in one line, and others have none",
    meaning: "the message is never called, or is called although it does not wait",
    advice: "cancel it (`reprise messages cancel`) and publish it anew; report the fault",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, m.state || ' at ' || coalesce(m.gate, 'no line') AS fact FROM messages m
      WHERE (m.state = 'waiting') <> (m.gate IS NOT NULL) OR (m.gate IS NULL AND m.waitOrder IS NOT NULL)
      OR (m.gate IS NOT NULL AND m.waitOrder IS NULL)`,
  },
  {
    name: "missing-gate",
    rule: "messages wait for queues and flow controls that exist",
    meaning: "nobody will ever call the message",
    advice: "cancel it (`reprise messages cancel`) and publish it anew; report the fault",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, 'waits at ' || m.gate AS fact FROM messages m
      WHERE (m.gate LIKE 'queue:%' AND NOT EXISTS (SELECT 1 FROM queues q WHERE 'queue:' || q.name = m.gate))
      OR (m.gate LIKE 'flow:%' AND NOT EXISTS (SELECT 1 FROM flowControls f WHERE 'flow:' || f.name = m.gate))`,
  },
  {
    name: "place-without-queue",
    rule: "who holds a place in a queue has that queue",
    meaning: "the place is counted nowhere, so the queue may deliver more at once than allowed",
    advice: "the place goes with the message; report the fault",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, 'queue ' || coalesce(m.queueName, 'without a name') AS fact FROM messages m
      WHERE m.kind = 'plain' AND m.state <> 'canceling' AND m.ticketKey IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM queues q WHERE q.name = m.queueName)`,
  },
  {
    name: "attempt-without-node",
    rule: "an attempt in flight is made by a server that exists",
    meaning: "nobody makes the attempt, and no server has taken the message over",
    advice: "start a server again: at its start it takes over what nobody speaks for",
    subject: "message",
    needsServer: true,
    isFleeting: true,
    sql: `SELECT m.key, NULL AS name, m.state AS fact FROM messages m
      WHERE m.state IN ('active', 'canceling') AND m.nodeKey IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM nodes n WHERE n.key = m.nodeKey)`,
  },
  {
    name: "attempt-late",
    rule: "an attempt ends, or is taken over, when its lease is over",
    meaning: "a delivery hangs: nobody speaks for it, and nobody takes it over",
    advice: "look at the server's log and at /readyz; start the server again when it stands still",
    subject: "message",
    needsServer: true,
    isFleeting: true,
    sql: `SELECT m.key, NULL AS name, m.state || ', its lease ended ' || CAST((:now - m.dueAt) / 1000 AS TEXT) || ' s ago' AS fact
      FROM messages m WHERE m.state IN ('active', 'canceling') AND m.dueAt < :now - :lateMs`,
  },
  {
    name: "message-late",
    rule: "a message begins when it is due, or waits in a line",
    meaning: "deliveries are late: the server is behind, or stands still",
    advice:
      "look at the server's log and at /readyz; when it is healthy it has more work than it can do",
    subject: "message",
    needsServer: true,
    isFleeting: true,
    sql: `SELECT m.key, NULL AS name, CAST((:now - m.dueAt) / 1000 AS TEXT) || ' s late' AS fact
      FROM messages m WHERE m.state = 'scheduled' AND m.dueAt < :now - :lateMs`,
  },
  {
    name: "claim-without-message",
    rule: "a deduplication id is claimed by a message that exists",
    meaning:
      "a publish with this id would be answered with a message that is not there, and be lost",
    advice: "publish with another id until the claim is over",
    subject: "claim",
    // Claims of schedules may outlive them: then the next creation makes a new one. Retention by size may take a message before its
    // claim is over, but never before one that is older and had ended before the younger one was made.
    sql: `SELECT c.key, c.id AS name, NULL AS fact
      FROM (SELECT * FROM dedups d WHERE d.expiresAt > :now AND d.id NOT LIKE 'schedule:%'
        AND NOT EXISTS (SELECT 1 FROM envelopes e WHERE e.key = d.messageKey) ORDER BY d.key LIMIT 100) c
      WHERE EXISTS (SELECT 1 FROM envelopes e WHERE e.key < c.messageKey
        AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.key = e.key)
        AND NOT EXISTS (SELECT 1 FROM deadMessages d WHERE d.messageKey = e.key AND d.state = 'open')
        AND (SELECT max(l.at) FROM logs l WHERE l.messageKey = e.key) < (SELECT before.createdAt FROM envelopes before
          WHERE before.key = (SELECT max(younger.key) FROM envelopes younger WHERE younger.key < c.messageKey)))`,
  },
];
