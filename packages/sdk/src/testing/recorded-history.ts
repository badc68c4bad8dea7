import type { StepLogGroup, WorkflowRunLog } from "../client/run-log.ts";
import { WorkflowError } from "../errors.ts";
import { base64FromText } from "../wire/base64.ts";
import type { RawStep, StepRecord } from "../workflow/records.ts";

/**
 * What a run has recorded, in any form in which it leaves a server: the list of `run.history` and of `GET /v2/workflows/runs/{id}`, a run of
 * `client.logs`, or what `reprise runs show --json` prints.
 */
export type RecordedHistory =
  | readonly RawStep[]
  | Pick<WorkflowRunLog, "steps">
  | readonly StepLogGroup[];

/** @throws WorkflowError when it is in no known form. */
export function toItems(history: RecordedHistory): readonly RawStep[] {
  const groups = "steps" in history ? history.steps : history;
  const [first] = groups;
  if (first === undefined) return [toItem("")];
  // One list has items, the other groups of steps.
  if ("body" in first) return groups as readonly RawStep[];
  // As said above.
  if ("steps" in first) return fromGroups(groups as readonly StepLogGroup[]);
  throw new WorkflowError(
    "a history is a list of items with a body, or the steps of a run as the logs show them; this is neither",
  );
}

/** The steps of a log. Texts in it are whole unless the log was asked for with `trimBody`. */
function fromGroups(groups: readonly StepLogGroup[]): readonly RawStep[] {
  const items: RawStep[] = [];
  let position = 0;
  for (const { type, steps } of groups) {
    // What runs now is not recorded.
    if (type === "next") continue;
    for (const step of steps) {
      const { stepType, stepName, out, concurrent, stepId, state } = step;
      const text = out === undefined ? undefined : String(out);
      if (stepType === "Initial") {
        items.push(toItem(text ?? ""));
        continue;
      }
      // Logs of the public wire leave out the ids of some steps.
      position = stepId ?? position + 1;
      const record: StepRecord =
        state === "STEP_SUCCESS" || concurrent === 1
          ? {
              stepId: position,
              stepName,
              stepType,
              concurrent,
              ...(text === undefined ? {} : { out: text }),
              ...(step.waitTimeout === true ? { waitTimeout: true } : {}),
              ...(step.failure === undefined ? {} : { failure: { stepName, ...step.failure } }),
            }
          : { stepId: 0, targetStep: position, stepName, stepType, concurrent };
      items.push(toItem(JSON.stringify(record)));
    }
  }
  return items;
}

function toItem(text: string): RawStep {
  return { messageId: "msg_recorded", body: base64FromText(text), callType: "step" };
}
