-- The schema as version 3 has left it in the files of its users; never changed.
CREATE TABLE sequence (
  key INTEGER PRIMARY KEY CHECK (key = 1),
  nextKey INTEGER NOT NULL
) STRICT;
CREATE TABLE runs (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  state TEXT NOT NULL,
  url TEXT NOT NULL,
  createdAt INTEGER NOT NULL,
  completedAt INTEGER,
  stepCount INTEGER NOT NULL,
  bodyBytes INTEGER NOT NULL,
  callerIp TEXT NOT NULL,
  labels TEXT,
  flowControlKey TEXT,
  response BLOB,
  deadLetterKey INTEGER,
  sourceRunKey INTEGER,
  invoker TEXT
) STRICT;
CREATE INDEX runsById ON runs (id);
CREATE UNIQUE INDEX runsLiveById ON runs (id) WHERE state = 'started';
CREATE INDEX runsByUrl ON runs (url);
CREATE INDEX runsByState ON runs (state);
CREATE TABLE runConfigs (
  key INTEGER PRIMARY KEY,
  config TEXT NOT NULL
) STRICT;
CREATE TABLE steps (
  key INTEGER PRIMARY KEY,
  runKey INTEGER NOT NULL,
  position INTEGER NOT NULL,
  slot INTEGER NOT NULL,
  nextStepId INTEGER NOT NULL,
  createdAt INTEGER NOT NULL,
  dueAt INTEGER NOT NULL,
  callType TEXT NOT NULL,
  config TEXT NOT NULL,
  body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX stepsBySlot ON steps (runKey, slot);
CREATE TABLE messages (
  key INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  runKey INTEGER,
  stepPosition INTEGER,
  deadLetterKey INTEGER,
  createdAt INTEGER NOT NULL,
  dueAt INTEGER NOT NULL,
  retried INTEGER NOT NULL,
  retries INTEGER NOT NULL,
  leaseToken INTEGER NOT NULL,
  url TEXT NOT NULL,
  config TEXT,
  body BLOB
, gate TEXT, waitOrder INTEGER, queueName TEXT, ticketKey INTEGER, flowControlKey TEXT, hasCallback INTEGER NOT NULL DEFAULT 0, labels TEXT, topicName TEXT, scheduleId TEXT, callerIp TEXT, waitKey INTEGER) STRICT;
CREATE TABLE attempts (
  key INTEGER PRIMARY KEY,
  messageKey INTEGER NOT NULL,
  number INTEGER NOT NULL,
  startedAt INTEGER NOT NULL,
  endedAt INTEGER NOT NULL,
  status INTEGER NOT NULL,
  error TEXT,
  cause TEXT,
  requestHeaders TEXT,
  responseHeaders TEXT,
  responseBody BLOB,
  isTruncated INTEGER NOT NULL,
  move TEXT NOT NULL
) STRICT;
CREATE TABLE deadLetters (
  key INTEGER PRIMARY KEY,
  state TEXT NOT NULL,
  runKey INTEGER NOT NULL,
  messageKey INTEGER NOT NULL,
  createdAt INTEGER NOT NULL,
  closedAt INTEGER,
  nextRunKey INTEGER,
  runId TEXT NOT NULL,
  runCreatedAt INTEGER NOT NULL,
  url TEXT NOT NULL,
  callerIp TEXT NOT NULL,
  labels TEXT,
  flowControlKey TEXT,
  responseStatus INTEGER NOT NULL,
  responseHeaders TEXT,
  responseBody BLOB,
  isTruncated INTEGER NOT NULL,
  reason TEXT NOT NULL,
  callbackState TEXT,
  callbackUrl TEXT,
  callbackMessageKey INTEGER,
  callbackResponseStatus INTEGER,
  callbackResponseHeaders TEXT,
  callbackResponseBody BLOB
) STRICT;
CREATE INDEX deadLettersByState ON deadLetters (state);
CREATE INDEX deadLettersByRun ON deadLetters (runKey);
CREATE INDEX deadLettersByRunId ON deadLetters (runId);
CREATE INDEX deadLettersByUrl ON deadLetters (url);
CREATE TABLE settings (
  key INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  value TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX settingsByName ON settings (name);
CREATE INDEX messagesDue ON messages (state, dueAt) WHERE state IN ('scheduled', 'active', 'canceling');
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
INSERT INTO sequence VALUES (1, 1);
PRAGMA application_id = 1380274258;
PRAGMA user_version = 3;
