import type { RunResource, StepErrorResource } from "@reprise/protocol";
import type { Tone } from "./badge.tsx";
import {
  type AnyStep,
  describeError,
  failedStep,
  hostOf,
  lastError,
  nameOf,
  openSteps,
  type PlacedStep,
  placeSteps,
} from "./run-story.ts";

/** A part of a sentence: plain words, an instant, a length of time, a name as the app wrote it, or a run to go to. */
export type Word =
  | string
  | { readonly at: number }
  | { readonly lastingMs: number }
  | { readonly code: string }
  | { readonly runId: string };

export interface Verdict {
  readonly tone: Tone;
  readonly words: readonly Word[];
  /** What can be done, or what follows; empty when nothing is to be said. */
  readonly next: readonly Word[];
}

/** One sentence: where a run stands and why. */
export function verdictOf(run: RunResource): Verdict {
  switch (run.workflowState) {
    case "RUN_SUCCESS":
      return succeeded(run);
    case "RUN_CANCELED":
      return canceled(run);
    case "RUN_FAILED":
      return failed(run);
    case "RUN_STARTED":
      return run.isStuck === true ? stuck(run) : open(run);
  }
}

function lasted({ workflowRunCompletedAt, workflowRunCreatedAt }: RunResource): readonly Word[] {
  if (workflowRunCompletedAt === undefined) return [];
  return [" after ", { lastingMs: workflowRunCompletedAt - workflowRunCreatedAt }];
}

function succeeded(run: RunResource): Verdict {
  const placed = placeSteps(run).filter(({ step }) => step.stepType !== "Initial");
  const caught = placed.filter(({ step }) => "failure" in step && step.failure !== undefined);
  const steps = `${placed.length} ${placed.length === 1 ? "step" : "steps"}`;
  const next =
    caught.length === 0
      ? []
      : [`${plural(caught.length, "step")} failed for good, and the workflow went on.`];
  return { tone: "good", words: ["Succeeded", ...lasted(run), `, with ${steps}.`], next };
}

function canceled(run: RunResource): Verdict {
  const last = placeSteps(run).findLast(({ step }) => step.state === "STEP_CANCELED");
  const at = last === undefined ? [] : [" at ", ...stepWords(last)];
  return { tone: "dull", words: ["Cancelled", ...lasted(run), ...at, "."], next: [] };
}

function failed(run: RunResource): Verdict {
  const placed = failedStep(run);
  const error = placed === undefined ? undefined : lastError(placed.step);
  const attempts = placed?.step.errors?.length ?? 0;
  const words: readonly Word[] = [
    "Failed at ",
    ...(placed === undefined ? ["its last step"] : stepWords(placed)),
    attempts === 0 ? "" : ` after ${plural(attempts, "attempt")}`,
    ...(error === undefined ? [] : [": ", ...errorWords(error, run, placed?.step)]),
    ".",
  ];
  return { tone: "bad", words, next: afterFailure(run) };
}

function afterFailure(run: RunResource): readonly Word[] {
  const { resumedBy, dlqId, failureFunction } = run;
  if (resumedBy !== undefined) {
    const verb = resumedBy.mode === "resume" ? "It goes on as " : "It was begun again as ";
    return [verb, { runId: resumedBy.workflowRunId }, "."];
  }
  if (dlqId === undefined) return ["Its dead letter is gone, so it can no longer be resumed."];
  const failedCall =
    failureFunction?.state === "CALLBACK_FAIL" ? " Its failure function has failed too." : "";
  return [`It can be resumed from this step.${failedCall}`];
}

function stuck(run: RunResource): Verdict {
  const why = run.waitingFor ?? "nothing";
  return {
    tone: "bad",
    words: [`Stuck: the app has answered without going on, and nothing open can wake this run.`],
    next: [`The server says it waits for ${why}.`],
  };
}

function open(run: RunResource): Verdict {
  const steps = openSteps(run);
  const [first] = steps;
  const waitingFor = run.waitingFor ?? "";
  const inLine = lineWords(waitingFor);
  if (inLine !== null) return { tone: "warn", words: inLine, next: [] };
  if (first === undefined) return { tone: "calm", words: otherwise(waitingFor), next: [] };
  const retried = steps.find(({ step }) => step.state === "STEP_RETRY");
  if (retried !== undefined) return retrying(run, retried, steps.length);
  if (steps.length > 1) return branches(run, steps);
  return { tone: "calm", words: stepVerdict(first, waitingFor), next: [] };
}

/** The server alone knows lines. */
function lineWords(waitingFor: string): readonly Word[] | null {
  const flow = /^flow control key (.*), place (.*)$/s.exec(waitingFor);
  if (flow !== null) {
    const [, key = "", rest = ""] = flow;
    return ["Waiting in line of flow control key ", { code: key }, `, place ${rest}.`];
  }
  const line = /^line of (.*?): (.*)$/s.exec(waitingFor);
  if (line === null) return null;
  return ["Waiting in line of ", { code: line[1] ?? "" }, `: ${line[2] ?? ""}.`];
}

