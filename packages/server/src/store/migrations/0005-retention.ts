/**
 * What retention asks for. Attempts of messages without a record of their own say whose they are; those of records are found by their
 * keys, so that a step pays for no index.
 */
export const retentionColumns = `
ALTER TABLE attempts ADD COLUMN runKey INTEGER;
ALTER TABLE deadLetters ADD COLUMN isHeld INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deadMessages ADD COLUMN isHeld INTEGER NOT NULL DEFAULT 0;

CREATE INDEX attemptsByRun ON attempts (runKey) WHERE runKey IS NOT NULL;
`;
