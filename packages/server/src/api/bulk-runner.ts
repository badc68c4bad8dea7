import { BulkRunner, type BulkRunnerOptions } from "../engine/bulk-runner.ts";
import { selectionOf } from "./message-filters.ts";

/** The runner of bulk actions, with the filters of this API. */
export function createBulkRunner(parts: Omit<BulkRunnerOptions, "readFilter">): BulkRunner {
  return new BulkRunner({ ...parts, readFilter: selectionOf });
}
