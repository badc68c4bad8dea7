/** What people have done. Retention reads the table in order of its keys, and so does the list. */
export const auditTable = `
CREATE TABLE audits (
  key INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  tokenName TEXT,
  scope TEXT NOT NULL,
  isDashboard INTEGER NOT NULL,
  callerIp TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT,
  query TEXT,
  status INTEGER,
  error TEXT,
  count INTEGER,
  actionId TEXT
) STRICT;
`;
