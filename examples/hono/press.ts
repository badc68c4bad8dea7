// What a small press needs: readers, a mail server and an archive. Real ones are databases and other companies'
// servers; these remember in memory.

export interface Issue {
  readonly title: string;
}

export interface Letter {
  readonly issue: string;
  readonly reader: string;
}

export interface Subscription {
  readonly reader: string;
}

const readers = new Set(["ada@example.com", "alan@example.com", "grace@example.com"]);
/** The mail server knows no such domain. */
const unknownDomain = "@nowhere.example";
const journals = new Map<string, string[]>();
const confirmationRuns = new Map<string, string>();
let isArchiveOnline = true;

/** What happened to an issue or a reader, oldest first. A step that ran twice would show twice. */
export function journalOf(subject: string): readonly string[] {
  return journals.get(subject) ?? [];
}

export function note(subject: string, line: string): void {
  journals.set(subject, [...journalOf(subject), line]);
}

export function listReaders(): readonly string[] {
  return [...readers];
}

export function addReader(reader: string): void {
  readers.add(reader);
  note(reader, "is a reader now");
}

export function writeLetter({ issue, reader }: Letter): string {
  note(issue, `wrote to ${reader}`);
  return `Dear ${reader}, read ${issue}!`;
}

/** The mail server; false when it refuses the address. */
export function deliverMail({ issue, reader }: Letter): boolean {
  if (reader.endsWith(unknownDomain)) return false;
  note(issue, `mailed ${reader}`);
  return true;
}

export function setArchiveOnline(isOnline: boolean): void {
  isArchiveOnline = isOnline;
}

/** Throws while the archive is offline; the message of the error is kept with the run. */
export function publishInArchive(issue: string): void {
  if (!isArchiveOnline) {
    note(issue, "tried to publish in vain");
    throw new Error("the archive answered 503: no space left on device");
  }
  note(issue, "published in the archive");
}

/** Which run waits for the confirmation of a reader. */
export function keepConfirmationRun(reader: string, workflowRunId: string): void {
  confirmationRuns.set(reader, workflowRunId);
}

export function confirmationRunOf(reader: string): string | null {
  return confirmationRuns.get(reader) ?? null;
}
