/**
 * All tables. Texts compare by their bytes, whatever the language of the database. Columns of fixed width come first, bodies last.
 * Indexes are partial, so that rows pay for no index that has nothing to say about them; those that pages are read from end in the key.
 */
export const firstTables = `
CREATE SEQUENCE "keyBlocks" AS bigint;

CREATE TABLE "runs" (
  "key" bigint PRIMARY KEY,
  "createdAt" bigint NOT NULL,
  "completedAt" bigint,
  "stepCount" bigint NOT NULL,
  "bodyBytes" bigint NOT NULL,
  "deadLetterKey" bigint,
  "sourceRunKey" bigint,
  "id" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C" NOT NULL,
  "url" text COLLATE "C" NOT NULL,
  "callerIp" text COLLATE "C" NOT NULL,
  "labels" text COLLATE "C",
  "flowControlKey" text COLLATE "C",
  "invoker" text COLLATE "C",
  "response" bytea
);

CREATE TABLE "runConfigs" (
  "key" bigint PRIMARY KEY,
  "config" text COLLATE "C" NOT NULL
);

CREATE TABLE "steps" (
  "key" bigint PRIMARY KEY,
  "runKey" bigint NOT NULL,
  "position" bigint NOT NULL,
  "slot" bigint NOT NULL,
  "nextStepId" bigint NOT NULL,
  "createdAt" bigint NOT NULL,
  "dueAt" bigint NOT NULL,
  "callType" text COLLATE "C" NOT NULL,
  "config" text COLLATE "C" NOT NULL,
  "body" bytea NOT NULL
);

CREATE TABLE "messages" (
  "key" bigint PRIMARY KEY,
  "runKey" bigint,
  "stepPosition" bigint,
  "deadLetterKey" bigint,
  "createdAt" bigint NOT NULL,
  "dueAt" bigint NOT NULL,
  "retried" bigint NOT NULL,
  "retries" bigint NOT NULL,
  "leaseToken" bigint NOT NULL,
  "waitOrder" bigint,
  "ticketKey" bigint,
  "hasCallback" bigint NOT NULL,
  "waitKey" bigint,
  "nodeKey" bigint,
  "kind" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C" NOT NULL,
  "url" text COLLATE "C" NOT NULL,
  "config" text COLLATE "C",
  "gate" text COLLATE "C",
  "queueName" text COLLATE "C",
  "flowControlKey" text COLLATE "C",
  "labels" text COLLATE "C",
  "topicName" text COLLATE "C",
  "scheduleId" text COLLATE "C",
  "callerIp" text COLLATE "C",
  "body" bytea
);

CREATE TABLE "attempts" (
  "key" bigint PRIMARY KEY,
  "messageKey" bigint NOT NULL,
  "number" bigint NOT NULL,
  "startedAt" bigint NOT NULL,
  "endedAt" bigint NOT NULL,
  "status" bigint NOT NULL,
  "isTruncated" bigint NOT NULL,
  "runKey" bigint,
  "error" text COLLATE "C",
  "cause" text COLLATE "C",
  "requestHeaders" text COLLATE "C",
  "responseHeaders" text COLLATE "C",
  "move" text COLLATE "C" NOT NULL,
  "responseBody" bytea
);

CREATE TABLE "deadLetters" (
  "key" bigint PRIMARY KEY,
  "runKey" bigint NOT NULL,
  "messageKey" bigint NOT NULL,
  "createdAt" bigint NOT NULL,
  "closedAt" bigint,
  "nextRunKey" bigint,
  "runCreatedAt" bigint NOT NULL,
  "responseStatus" bigint NOT NULL,
  "isTruncated" bigint NOT NULL,
  "callbackMessageKey" bigint,
  "callbackResponseStatus" bigint,
  "isHeld" bigint NOT NULL,
  "state" text COLLATE "C" NOT NULL,
  "runId" text COLLATE "C" NOT NULL,
  "url" text COLLATE "C" NOT NULL,
  "callerIp" text COLLATE "C" NOT NULL,
  "labels" text COLLATE "C",
  "flowControlKey" text COLLATE "C",
  "responseHeaders" text COLLATE "C",
  "reason" text COLLATE "C" NOT NULL,
  "callbackState" text COLLATE "C",
  "callbackUrl" text COLLATE "C",
  "callbackResponseHeaders" text COLLATE "C",
  "responseBody" bytea,
  "callbackResponseBody" bytea
);

CREATE TABLE "settings" (
  "key" bigint PRIMARY KEY,
  "name" text COLLATE "C" NOT NULL,
  "value" text COLLATE "C" NOT NULL
);

CREATE TABLE "envelopes" (
  "key" bigint PRIMARY KEY,
  "createdAt" bigint NOT NULL,
  "url" text COLLATE "C" NOT NULL,
  "config" text COLLATE "C" NOT NULL,
  "bodyHash" text COLLATE "C" NOT NULL,
  "body" bytea NOT NULL
);

CREATE TABLE "logs" (
  "key" bigint PRIMARY KEY,
  "messageKey" bigint NOT NULL,
  "at" bigint NOT NULL,
  "retried" bigint NOT NULL,
  "startedAt" bigint,
  "nextAt" bigint,
  "status" bigint,
  "isTruncated" bigint NOT NULL,
  "moment" text COLLATE "C" NOT NULL,
  "error" text COLLATE "C",
  "cause" text COLLATE "C",
  "responseHeaders" text COLLATE "C",
  "move" text COLLATE "C",
  "responseBody" bytea
);

CREATE TABLE "deadMessages" (
  "key" bigint PRIMARY KEY,
  "messageKey" bigint NOT NULL,
  "createdAt" bigint NOT NULL,
  "closedAt" bigint,
  "nextMessageKey" bigint,
  "responseStatus" bigint NOT NULL,
  "isTruncated" bigint NOT NULL,
  "isHeld" bigint NOT NULL,
  "state" text COLLATE "C" NOT NULL,
  "url" text COLLATE "C" NOT NULL,
  "labels" text COLLATE "C",
  "queueName" text COLLATE "C",
  "flowControlKey" text COLLATE "C",
  "topicName" text COLLATE "C",
  "scheduleId" text COLLATE "C",
  "callerIp" text COLLATE "C" NOT NULL,
  "responseHeaders" text COLLATE "C",
  "reason" text COLLATE "C" NOT NULL,
  "cause" text COLLATE "C",
  "responseBody" bytea
);

CREATE TABLE "dedups" (
  "key" bigint PRIMARY KEY,
  "messageKey" bigint NOT NULL,
  "expiresAt" bigint NOT NULL,
  "id" text COLLATE "C" NOT NULL
);

CREATE TABLE "queues" (
  "key" bigint PRIMARY KEY,
  "createdAt" bigint NOT NULL,
  "updatedAt" bigint NOT NULL,
  "parallelism" bigint NOT NULL,
  "isPaused" bigint NOT NULL,
  "openCount" bigint NOT NULL,
  "waitingCount" bigint NOT NULL,
  "name" text COLLATE "C" NOT NULL
);

CREATE TABLE "urlGroups" (
  "key" bigint PRIMARY KEY,
  "createdAt" bigint NOT NULL,
  "updatedAt" bigint NOT NULL,
  "name" text COLLATE "C" NOT NULL,
  "endpoints" text COLLATE "C" NOT NULL,
  "headers" text COLLATE "C"
);

CREATE TABLE "flowControls" (
  "key" bigint PRIMARY KEY,
  "updatedAt" bigint NOT NULL,
  "parallelism" bigint,
  "rate" bigint,
  "periodMs" bigint NOT NULL,
  "isPaused" bigint NOT NULL,
  "isPinnedParallelism" bigint NOT NULL,
  "isPinnedRate" bigint NOT NULL,
  "inFlightCount" bigint NOT NULL,
  "rateCount" bigint NOT NULL,
  "periodStartAt" bigint NOT NULL,
  "waitingCount" bigint NOT NULL,
  "dueAt" bigint,
  "name" text COLLATE "C" NOT NULL
);

CREATE TABLE "schedules" (
  "key" bigint PRIMARY KEY,
  "createdAt" bigint NOT NULL,
  "updatedAt" bigint NOT NULL,
  "isPaused" bigint NOT NULL,
  "dueAt" bigint,
  "lastAt" bigint,
  "id" text COLLATE "C" NOT NULL,
  "cron" text COLLATE "C" NOT NULL,
  "destination" text COLLATE "C" NOT NULL,
  "lastMessages" text COLLATE "C",
  "error" text COLLATE "C",
  "config" text COLLATE "C" NOT NULL,
  "body" bytea NOT NULL
);

CREATE TABLE "bulkActions" (
  "key" bigint PRIMARY KEY,
  "createdAt" bigint NOT NULL,
  "completedAt" bigint,
  "total" bigint NOT NULL,
  "processed" bigint NOT NULL,
  "afterKey" bigint NOT NULL,
  "kind" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C" NOT NULL,
  "filter" text COLLATE "C" NOT NULL
);

CREATE TABLE "waits" (
  "key" bigint PRIMARY KEY,
  "runKey" bigint NOT NULL,
  "stepId" bigint NOT NULL,
  "createdAt" bigint NOT NULL,
  "endedAt" bigint,
  "dueAt" bigint,
  "requestKey" bigint,
  "childRunKey" bigint,
  "kind" text COLLATE "C" NOT NULL,
  "state" text COLLATE "C" NOT NULL,
  "eventId" text COLLATE "C",
  "config" text COLLATE "C" NOT NULL,
  "body" bytea,
  "answer" bytea
);

CREATE TABLE "events" (
  "key" bigint PRIMARY KEY,
  "runKey" bigint NOT NULL,
  "createdAt" bigint NOT NULL,
  "bytes" bigint NOT NULL,
  "eventId" text COLLATE "C" NOT NULL,
  "source" text COLLATE "C" NOT NULL,
  "body" bytea NOT NULL
);

CREATE TABLE "nodes" (
  "key" bigint PRIMARY KEY,
  "startedAt" bigint NOT NULL,
  "leaseUntil" bigint NOT NULL,
  "id" text COLLATE "C" NOT NULL
);
`;
