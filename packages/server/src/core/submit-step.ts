import { HEADER, RepriseError } from "@reprise/protocol";
import { appendStep, checkLimits, type NewRecord } from "./append-step.ts";
import type { SubmitStep, SubmitStepAnswer } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import { isCurrentAttempt } from "./message.ts";
import type { DeadLetterRow, MessageRow, RunRow, StepRow } from "./rows.ts";
import { runEnded } from "./run.ts";
import type { RunConfig } from "./run-config.ts";
import { type RunGates, withGates } from "./run-gates.ts";
import { planSlot, type StepFacts, slotOf } from "./step.ts";
import { type Context, remove, type Transition, unchanged } from "./transition.ts";
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
  /** What is recorded in the slot that the command awaits, if it awaits one. */
  readonly awaited?: StepRow | null;
  /** The message that the command says its invocation holds. */
  readonly held?: MessageRow | null;
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
  if (config === null || (command.runKey ?? run.key) !== run.key) throw runEnded(command.runId);
  if (recorded !== null) return unchanged(repeatedAnswer(recorded, command));
  // An answer that somebody waits for has been asked for before the run failed.
  const isLate = run.state !== "started" && plan === null && wait === null;
  if (isLate && hasSdkAnswered(deadLetter)) throw runEnded(command.runId);
  checkOrigin(run, plan, command.facts);
  checkLimits(run, command.body);
  const isSilent = command.awaits !== undefined && (state.awaited ?? null) === null;
  const record = { ...command, url: run.url, isSilent };
  const submission = { ...state, run, config };
  const held = findHeld(submission, command);
  const transition =
    (held === null ? null : goOn(submission, held, record, context)) ??
    appendOnly(submission, record, context);
  const settled = wait === null ? [] : settleWait(wait, "done", context);
  if (settled.length === 0) return transition;
  return { ...transition, changes: [...transition.changes, ...settled] };
}

/** Whoever goes on must know whether the list has its own result, or somebody else's. */
function repeatedAnswer(recorded: StepRow, { body }: SubmitStep): SubmitStepAnswer {
  const answer = { messageKey: recorded.key, deduplicated: true };
  return Buffer.compare(recorded.body, body) === 0 ? answer : { ...answer, differs: true };
}

interface Submission extends SubmitStepState {
  readonly run: RunRow;
  readonly config: RunConfig;
}

function appendOnly(state: Submission, record: NewRecord, context: Context) {
  const book = new GateBook(null, state.flows ?? []);
  const { step, changes, effects } = appendStep({ ...state, book }, record, context);
  const answer = { messageKey: step.key, deduplicated: false };
  return withGates({ changes, effects, answer }, book);
}

/**
 * The message of an attempt that is still the current one, and belongs to this very run. Its invocation knows the list up to that
 * message's record: what others have recorded behind it, it would never hear of, so it is not the one to go on.
 */
function findHeld({ run, held }: Submission, { hold }: SubmitStep): MessageRow | null {
  if (hold === undefined || held?.state !== "active" || held.runKey !== run.key) return null;
  if (held.kind !== "step" || held.stepPosition === null) return null;
  const knownCount = held.stepPosition + 1 + hold.recordsBefore;
  return run.stepCount === knownCount && isCurrentAttempt(held, hold.leaseToken) ? held : null;
}

/**
 * The invocation that holds a message has done its work and goes on with the one that the record makes: the first one is delivered, and
 * the next one is `active` without a delivery. Null when the next one cannot begin now.
 */
function goOn(
  state: Submission,
  held: MessageRow,
  record: NewRecord,
  context: Context,
): Transition<SubmitStepAnswer> | null {
  const book = new GateBook(null, state.flows ?? []);
  // The place that it gives back is the one that the next message takes.
  book.leave(held);
  // As with its connection: nobody is sent anything new.
  const within: Context = { ...context, isOriginFull: () => false };
  const { step, message, changes } = appendStep({ ...state, book }, record, within);
  if (message?.state !== "active") return null;
  const { key, leaseToken } = message;
  return withGates(
    {
      changes: [...changes, remove("messages", held.key)],
      effects: [{ type: "hold", messageKey: key, leaseToken, heldKey: held.key }],
      answer: { messageKey: step.key, deduplicated: false, held: message },
    },
    book,
  );
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
