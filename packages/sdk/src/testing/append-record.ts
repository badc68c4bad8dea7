import { base64FromText } from "../wire/base64.ts";
import type { StepRecord } from "../workflow/records.ts";
import { type ModelServer, newMessageId } from "./model-server.ts";
import { isPlan, type Message, type Recorded, type Run, type StepNote, slotOf } from "./rows.ts";

export interface NewRecord {
  readonly run: Run;
  readonly record: StepRecord;
  readonly note: StepNote;
  /** Another record brings the run on: this one is not delivered. */
  readonly isSilent: boolean;
  readonly dueAt: number;
  /** For a plan: the id behind its whole group. */
  readonly groupNextStepId?: number;
}

/** Appends a record to the run's list and, while the run is alive, delivers it. A failed run only records, for its resume. */
export function appendRecord(appended: NewRecord, server: ModelServer): Message | null {
  const { run, record, note, isSilent, dueAt } = appended;
  const recorded: Recorded = { record, note, nextStepId: nextStepId(appended), dueAt };
  run.slots.set(slotOf(record), recorded);
  run.records.push(recorded);
  const position = run.items.length;
  const body = base64FromText(JSON.stringify(record));
  run.items.push({ messageId: newMessageId(), body, callType: "step" });
  if (run.state !== "running" || isSilent) return null;
  return server.send({ run, kind: "step", position, dueAt });
}

function nextStepId({ run, record, groupNextStepId }: NewRecord): number {
  if (groupNextStepId !== undefined) return groupNextStepId;
  const plan = isPlan(record) ? undefined : run.slots.get(`plan ${record.stepId}`);
  return plan?.nextStepId ?? record.stepId + 1;
}
