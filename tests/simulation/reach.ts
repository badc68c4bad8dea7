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
  "operator look",
  "trigger repeated",
  "triggered by rest",
  "triggered by hop",
  "two runs triggered at once",
  "server stop",
  "retries overridden",
  "waited for",
  "number repeated",
  "join delivered again",
  "asked while the result arrived",
  "resumed with results",
  "dead letter restarted",
  "dead letter deleted",
  "run canceled",
  "run succeeded after revival",
  "answered 503",
  "app heard 400",
  "app heard 404",
] as const;

/** What the worlds have never reached. */
export function missingMarks(marks: Marks): readonly string[] {
  const wanted = [...FAULT_KINDS.map((kind) => `fault ${kind}`), ...HARD_STATES];
  return wanted.filter((name) => marks.get(name) === 0);
}
