import { type Check, isOpenRun, OPEN_STATES } from "./check.ts";

/** Runs and their records: every live one can be moved on, and every list is whole. */
export const runChecks: readonly Check[] = [
  {
    name: "stuck-run",
    rule: "a live run has a message, a call, a wait or a child that will wake it",
    meaning: "the run waits for nothing and will not go on by itself",
    advice:
      "look at it with `reprise runs show`, then deliver its last step once more: `reprise runs nudge <id>`. " +
      "An app makes such runs that answers a delivery without going on",
    subject: "run",
    isFleeting: true,
    sql: `SELECT r.key, r.id AS name, 'nothing can wake it' AS fact FROM runs r WHERE r.state = 'started'
      AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.runKey = r.key AND m.state IN ${OPEN_STATES})
      AND NOT EXISTS (SELECT 1 FROM waits w WHERE w.runKey = r.key AND w.state = 'open')`,
  },
  {
    name: "run-without-settings",
    rule: "every run has the settings that it was started with",
    meaning: "the run cannot be delivered any more",
    advice: "cancel the run and start it again; restore a backup if there are many",
    subject: "run",
    sql: `SELECT r.key, r.id AS name, NULL AS fact FROM runs r
      WHERE NOT EXISTS (SELECT 1 FROM runConfigs c WHERE c.key = r.key)`,
  },
  {
    // Retention takes the records of a long run that is over from the front, several at a time.
    name: "record-gap",
    rule: "the records of a run have the positions 0, 1, 2, ... without a gap",
    meaning: "a record of the run is lost or doubled, and the app would be told a wrong history",
    advice: "do not resume the run; restore a backup, or start the run again",
    subject: "run",
    sql: `SELECT r.key, r.id AS name,
        CAST(s.counted AS TEXT) || ' records, positions ' || CAST(s.lowest AS TEXT) || ' to ' || CAST(s.highest AS TEXT) AS fact
      FROM (SELECT runKey, count(*) AS counted, min(position) AS lowest, max(position) AS highest,
          count(DISTINCT position) AS places FROM steps GROUP BY runKey) s JOIN runs r ON r.key = s.runKey
      WHERE s.places <> s.counted OR s.highest - s.lowest <> s.counted - 1 OR (s.lowest <> 0 AND ${isOpenRun})`,
  },
  {
    name: "record-count",
    rule: "a run counts its records as they are",
    meaning: "the next record would take a wrong position",
    advice: "cancel the run and start it again; report the fault with the run's events",
    subject: "run",
    sql: `SELECT r.key, r.id AS name,
        CAST(r.stepCount AS TEXT) || ' counted, there are ' || CAST(coalesce(s.highest + 1, 0) AS TEXT) AS fact
      FROM runs r LEFT JOIN (SELECT runKey, max(position) AS highest FROM steps GROUP BY runKey) s ON s.runKey = r.key
      WHERE r.stepCount <> s.highest + 1 OR (s.highest IS NULL AND ${isOpenRun})`,
  },
  {
    name: "record-without-run",
    rule: "every record belongs to a run",
    meaning: "records of a run are left that nobody can reach",
    advice: "they do no harm but take space; report the fault",
    subject: "record",
    sql: `SELECT s.key, NULL AS name, 'its run has the key ' || CAST(s.runKey AS TEXT) AS fact FROM steps s
      WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.key = s.runKey)`,
  },
  {
    name: "run-end",
    rule: "a run has the time of its end once it has ended, and not before",
    meaning: "lists by time and retention take the run for what it is not",
    advice: "report the fault with the run's events",
    subject: "run",
    sql: `SELECT r.key, r.id AS name, r.state AS fact FROM runs r
      WHERE (r.state = 'started') <> (r.completedAt IS NULL)`,
  },
  {
    name: "message-without-run",
    rule: "every message of a workflow belongs to a run",
    meaning: "a delivery is promised for a run that does not exist",
    advice: "the server drops it when it is due; report the fault",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, m.kind AS fact FROM messages m WHERE m.kind NOT IN ('plain', 'callback')
      AND NOT EXISTS (SELECT 1 FROM runs r WHERE r.key = m.runKey)`,
  },
  {
    name: "message-without-record",
    rule: "the message of a step has the record that it delivers",
    meaning: "the run cannot be delivered",
    advice: "cancel the run and start it again",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, 'record ' || CAST(m.stepPosition AS TEXT) || ' is missing' AS fact
      FROM messages m WHERE m.kind = 'step' AND NOT EXISTS (
        SELECT 1 FROM steps s WHERE s.runKey = m.runKey AND s.position = m.stepPosition)`,
  },
  {
    name: "message-of-ended-run",
    rule: "nothing is still to be sent for a run that has ended for good",
    meaning: "the app would be called for a run that is over",
    advice: "the server drops it when it is due; report the fault with the run's events",
    subject: "message",
    sql: `SELECT m.key, NULL AS name, m.kind || ' of the ' || r.state || ' run ' || r.id AS fact
      FROM messages m JOIN runs r ON r.key = m.runKey
      WHERE m.state IN ('scheduled', 'waiting') AND m.kind <> 'failureCall' AND NOT ${isOpenRun}`,
  },
];
