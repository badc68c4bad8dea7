import { RepriseError, RUN_BYTES_MAX, RUN_RECORDS_MAX } from "@reprise/protocol";
import type { GateBook } from "./gate-book.ts";
import type { Change, MessageRow, RunRow, StepRow } from "./rows.ts";
import { effectiveConfig, type MessageConfig, type RunConfig } from "./run-config.ts";
import { admitMessage, flowControlOf } from "./run-gates.ts";
import { announce } from "./start-run.ts";
import { type StepFacts, slotOf } from "./step.ts";
import { type Context, type Effect, insert, update } from "./transition.ts";

/** Who gets a record: a run as it stands in this very transition, which may have appended to it before. */
export interface Appending {
  readonly run: RunRow;
  readonly config: RunConfig;
  /** For a result within a parallel group: its plan. */
  readonly plan: StepRow | null;
  readonly book: GateBook;
}

export interface NewRecord {
  readonly facts: StepFacts;
  readonly body: Uint8Array;
  readonly messageConfig: MessageConfig;
  readonly dueAt: number;
  /** For a plan: the id behind its whole group; for others null. */
  readonly groupNextStepId: number | null;
  /** Where its message goes; the run's own URL for all that the app submits. */
  readonly url: string;
  /** Another record, in the same transaction or still to come, brings the run on: this one is not delivered. */
  readonly isSilent?: boolean;
}

export interface Appended {
  readonly run: RunRow;
  readonly step: StepRow;
  /** Null when the record is not delivered. */
  readonly message: MessageRow | null;
  readonly changes: readonly Change[];
  readonly effects: readonly Effect[];
}

/**
 * Appends one record to the run's list and, while the run is alive, makes it a message. A failed run that waits in the dead letter
 * queue only records, for its resume.
 */
export function appendStep(to: Appending, record: NewRecord, context: Context): Appended {
  const { run } = to;
  const step = toStep(to, record, context);
  const grown: RunRow = {
    ...run,
    stepCount: run.stepCount + 1,
    bodyBytes: run.bodyBytes + record.body.byteLength,
  };
  const changes = [update("runs", run, grown), insert("steps", step)];
  if (run.state !== "started" || record.isSilent === true) {
    return { run: grown, step, message: null, changes, effects: [] };
  }
  const message = toMessage(to, { step, url: record.url, own: record.messageConfig }, context);
  return {
    run: grown,
    step,
    message,
    changes: [...changes, insert("messages", message)],
    effects: announce(message),
  };
}

function toStep({ run, plan }: Appending, record: NewRecord, context: Context): StepRow {
  const { facts } = record;
  return {
    key: context.newKey(),
    runKey: run.key,
    position: run.stepCount,
    slot: slotOf(facts),
    nextStepId: record.groupNextStepId ?? plan?.nextStepId ?? facts.stepId + 1,
    createdAt: context.now,
    dueAt: Math.max(record.dueAt, context.now),
    callType: "step",
    config: JSON.stringify(record.messageConfig),
    body: record.body,
  };
}

function toMessage(
  { run, config, book }: Appending,
  { step, url, own }: { readonly step: StepRow; readonly url: string; readonly own: MessageConfig },
  context: Context,
): MessageRow {
  const { retries, timeoutMs } = effectiveConfig(config, own, context.attemptTimeoutMs);
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
      url,
      config: null,
      body: null,
    },
    { flowControl: flowControlOf(config, own), timeoutMs, book },
    context,
  );
}

/** Refuses what an app submits beyond the limits; results that come from outside were let in with their steps. */
export function checkLimits(run: RunRow, body: Uint8Array): void {
  if (run.stepCount >= RUN_RECORDS_MAX) {
    throw tooLarge(run.id, `has ${run.stepCount} records; the limit is ${RUN_RECORDS_MAX}`);
  }
  const bytes = run.bodyBytes + body.byteLength;
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
