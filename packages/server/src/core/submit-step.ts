import { HEADER, RepriseError } from "@reprise/protocol";
import { appendStep, checkLimits } from "./append-step.ts";
import type { SubmitStep, SubmitStepAnswer } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { DeadLetterRow, RunRow, StepRow } from "./rows.ts";
import { runEnded } from "./run.ts";
import type { RunConfig } from "./run-config.ts";
import { type RunGates, withGates } from "./run-gates.ts";
import { planSlot, type StepFacts, slotOf } from "./step.ts";
import { type Context, type Transition, unchanged } from "./transition.ts";
import { settleWait } from "./wait.ts";
import type { WaitRow } from "./wait-rows.ts";

export interface SubmitStepState extends RunGates {
  /** The live run of this id, else the newest one. */
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  /** The dead letter of a failed run. */
  readonly deadLetter: DeadLetterRow | null;
  /** What is recorded in the command's own slot. */
  readonly recorded: StepRow | null;
  /** For a result within a parallel group: its plan. */
  readonly plan: StepRow | null;
  /** For the result of a call: the wait for it. */
  readonly wait: WaitRow | null;
}

/**
 * Appends one record to the run's list and makes it a message. The first record of a slot wins for ever; a later one is
 * answered like the first. While a failed run waits in the dead letter queue, results of its other branches are recorded
 * for the resume, but not delivered.
 */
export function decideSubmitStep(
  state: SubmitStepState,
  command: SubmitStep,
  context: Context,
): Transition<SubmitStepAnswer> {
  const { config, deadLetter, recorded, plan, wait } = state;
  const run = openRun(state, command.runId);
  if (config === null) throw runEnded(command.runId);
  if (recorded !== null) return unchanged({ messageKey: recorded.key, deduplicated: true });
  // An answer that somebody waits for has been asked for before the run failed.
  const isLate = run.state !== "started" && plan === null && wait === null;
  if (isLate && hasSdkAnswered(deadLetter)) throw runEnded(command.runId);
  checkOrigin(run, plan, command.facts);
  checkLimits(run, command.body);
  const book = new GateBook(null, state.flows ?? []);
  const record = { ...command, url: run.url };
  const { step, changes, effects } = appendStep({ run, config, plan, book }, record, context);
  const settled = wait === null ? [] : settleWait(wait, "done", context);
  const answer = { messageKey: step.key, deduplicated: false };
  return withGates({ changes: [...changes, ...settled], effects, answer }, book);
}

/** The run that takes what its app submits: a live one, or a failed one that waits for its resume. */
export function openRun(
  { run, deadLetter }: Pick<SubmitStepState, "run" | "deadLetter">,
  runId: string,
): RunRow {
  if (run === null || !isOpen(run, deadLetter)) throw runEnded(runId);
  return run;
}

/** Whether results are still recorded. */
export function isOpen(run: RunRow, deadLetter: DeadLetterRow | null): boolean {
  return run.state === "started" || (run.state === "failed" && deadLetter?.state === "open");
}

/**
 * Whether the delivery that failed the run is over. Without an answer of the SDK itself a gateway may have given up while the
 * step went on; behind such an answer only a step in the failure function can submit something, and it would take the place
 * of the step that failed.
 */
function hasSdkAnswered(deadLetter: DeadLetterRow | null): boolean {
  const headers = deadLetter?.responseHeaders ?? null;
  // Written by `JSON.stringify` of an outcome's headers.
  return headers !== null && HEADER.workflowSdkVersion in JSON.parse(headers);
}

/** The slots that {@link decideSubmitStep} has to know: the command's own, and the plan of a parallel result. */
export function neededSlots(facts: StepFacts): readonly number[] {
  const own = slotOf(facts);
  return facts.isPlan || facts.concurrent === 1 ? [own] : [own, planSlot(facts.stepId)];
}

/**
 * A run's records come in the order of its steps, and a branch's result behind its plan. One that does not fit was made for an
 * earlier run whose id is used again; recorded here, it would make this run fail for ever.
 */
export function checkOrigin(run: RunRow, plan: StepRow | null, facts: StepFacts): void {
  const { stepId, isPlan, concurrent } = facts;
  const isBranch = concurrent > 1 && !isPlan;
  if (run.stepCount >= stepId && (plan !== null || !isBranch)) return;
  throw new RepriseError("invalid_step", {
    message: `step ${stepId} does not continue workflow run ${run.id}, which has ${run.stepCount} records`,
    details: { workflowRunId: run.id, field: "stepId" },
  });
}
