-- The schema as version 1 has left it in the files of its users; never changed.
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
) STRICT;
CREATE INDEX messagesDue ON messages (dueAt) WHERE state IN ('scheduled', 'active');
CREATE INDEX messagesByRun ON messages (runKey);
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
INSERT INTO sequence VALUES (1, 1);
PRAGMA application_id = 1380274258;
PRAGMA user_version = 1;
