/**
 * Everything that messages without a workflow need. An open message is a small row that changes with every attempt; its body and
 * settings are written once, beside it, and stay when it is gone. Indexes are partial, so that the steps of runs pay for none.
 * Bodies are the last columns: what stands behind one is read through all of it.
 */
export const messageTables = `
ALTER TABLE messages ADD COLUMN gate TEXT;
ALTER TABLE messages ADD COLUMN waitOrder INTEGER;
ALTER TABLE messages ADD COLUMN queueName TEXT;
ALTER TABLE messages ADD COLUMN ticketKey INTEGER;
ALTER TABLE messages ADD COLUMN flowControlKey TEXT;
ALTER TABLE messages ADD COLUMN hasCallback INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN labels TEXT;
ALTER TABLE messages ADD COLUMN topicName TEXT;
ALTER TABLE messages ADD COLUMN scheduleId TEXT;
ALTER TABLE messages ADD COLUMN callerIp TEXT;
DROP INDEX messagesDue;
CREATE INDEX messagesDue ON messages (state, dueAt) WHERE state IN ('scheduled', 'active', 'canceling');
DROP INDEX messagesByRun;
CREATE INDEX messagesByRun ON messages (runKey) WHERE runKey IS NOT NULL;
CREATE INDEX messagesWaiting ON messages (gate, waitOrder) WHERE gate IS NOT NULL;
CREATE INDEX messagesByQueue ON messages (queueName) WHERE queueName IS NOT NULL;
CREATE INDEX messagesByTicket ON messages (ticketKey) WHERE ticketKey IS NOT NULL;
CREATE INDEX messagesByFlowControl ON messages (flowControlKey) WHERE flowControlKey IS NOT NULL;

CREATE TABLE envelopes (
  key INTEGER PRIMARY KEY,
  createdAt INTEGER NOT NULL,
  url TEXT NOT NULL,
  config TEXT NOT NULL,
  body BLOB NOT NULL,
  bodyHash TEXT NOT NULL
) STRICT;

CREATE TABLE logs (
  key INTEGER PRIMARY KEY,
  messageKey INTEGER NOT NULL,
  at INTEGER NOT NULL,
  moment TEXT NOT NULL,
  retried INTEGER NOT NULL,
  startedAt INTEGER,
  nextAt INTEGER,
  status INTEGER,
  error TEXT,
  cause TEXT,
  responseHeaders TEXT,
  isTruncated INTEGER NOT NULL,
  move TEXT,
  responseBody BLOB
) STRICT;

CREATE TABLE deadMessages (
  key INTEGER PRIMARY KEY,
  state TEXT NOT NULL,
  messageKey INTEGER NOT NULL,
  createdAt INTEGER NOT NULL,
  closedAt INTEGER,
  nextMessageKey INTEGER,
  url TEXT NOT NULL,
  labels TEXT,
  queueName TEXT,
  flowControlKey TEXT,
  topicName TEXT,
  scheduleId TEXT,
  callerIp TEXT NOT NULL,
  responseStatus INTEGER NOT NULL,
  responseHeaders TEXT,
  isTruncated INTEGER NOT NULL,
  reason TEXT NOT NULL,
  cause TEXT,
  responseBody BLOB
) STRICT;

CREATE TABLE dedups (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  messageKey INTEGER NOT NULL,
  expiresAt INTEGER NOT NULL
) STRICT;

CREATE TABLE queues (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  updatedAt INTEGER NOT NULL,
  parallelism INTEGER NOT NULL,
  isPaused INTEGER NOT NULL,
  openCount INTEGER NOT NULL,
  waitingCount INTEGER NOT NULL
) STRICT;

CREATE TABLE urlGroups (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  updatedAt INTEGER NOT NULL,
  endpoints TEXT NOT NULL,
  headers TEXT
) STRICT;

CREATE TABLE flowControls (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  updatedAt INTEGER NOT NULL,
  parallelism INTEGER,
  rate INTEGER,
  periodMs INTEGER NOT NULL,
  isPaused INTEGER NOT NULL,
  isPinnedParallelism INTEGER NOT NULL,
  isPinnedRate INTEGER NOT NULL,
  inFlightCount INTEGER NOT NULL,
  rateCount INTEGER NOT NULL,
  periodStartAt INTEGER NOT NULL,
  waitingCount INTEGER NOT NULL,
  dueAt INTEGER
) STRICT;

CREATE TABLE schedules (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  updatedAt INTEGER NOT NULL,
  cron TEXT NOT NULL,
  destination TEXT NOT NULL,
  isPaused INTEGER NOT NULL,
  dueAt INTEGER,
  lastAt INTEGER,
  lastMessages TEXT,
  error TEXT,
  config TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE bulkActions (
  key INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  completedAt INTEGER,
  filter TEXT NOT NULL,
  total INTEGER NOT NULL,
  processed INTEGER NOT NULL,
  afterKey INTEGER NOT NULL
) STRICT;

CREATE INDEX logsByMessage ON logs (messageKey);
CREATE INDEX deadMessagesByState ON deadMessages (state);
CREATE INDEX deadMessagesByMessage ON deadMessages (messageKey);
CREATE UNIQUE INDEX dedupsById ON dedups (id);
CREATE INDEX dedupsByExpiry ON dedups (expiresAt);
CREATE UNIQUE INDEX queuesByName ON queues (name);
CREATE UNIQUE INDEX urlGroupsByName ON urlGroups (name);
CREATE UNIQUE INDEX flowControlsByName ON flowControls (name);
CREATE INDEX flowControlsDue ON flowControls (dueAt) WHERE dueAt IS NOT NULL;
CREATE UNIQUE INDEX schedulesById ON schedules (id);
CREATE INDEX schedulesDue ON schedules (dueAt) WHERE dueAt IS NOT NULL;
CREATE INDEX bulkActionsByState ON bulkActions (state);
`;
