import { DatabaseSync } from "node:sqlite";

/** What must hold in every committed state: the counts of queues and keys are those of their messages. */
const COUNTS = `
  SELECT 'queue ' || name || ': openCount' AS what, openCount AS counted,
    (SELECT count(DISTINCT ticketKey) FROM messages WHERE queueName = name) AS real FROM queues
  UNION ALL
  SELECT 'queue ' || name || ': waitingCount', waitingCount,
    (SELECT count(*) FROM messages WHERE gate = 'queue:' || name) FROM queues
  UNION ALL
  SELECT 'key ' || name || ': inFlightCount', inFlightCount,
    (SELECT count(*) FROM messages
     WHERE flowControlKey = name AND kind IN ('plain', 'callback') AND state IN ('active', 'canceling'))
    FROM flowControls
  UNION ALL
  SELECT 'key ' || name || ': waitingCount', waitingCount,
    (SELECT count(*) FROM messages WHERE gate = 'flow:' || name) FROM flowControls
  UNION ALL
  SELECT 'messages without an envelope', 0,
    (SELECT count(*) FROM messages WHERE kind IN ('plain', 'callback') AND key NOT IN (SELECT key FROM envelopes))
  UNION ALL
  SELECT 'messages that wait nowhere, or stand in a line and do not wait', 0,
    (SELECT count(*) FROM messages WHERE (state = 'waiting') <> (gate IS NOT NULL))
  UNION ALL
  SELECT 'messages beyond the places of queue ' || name, 0, max(0, openCount - parallelism) FROM queues
  UNION ALL
  SELECT 'attempts beyond the places of key ' || name, 0,
    max(0, inFlightCount - coalesce(parallelism, inFlightCount)) FROM flowControls
  UNION ALL
  SELECT 'starts beyond the rate of key ' || name, 0,
    max(0, rateCount - coalesce(rate, rateCount)) FROM flowControls
  UNION ALL
  SELECT 'claims without a message', 0,
    (SELECT count(*) FROM dedups WHERE messageKey NOT IN (SELECT key FROM envelopes))
`;

/** What speaks against it in the database at `path`. */
export function gateCountFaults(path: string): readonly string[] {
  const database = new DatabaseSync(path);
  try {
    const integrity = database.prepare("PRAGMA integrity_check").all();
    const wrong = database.prepare(`SELECT * FROM (${COUNTS}) WHERE counted <> real`).all();
    return [
      ...integrity.map((row) => String(row.integrity_check)).filter((text) => text !== "ok"),
      ...wrong.map(({ what, counted, real }) => `${what}: ${real}, counted are ${counted}`),
    ];
  } finally {
    database.close();
  }
}

/** Lines in which somebody waits although their gate lets them go; when nothing is under way there is none. */
export function openLineFaults(path: string): readonly string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const lines = database
      .prepare(
        `SELECT gate, count(*) AS count FROM messages WHERE gate IS NOT NULL
           AND gate NOT IN (SELECT 'queue:' || name FROM queues WHERE isPaused = 1)
           AND gate NOT IN (SELECT 'flow:' || name FROM flowControls WHERE isPaused = 1)
         GROUP BY gate`,
      )
      .all();
    return lines.map(({ gate, count }) => `${count} messages wait at ${gate}, which is open`);
  } finally {
    database.close();
  }
}
