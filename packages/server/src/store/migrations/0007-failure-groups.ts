/**
 * What went wrong with a dead letter, and which ones went wrong alike. Rows of older versions are sorted in the background. Groups are
 * counted in an index alone, as rows hold the answers of apps.
 */
export const failureGroupColumns = `
ALTER TABLE deadLetters ADD COLUMN failureCause TEXT;
ALTER TABLE deadLetters ADD COLUMN groupId TEXT;
ALTER TABLE deadLetters ADD COLUMN failureText TEXT;
ALTER TABLE deadLetters ADD COLUMN stepName TEXT;
ALTER TABLE deadMessages ADD COLUMN failureCause TEXT;
ALTER TABLE deadMessages ADD COLUMN groupId TEXT;
ALTER TABLE deadMessages ADD COLUMN failureText TEXT;

CREATE INDEX deadLettersByGroup ON deadLetters (groupId);
CREATE INDEX deadLettersCounted ON deadLetters (state, groupId, createdAt, isHeld);
CREATE INDEX deadMessagesByGroup ON deadMessages (groupId);
CREATE INDEX deadMessagesCounted ON deadMessages (state, groupId, createdAt, isHeld);
`;
