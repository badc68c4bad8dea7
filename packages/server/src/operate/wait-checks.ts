import { type Check, isOpenRun } from "./check.ts";

/** Steps that somebody outside of their runs completes: each has somebody who will, and none is left behind. */
export const waitChecks: readonly Check[] = [
  {
    name: "wait-of-ended-run",
    rule: "nobody waits for a run that has ended for good",
    meaning: "an event may be taken by a run that is over, instead of by one that needs it",
    advice: "report the fault with the run's events",
    subject: "wait",
    sql: `SELECT w.key, r.id AS name, w.kind || ' of a ' || coalesce(r.state, 'missing') || ' run' AS fact
      FROM waits w LEFT JOIN runs r ON r.key = w.runKey
      WHERE w.state IN ('open', 'answered') AND (r.key IS NULL OR NOT ${isOpenRun})`,
  },
  {
    name: "wait-without-deadline",
    rule: "an open wait for an event or a webhook has a deadline",
    meaning: "the run waits for ever when the event does not come",
    advice: "let the event happen (`reprise notify`) or cancel the run",
    subject: "wait",
    sql: `SELECT w.key, r.id AS name, w.kind AS fact FROM waits w JOIN runs r ON r.key = w.runKey
      WHERE w.kind IN ('event', 'webhook') AND w.state = 'open' AND w.dueAt IS NULL`,
  },
  {
    name: "call-without-request",
    rule: "a step that waits for a call has the request that is being made",
    meaning: "the call is not made any more, and the run waits for ever",
    advice: "cancel the run and start it again",
    subject: "wait",
    sql: `SELECT w.key, r.id AS name, 'step ' || CAST(w.stepId AS TEXT) AS fact
      FROM waits w JOIN runs r ON r.key = w.runKey
      WHERE w.kind = 'call' AND w.state = 'open' AND NOT EXISTS (
        SELECT 1 FROM messages m WHERE m.runKey = w.runKey AND m.waitKey = w.key AND m.kind = 'call')`,
  },
  {
    name: "answer-not-told",
    rule: "the app of a running run is being told of the answer of a call until the step has its result",
    meaning: "a service has answered, and the run does not learn it",
    advice: "cancel the run and start it again",
    subject: "wait",
    sql: `SELECT w.key, r.id AS name, 'step ' || CAST(w.stepId AS TEXT) AS fact
      FROM waits w JOIN runs r ON r.key = w.runKey
      WHERE w.state = 'answered' AND r.state = 'started' AND NOT EXISTS (
        SELECT 1 FROM messages m WHERE m.runKey = w.runKey AND m.waitKey = w.key AND m.kind = 'callResult')`,
  },
  {
    name: "invoke-without-child",
    rule: "a step that waits for an invoked run has a live one",
    meaning: "the invoked run has ended and its parent was not told",
    advice: "cancel the parent and start it again",
    subject: "wait",
    sql: `SELECT w.key, r.id AS name, 'step ' || CAST(w.stepId AS TEXT) AS fact
      FROM waits w JOIN runs r ON r.key = w.runKey
      WHERE w.kind = 'invoke' AND w.state = 'open' AND NOT EXISTS (
        SELECT 1 FROM runs child WHERE child.key = w.childRunKey AND child.state = 'started')`,
  },
  {
    name: "ended-wait-with-deadline",
    rule: "a wait that is over has no deadline",
    meaning: "the server is woken for it again and again",
    advice: "report the fault with the run's events",
    subject: "wait",
    sql: `SELECT w.key, r.id AS name, w.state AS fact FROM waits w LEFT JOIN runs r ON r.key = w.runKey
      WHERE w.state <> 'open' AND w.dueAt IS NOT NULL`,
  },
  {
    name: "wait-late",
    rule: "a wait ends when its time is up",
    meaning: "a run waits longer than its app has asked for: the server is behind, or stands still",
    advice: "look at the server's log and at /readyz; when it is healthy and idle, start it again",
    subject: "wait",
    needsServer: true,
    isFleeting: true,
    sql: `SELECT w.key, r.id AS name, CAST((:now - w.dueAt) / 1000 AS TEXT) || ' s late' AS fact
      FROM waits w LEFT JOIN runs r ON r.key = w.runKey WHERE w.dueAt IS NOT NULL AND w.dueAt < :now - :lateMs`,
  },
  {
    name: "event-of-ended-run",
    rule: "no event is kept for a run that has ended for good",
    meaning: "events are left that nobody will take",
    advice: "they do no harm but take space; report the fault",
    subject: "event",
    sql: `SELECT e.key, r.id AS name, e.eventId AS fact FROM events e LEFT JOIN runs r ON r.key = e.runKey
      WHERE r.key IS NULL OR NOT ${isOpenRun}`,
  },
];
