// What to type next about what was shown. It goes to standard error: a remark, no result.

import type {
  DeadLetterResource,
  DeadMessageResource,
  NextStepResource,
  RunResource,
  StepResource,
} from "@reprise/protocol";
import { note, type Terminal } from "./terminal.ts";
import { formatFields, indent } from "./text.ts";

type NextStep = readonly [command: string, meaning: string];

export function noteNextSteps(steps: readonly NextStep[], terminal: Terminal): void {
  if (steps.length === 0) return;
  const commands = steps.map(([command, meaning]) => [`reprise ${command}`, meaning] as const);
  note(terminal, `\nnext\n${indent(formatFields(commands))}`);
}

export function afterRun(run: RunResource): readonly NextStep[] {
  switch (run.workflowState) {
    case "RUN_STARTED":
      return afterOpenRun(run);
    case "RUN_FAILED":
      return afterFailedRun(run);
    case "RUN_SUCCESS":
    case "RUN_CANCELED":
      return [];
  }
}

function afterOpenRun({ workflowRunId: id, isStuck, steps }: RunResource): readonly NextStep[] {
  const nudge: NextStep = [`runs nudge ${id}`, "deliver its last step once more"];
  const openEvents = steps
    .flatMap((group): readonly (StepResource | NextStepResource)[] => group.steps)
    .filter(({ stepType, state }) => stepType === "Wait" && state === "STEP_PROGRESS")
    .flatMap(({ waitEventId }) => waitEventId ?? []);
  return [
    ...(isStuck === true ? [nudge] : []),
    ...openEvents.map(
      (eventId): NextStep => [`notify ${shellWord(eventId)} --run ${id}`, "let its event happen"],
    ),
    [`runs logs --follow --run-id ${id}`, "see what happens"],
    [`runs cancel ${id}`, "give it up"],
  ];
}

/** The dead letter of a run that was resumed or restarted is gone. */
function afterFailedRun({ dlqId, resumedBy, failureFunction }: RunResource): readonly NextStep[] {
  if (resumedBy !== undefined) {
    return [[`runs show ${resumedBy.workflowRunId}`, "the run that goes on from this one"]];
  }
  return dlqId === undefined ? [] : afterDeadRun(dlqId, failureFunction?.state);
}

function afterDeadRun(
  dlqId: string,
  state: DeadLetterResource["failureFunctionState"],
): readonly NextStep[] {
  return [
    [`dlq resume ${dlqId}`, "go on from the failing step, results kept"],
    [`dlq restart ${dlqId}`, "begin with the first step"],
    ...aboutFailureCall(dlqId, state),
    [`dlq delete ${dlqId}`, "give it up"],
  ];
}

function aboutFailureCall(
  dlqId: string,
  state: DeadLetterResource["failureFunctionState"],
): readonly NextStep[] {
  if (state === "CALLBACK_FAIL") {
    return [[`dlq callback ${dlqId}`, "call the failure function again"]];
  }
  if (state === "CALLBACK_INPROGRESS") {
    return [[`dlq cancel-callback ${dlqId}`, "no longer call the failure function"]];
  }
  return [];
}

export function afterDeadLetter(
  letter: DeadLetterResource | DeadMessageResource,
): readonly NextStep[] {
  if ("workflowRunId" in letter) return afterDeadRun(letter.dlqId, letter.failureFunctionState);
  return [
    [`dlq retry ${letter.dlqId}`, "send it again"],
    [`dlq delete ${letter.dlqId}`, "give it up"],
  ];
}

/** Apps choose event ids: what a person copies must stay one word. */
function shellWord(text: string): string {
  return /^[\w.:/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
