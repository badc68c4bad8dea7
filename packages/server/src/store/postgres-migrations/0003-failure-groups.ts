/** What went wrong with a dead letter, and which ones went wrong alike. Rows of older versions are sorted in the background. */
export const failureGroupColumns = `
ALTER TABLE "deadLetters"
  ADD COLUMN "failureCause" text COLLATE "C",
  ADD COLUMN "groupId" text COLLATE "C",
  ADD COLUMN "failureText" text COLLATE "C",
  ADD COLUMN "stepName" text COLLATE "C";
ALTER TABLE "deadMessages"
  ADD COLUMN "failureCause" text COLLATE "C",
  ADD COLUMN "groupId" text COLLATE "C",
  ADD COLUMN "failureText" text COLLATE "C";

CREATE INDEX "deadLettersByGroup" ON "deadLetters" ("groupId", "key");
CREATE INDEX "deadLettersCounted" ON "deadLetters" ("state", "groupId", "createdAt", "isHeld");
CREATE INDEX "deadMessagesByGroup" ON "deadMessages" ("groupId", "key");
CREATE INDEX "deadMessagesCounted" ON "deadMessages" ("state", "groupId", "createdAt", "isHeld");
`;
