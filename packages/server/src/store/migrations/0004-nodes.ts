/** Who makes the attempts. One server alone writes no name, so that its steps pay for no index. */
export const nodeTables = `
ALTER TABLE messages ADD COLUMN nodeKey INTEGER;

CREATE TABLE nodes (
  key INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  startedAt INTEGER NOT NULL,
  leaseUntil INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX nodesById ON nodes (id);
CREATE INDEX messagesByNode ON messages (nodeKey) WHERE nodeKey IS NOT NULL;
`;