function otherwise(waitingFor: string): readonly Word[] {
  const delay = /^delay until (\S+)$/.exec(waitingFor)?.[1];
  if (delay !== undefined && !Number.isNaN(Date.parse(delay))) {
    return ["Begins ", { at: Date.parse(delay) }, "."];
  }
  return waitingFor === "" ? ["Running."] : ["Waiting for ", ...toldWords(waitingFor), "."];
}

const INSTANT = /(\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** A sentence of the server; instants in it are told in the zone of the person. */
export function toldWords(text: string): readonly Word[] {
  return text
    .split(INSTANT)
    .filter((part) => part !== "")
    .map((part) => (INSTANT.test(part) ? { at: Date.parse(part) } : part));
}

function retrying(run: RunResource, placed: PlacedStep, openCount: number): Verdict {
  const { step } = placed;
  const attempts = step.errors?.length ?? 0;
  const error = lastError(step);
  const when: readonly Word[] =
    step.nextDeliveryTime === undefined ? ["soon"] : [{ at: step.nextDeliveryTime }];
  return {
    tone: "warn",
    words: [
      "Retrying ",
      ...stepWords(placed),
      " ",
      ...when,
      `: attempt ${attempts + 1} of ${step.retries + 1}`,
      ...(error === undefined ? [] : [", after ", ...errorWords(error, run, step)]),
      ".",
    ],
    next: openCount > 1 ? [`${plural(openCount - 1, "other branch", "other branches")} open.`] : [],
  };
}

function branches({ waitingFor }: RunResource, steps: readonly PlacedStep[]): Verdict {
  const said = waitingFor === undefined ? [] : ["; waiting for ", ...toldWords(waitingFor)];
  return {
    tone: "calm",
    words: [`Running ${steps.length} branches side by side`, ...said, "."],
    next: [],
  };
}

function stepVerdict(placed: PlacedStep, waitingFor: string): readonly Word[] {
  const { step } = placed;
  switch (step.stepType) {
    case "SleepFor":
    case "SleepUntil": {
      const at = "sleepUntil" in step ? step.sleepUntil : undefined;
      const until = at ?? step.nextDeliveryTime;
      return ["Sleeping", ...untilWords(until), " in ", ...stepWords(placed), "."];
    }
    case "Wait":
      return waitWords("event ", placed);
    case "WaitForWebhook":
      return waitWords("webhook ", placed);
    case "Invoke": {
      const child = step.invokedWorkflowRunId;
      return child === undefined
        ? ["Invoking another workflow in ", ...stepWords(placed), "."]
        : ["Waiting for the run it has invoked: ", { runId: child }, "."];
    }
    case "Call":
      return ["Calling ", { code: step.callUrl ?? "a service" }, " in ", ...stepWords(placed), "."];
    default:
      return waitingFor.startsWith("delivery in flight") || waitingFor === ""
        ? [
            "Running ",
            ...stepWords(placed),
            ...(waitingFor === "" ? [] : [": ", ...toldWords(waitingFor)]),
            ".",
          ]
        : otherwise(waitingFor);
  }
}

const untilWords = (at: number | undefined): readonly Word[] =>
  at === undefined ? [] : [" until ", { at }];

function waitWords(noun: string, { step }: PlacedStep): readonly Word[] {
  const name: readonly Word[] = step.waitEventId === undefined ? [] : [{ code: step.waitEventId }];
  return ["Waiting for ", noun, ...name, ...untilWords(step.waitTimeoutDeadline), "."];
}

function stepWords(placed: PlacedStep): readonly Word[] {
  const name = nameOf(placed);
  const number = `step ${placed.number}`;
  return name === undefined ? [number] : [`${number} `, { code: name }];
}

function errorWords(
  error: StepErrorResource,
  run: RunResource,
  step: AnyStep | undefined,
): readonly Word[] {
  const host = hostOf(step?.callUrl ?? run.workflowUrl);
  // The sentence brings its own end.
  const ended = (said: string) => said.replace(/[.…\s]+$/, "");
  if (error.status === 0) return [`${error.error} (no answer from ${host})`];
  const text = ended(describeError(error));
  const status = String(error.status);
  const rest = text.startsWith(status) ? text.slice(status.length) : `: ${text}`;
  return [`${status} from ${host}${rest === "" ? "" : rest.startsWith(":") ? rest : `,${rest}`}`];
}

function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : nouns}`;
}

/** The sentence as text, for titles and screen readers. */
export function textOf(words: readonly Word[], instant: (at: number) => string): string {
  return words
    .map((word) => {
      if (typeof word === "string") return word;
      if ("at" in word) return instant(word.at);
      if ("lastingMs" in word) return `${Math.round(word.lastingMs / 1_000)} s`;
      return "code" in word ? `"${word.code}"` : word.runId;
    })
    .join("");
}
