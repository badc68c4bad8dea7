// A shop's price list and the supplier it comes from. The real ones are a database and another company's server;
// these remember in memory.

export interface Price {
  readonly article: string;
  readonly cents: number;
}

/** One import of the supplier's prices. */
export interface Import {
  readonly importId: string;
}

export interface PriceChange extends Price {
  readonly changeId: string;
}

/** What a person says about a change of a price. */
export interface Decision {
  readonly isApproved: boolean;
  readonly by: string;
}

const supplierPrices: readonly Price[] = [
  { article: "teapot", cents: 3900 },
  { article: "lamp", cents: 8900 },
  { article: "mystery-box", cents: -1 },
];
const prices = new Map<string, number>();
const journals = new Map<string, string[]>();
const changeRuns = new Map<string, string>();
let isDatabaseWritable = true;

/** What happened in an import or a change, oldest first. A step that ran twice would show twice. */
export function journalOf(id: string): readonly string[] {
  return journals.get(id) ?? [];
}

export function note(id: string, line: string): void {
  journals.set(id, [...journalOf(id), line]);
}

/** The supplier's answer, for who has a contract. */
export function askSupplier(importId: string): readonly Price[] {
  note(importId, "the supplier was asked");
  return supplierPrices;
}

/** Leaves out what cannot be a price. */
export function checkPrices(importId: string, candidates: readonly Price[]): readonly Price[] {
  const checked = candidates.filter(({ cents }) => cents > 0);
  note(importId, `${checked.length} of ${candidates.length} prices can be true`);
  return checked;
}

export function setDatabaseWritable(isWritable: boolean): void {
  isDatabaseWritable = isWritable;
}

/** Throws while the database is read-only; the message of the error is kept with the run. */
export function writePrices(id: string, changed: readonly Price[]): void {
  if (!isDatabaseWritable) {
    note(id, "tried to write in vain");
    throw new Error("the database is read-only: a failover is under way");
  }
  for (const { article, cents } of changed) prices.set(article, cents);
  note(id, `wrote ${changed.length} prices`);
}

export function listPrices(): readonly Price[] {
  return [...prices].map(([article, cents]) => ({ article, cents }));
}

/** Which run waits for the decision about a change. */
export function keepChangeRun(changeId: string, workflowRunId: string): void {
  changeRuns.set(changeId, workflowRunId);
}

export function changeRunOf(changeId: string): string | null {
  return changeRuns.get(changeId) ?? null;
}
