/** What people have done. Retention reads the table in order of its keys, and so does the list. */
export const auditTable = `
CREATE TABLE "audits" (
  "key" bigint PRIMARY KEY,
  "at" bigint NOT NULL,
  "isDashboard" bigint NOT NULL,
  "status" bigint,
  "count" bigint,
  "tokenName" text COLLATE "C",
  "scope" text COLLATE "C" NOT NULL,
  "callerIp" text COLLATE "C" NOT NULL,
  "action" text COLLATE "C" NOT NULL,
  "target" text COLLATE "C",
  "query" text COLLATE "C",
  "error" text COLLATE "C",
  "actionId" text COLLATE "C"
);
`;
