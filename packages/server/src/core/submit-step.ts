import { HEADER, RepriseError, RUN_BYTES_MAX, RUN_RECORDS_MAX } from "@reprise/protocol";
import type { SubmitStep, SubmitStepAnswer } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { DeadLetterRow, MessageRow, RunRow, StepRow } from "./rows.ts";
import { runEnded } from "./run.ts";
import { effectiveConfig, type RunConfig } from "./run-config.ts";
import { admitMessage, flowControlOf, type RunGates, withGates } from "./run-gates.ts";
import { announce, type FirstMessage } from "./start-run.ts";
import { planSlot, slotOf } from "./step.ts";
import { type Context, insert, type Transition, unchanged, update } from "./transition.ts";

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
  const { run, config, deadLetter, recorded } = state;
  if (run === null || config === null) throw runEnded(command.runId);
  const isLive = run.state === "started";
  const isWaitingForResume = run.state === "failed" && deadLetter?.state === "open";
  if (!isLive && !isWaitingForResume) throw runEnded(command.runId);
  if (recorded !== null) return unchanged({ messageKey: recorded.key, deduplicated: true });
  if (!isLive && state.plan === null && hasSdkAnswered(deadLetter)) {
    throw runEnded(command.runId);
  }
  checkOrigin(run, state.plan, command);
  checkLimits(run, command);

  const step = toStep(run, state.plan, command, context);
  const grown: RunRow = {
    ...run,
    stepCount: run.stepCount + 1,
    bodyBytes: run.bodyBytes + command.body.byteLength,
  };
  const append = [update("runs", run, grown), insert("steps", step)];
  const answer = { messageKey: step.key, deduplicated: false };
  if (!isLive) return { changes: append, effects: [], answer };
  const book = new GateBook(null, state.flows ?? []);
  const message = toMessage({ run, step, config, book }, command, context);
  return withGates(
    {
      changes: [...append, insert("messages", message)],
      effects: announce(message),
      answer,
    },
    book,
  );
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

function toStep(run: RunRow, plan: StepRow | null, command: SubmitStep, context: Context): StepRow {
  const { facts } = command;
  return {
    key: context.newKey(),
    runKey: run.key,
    position: run.stepCount,
    slot: slotOf(facts),
    nextStepId: command.groupNextStepId ?? plan?.nextStepId ?? facts.stepId + 1,
    createdAt: context.now,
    dueAt: Math.max(command.dueAt, context.now),
    callType: "step",
    config: JSON.stringify(command.messageConfig),
    body: command.body,
  };
}

function toMessage(
  { run, step, config, book }: FirstMessage,
  { messageConfig }: SubmitStep,
  context: Context,
): MessageRow {
  const { retries, timeoutMs } = effectiveConfig(config, messageConfig, context.attemptTimeoutMs);
  return admitMessage(
    {
      key: step.key,
      kind: "step",
      runKey: run.key,
      stepPosition: step.position,
      deadLetterKey: null,
      createdAt: step.createdAt,
      dueAt: step.dueAt,
      retries,
      url: run.url,
      config: null,
      body: null,
    },
    { flowControl: flowControlOf(config, messageConfig), timeoutMs, book },
    context,
  );
}

/** The slots that {@link decideSubmitStep} has to know: the command's own, and the plan of a parallel result. */
export function neededSlots({ facts }: SubmitStep): readonly number[] {
  const own = slotOf(facts);
  return facts.isPlan || facts.concurrent === 1 ? [own] : [own, planSlot(facts.stepId)];
}

/**
 * A run's records come in the order of its steps, and a branch's result behind its plan. One that does not fit was made for an
 * earlier run whose id is used again; recorded here, it would make this run fail for ever.
 */
function checkOrigin(run: RunRow, plan: StepRow | null, { facts }: SubmitStep): void {
  const { stepId, isPlan, concurrent } = facts;
  const isBranch = concurrent > 1 && !isPlan;
  if (run.stepCount >= stepId && (plan !== null || !isBranch)) return;
  throw new RepriseError("invalid_step", {
    message: `step ${stepId} does not continue workflow run ${run.id}, which has ${run.stepCount} records`,
    details: { workflowRunId: run.id, field: "stepId" },
  });
}

function checkLimits(run: RunRow, command: SubmitStep): void {
  if (run.stepCount >= RUN_RECORDS_MAX) {
    throw tooLarge(run.id, `has ${run.stepCount} records; the limit is ${RUN_RECORDS_MAX}`);
  }
  const bytes = run.bodyBytes + command.body.byteLength;
  if (bytes > RUN_BYTES_MAX) {
    throw tooLarge(run.id, `would hold ${bytes} bytes; the limit is ${RUN_BYTES_MAX}`);
  }
}

function tooLarge(runId: string, fact: string): RepriseError {
  return new RepriseError("step_limit_exceeded", {
    message: `workflow run ${runId} ${fact}`,
    details: { workflowRunId: runId },
  });
}
