import { FAST_FAULT_KINDS, FAULT_KINDS } from "./faults.ts";
import type { Marks } from "./marks.ts";
import type { SdkOption } from "./sdk-plan.ts";

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
  "operator nudge",
  "operator nudge refused",
  "trigger repeated",
  "Wait ended by event",
  "Wait timed out",
  "Wait ended while failed",
  "WaitForWebhook ended by event",
  "WaitForWebhook timed out",
  "call succeeded",
  "call failed with 0",
  "call failed with 404",
  "call answered while failed",
  "call of a failed run",
  "call of a revived run",
  "child",
  "grandchild",
  "told that the child succeeded",
  "told that the child failed",
  "told that the child canceled",
  "told of a child while failed",
  "event of notify kept",
  "event of webhook kept",
  "event of notify kept while failed",
  "event for an ended run",
  "kept event of notify taken",
  "kept event of webhook taken",
  "kept event taken over",
  "woken by notify",
  "woken by webhook",
  "woken with everybody",
  "several woken at once",
  "waiters listed",
  "resumed with call open",
  "resumed with call answered",
  "resumed with event open",
  "resumed with webhook open",
  "resumed with invoke open",
  "stuck",
  "stuck run reported",
  "stuck run nudged",
  "stuck runs listed",
] as const;

/** States of the fast modes. */
const FAST_STATES = [
  "app drain",
  "server drain",
  "socket cut at an instant",
  "went on",
  "part delivered",
  "whole list behind a part",
  "answer with lines",
  "step begun behind others",
  "message held",
  "told to stop",
] as const;

/** What the worlds have never reached; those with one mode alone cannot reach all. */
export function missingMarks(marks: Marks, sdk: SdkOption): readonly string[] {
  const isFast = sdk === "mixed";
  if (!isFast && sdk !== "official") return [];
  const fast = isFast ? [...FAST_FAULT_KINDS.map((kind) => `fault ${kind}`), ...FAST_STATES] : [];
  const wanted = [...FAULT_KINDS.map((kind) => `fault ${kind}`), ...HARD_STATES, ...fast];
  return wanted.filter((name) => marks.get(name) === 0);
}
