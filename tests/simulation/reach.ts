import { FAULT_KINDS } from "./faults.ts";
import type { Marks } from "./marks.ts";

/** States that are hard to reach and that a run of many seeds must have reached. */
const HARD_STATES = [
  "server crash",
  "app crash",
  "clock jump",
  "storeFault",
  "join",
  "lazy fetch",
  "failureFunction",
  "operator cancel",
  "operator resume",
  "operator restart",
  "operator delete",
  "operator resumeAll",
  "operator retryCallback",
  "operator cancelCallback",
  "operator resume refused",
  "trigger repeated",
] as const;

/** What the worlds have never reached. */
export function missingMarks(marks: Marks): readonly string[] {
  const wanted = [...FAULT_KINDS.map((kind) => `fault ${kind}`), ...HARD_STATES];
  return wanted.filter((name) => marks.get(name) === 0);
}
