/**
 * Steps whose results come from outside their runs, and events that came before anybody waited for them. Indexes are partial, so that
 * a wait that is over costs nothing but its place.
 */
export const waitTables = `
ALTER TABLE messages ADD COLUMN waitKey INTEGER;

CREATE TABLE waits (
  key INTEGER PRIMARY KEY,
  runKey INTEGER NOT NULL,
  stepId INTEGER NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  endedAt INTEGER,
  dueAt INTEGER,
  eventId TEXT,
  requestKey INTEGER,
  childRunKey INTEGER,
  config TEXT NOT NULL,
  body BLOB,
  answer BLOB
) STRICT;

CREATE TABLE events (
  key INTEGER PRIMARY KEY,
  runKey INTEGER NOT NULL,
  eventId TEXT NOT NULL,
  source TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX waitsByStep ON waits (runKey, stepId);
CREATE INDEX waitsByEvent ON waits (eventId, runKey) WHERE state = 'open' AND eventId IS NOT NULL;
CREATE INDEX waitsByChild ON waits (childRunKey) WHERE state = 'open' AND childRunKey IS NOT NULL;
CREATE INDEX waitsDue ON waits (dueAt) WHERE dueAt IS NOT NULL;
CREATE INDEX eventsByRun ON events (runKey, eventId);
`;
