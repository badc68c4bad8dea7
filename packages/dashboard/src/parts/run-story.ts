import type {
  NextStepResource,
  RunResource,
  StepErrorResource,
  StepResource,
} from "@reprise/protocol";

/** Reads the steps of a run: which is open, which has failed, and why. */

export type AnyStep = StepResource | NextStepResource;

export interface PlacedStep {
  readonly step: AnyStep;
  /** From 0, the first group being the payload. */
  readonly group: number;
  readonly lane: number;
  readonly lanes: number;
  readonly isNext: boolean;
  /** As a person counts: the payload is 0, the first step 1. */
  readonly number: number;
}

const OPEN = new Set(["STEP_PROGRESS", "STEP_RETRY"]);

export function placeSteps({ steps }: RunResource): readonly PlacedStep[] {
  const placed: PlacedStep[] = [];
  let count = 0;
  const lasting = new Set<string>();
  steps.forEach((inGroup, group) => {
    const isNext = inGroup.type === "next";
    // The delivery that ends a sleep is told of twice: as the sleep, and as what comes next.
    const told: readonly AnyStep[] = inGroup.steps;
    const all = told.filter(({ messageId }) => !isNext || !lasting.has(messageId));
    all.forEach((step, lane) => {
      if (OPEN.has(step.state)) lasting.add(step.messageId);
      placed.push({ step, group, lane, lanes: all.length, isNext, number: step.stepId ?? count });
      count += 1;
    });
  });
  return placed;
}

export function openSteps(run: RunResource): readonly PlacedStep[] {
  return placeSteps(run).filter(({ step }) => OPEN.has(step.state));
}

export function failedStep(run: RunResource): PlacedStep | undefined {
  return placeSteps(run).find(({ step }) => step.state === "STEP_FAILED");
}

/** The name of a step; the server knows that of an open one only when the app said it. */
export function nameOf({ step, isNext }: PlacedStep): string | undefined {
  if (step.stepName !== undefined && step.stepName !== "") {
    return step.stepType === "Initial" ? "payload" : step.stepName;
  }
  return isNext ? undefined : step.messageId;
}

export const lastError = ({ errors = [] }: AnyStep): StepErrorResource | undefined => errors.at(-1);

/** Why it failed or is tried again, in one line, of a run that was listed without its steps. */
export function reasonOf({ failure, presentStep }: RunResource): string | undefined {
  if (failure === undefined) return presentStep?.error;
  const { reason, message } = failure;
  return message === undefined ? reason : describeError({ error: reason, body: message });
}

export function describeError({ error, body }: Pick<StepErrorResource, "error" | "body">): string {
  const said = describeBody(body);
  return said === "" || said === error ? error : `${error}: ${said}`;
}

const SAID_CHARS_MAX = 300;

/** What a body says in one line: the message of a step that threw, the text of a page, or the body itself. It may have been cut. */
export function describeBody(body: string): string {
  return squeeze(messageIn(body) ?? (/^\s*</.test(body) ? textOfPage(body) : body));
}

function messageIn(body: string): string | undefined {
  if (!/^\s*\{/.test(body)) return undefined;
  const written =
    /"message"\s*:\s*("(?:[^"\\]|\\.)*)/.exec(body)?.[1] ??
    /"error"\s*:\s*("(?:[^"\\]|\\.)*)/.exec(body)?.[1];
  if (written === undefined) return undefined;
  try {
    const text: unknown = JSON.parse(`${written}"`);
    return typeof text === "string" ? text : undefined;
  } catch {
    return undefined; // It was cut in the middle of an escape.
  }
}

/** Only text comes out, and only as text is it shown. */
function textOfPage(page: string): string {
  return page.replace(/<(script|style)\b[\s\S]*?(?:<\/\1\s*>|$)/gi, " ").replace(/<[^>]*>?/g, " ");
}

function squeeze(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > SAID_CHARS_MAX ? `${line.slice(0, SAID_CHARS_MAX)}…` : line;
}

/** `app.test:3000`, or the text itself when it is no URL. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

export function pathOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { pathname, search } = new URL(url);
  return `${pathname}${search}`;
}

export function durationOf(run: RunResource, now: number): number {
  return Math.max(0, (run.workflowRunCompletedAt ?? now) - run.workflowRunCreatedAt);
}

/** Names a run once and for all: an id can be used again. */
export const runKey = (run: RunResource): string =>
  `${run.workflowRunId}@${run.workflowRunCreatedAt}`;
