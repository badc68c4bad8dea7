/**
 * The indexes of the first tables. A message that a node holds stands in the index of that node, all others in one of what is due. Rows
 * that change often leave room beside them and are cleaned early. An entry of an index has at most 2,704 bytes: of texts that may be longer it
 * has the beginning (see `LONG_TEXTS`).
 */
export const firstIndexes = `
CREATE INDEX "runsById" ON "runs" ("id", "key");
CREATE UNIQUE INDEX "runsLiveById" ON "runs" ("id") WHERE "state" = 'started';
CREATE INDEX "runsByUrl" ON "runs" (left("url", 600), "key");
CREATE INDEX "runsByState" ON "runs" ("state", "key");

CREATE UNIQUE INDEX "stepsBySlot" ON "steps" ("runKey", "slot");

CREATE INDEX "messagesDue" ON "messages" ("state", "dueAt", "key")
  WHERE "nodeKey" IS NULL AND "state" IN ('scheduled', 'active', 'canceling');
CREATE INDEX "messagesByNode" ON "messages" ("nodeKey", "dueAt", "key") WHERE "nodeKey" IS NOT NULL;
CREATE INDEX "messagesByRun" ON "messages" ("runKey", "key") WHERE "runKey" IS NOT NULL;
CREATE INDEX "messagesWaiting" ON "messages" ("gate", "waitOrder" NULLS FIRST, "key") WHERE "gate" IS NOT NULL;
CREATE INDEX "messagesByQueue" ON "messages" ("queueName", "key") WHERE "queueName" IS NOT NULL;
CREATE INDEX "messagesByTicket" ON "messages" ("ticketKey") WHERE "ticketKey" IS NOT NULL;
CREATE INDEX "messagesByFlowControl" ON "messages" ("flowControlKey", "key") WHERE "flowControlKey" IS NOT NULL;

CREATE INDEX "attemptsByRun" ON "attempts" ("runKey", "key") WHERE "runKey" IS NOT NULL;

CREATE INDEX "deadLettersByState" ON "deadLetters" ("state", "key");
CREATE INDEX "deadLettersByRun" ON "deadLetters" ("runKey");
CREATE INDEX "deadLettersByRunId" ON "deadLetters" ("runId", "key");
CREATE INDEX "deadLettersByUrl" ON "deadLetters" (left("url", 600), "key");

CREATE UNIQUE INDEX "settingsByName" ON "settings" ("name");

CREATE INDEX "logsByMessage" ON "logs" ("messageKey", "key");
CREATE INDEX "deadMessagesByState" ON "deadMessages" ("state", "key");
CREATE INDEX "deadMessagesByMessage" ON "deadMessages" ("messageKey");
CREATE UNIQUE INDEX "dedupsById" ON "dedups" ("id");
CREATE INDEX "dedupsByExpiry" ON "dedups" ("expiresAt");
CREATE UNIQUE INDEX "queuesByName" ON "queues" ("name");
CREATE UNIQUE INDEX "urlGroupsByName" ON "urlGroups" ("name");
CREATE UNIQUE INDEX "flowControlsByName" ON "flowControls" ("name");
CREATE INDEX "flowControlsDue" ON "flowControls" ("dueAt", "key") WHERE "dueAt" IS NOT NULL;
CREATE UNIQUE INDEX "schedulesById" ON "schedules" ("id");
CREATE INDEX "schedulesDue" ON "schedules" ("dueAt", "key") WHERE "dueAt" IS NOT NULL;
CREATE INDEX "bulkActionsByState" ON "bulkActions" ("state", "key");

CREATE UNIQUE INDEX "waitsByStep" ON "waits" ("runKey", "stepId");
CREATE INDEX "waitsByEvent" ON "waits" (left("eventId", 600), "runKey") WHERE "state" = 'open' AND "eventId" IS NOT NULL;
CREATE INDEX "waitsByChild" ON "waits" ("childRunKey") WHERE "state" = 'open' AND "childRunKey" IS NOT NULL;
CREATE INDEX "waitsDue" ON "waits" ("dueAt", "key") WHERE "dueAt" IS NOT NULL;
CREATE INDEX "eventsByRun" ON "events" ("runKey", left("eventId", 600), "key");

CREATE UNIQUE INDEX "nodesById" ON "nodes" ("id");

ALTER TABLE "messages" SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);
ALTER TABLE "runs" SET (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "queues" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
ALTER TABLE "flowControls" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);
`;
