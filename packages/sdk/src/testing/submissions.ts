import { durationMs } from "../wire/duration.ts";
import { CALLBACK_PREFIX, FORWARD_PREFIX, HEADER } from "../wire/headers.ts";
import type { StepRecord } from "../workflow/records.ts";
import type { Exchange, Item } from "../workflow/submission.ts";
import { appendRecord } from "./append-record.ts";
import { lowerCase, under } from "./header-lists.ts";
import type { ModelServer } from "./model-server.ts";
import { isOpen, isPlan, type Message, type Run, type StepNote, slotOf } from "./rows.ts";
import { endRun } from "./run-end.ts";
import { startInvoked } from "./start-runs.ts";
import { register, registerEvent } from "./waits.ts";

/** What apps submit, in the lines of docs/fast-modes.md; the public wire says the same in other words. */
export type Line =
  | StepRecord
  | { readonly call: Item }
  | { readonly wait: { readonly eventId: string } & Exchange }
  | { readonly invoke: { readonly destination: string } & Exchange }
  | { readonly finish: { readonly response?: string } }
  | { readonly cancel: object };

export type Taken =
  | { readonly type: "taken"; readonly next: Message | null }
  /** The run has ended: nothing that is submitted counts any more. */
  | { readonly type: "ended" };

/** Takes what the invocation that holds `message` submits: all of it, or nothing. */
export function takeLines(lines: readonly Line[], message: Message, server: ModelServer): Taken {
  const { run } = message;
  const records = lines.filter((line): line is StepRecord => "stepId" in line);
  if (lines.length === 0) return { type: "taken", next: null };
  if (!mayTake(run, records, message)) return { type: "ended" };
  let next = takeRecords(records, message, server);
  for (const line of lines) {
    if ("stepId" in line) continue;
    next = null;
    takeOther(line, run, server);
  }
  return { type: "taken", next };
}

/** A failed run takes what was asked for before it failed: results of its branches, and answers of its calls. */
function mayTake(run: Run, records: readonly StepRecord[], { kind }: Message): boolean {
  if (run.state === "running") return true;
  if (!isOpen(run) || records.length === 0) return false;
  return kind === "callResult" || records.every(({ stepId }) => run.slots.has(`plan ${stepId}`));
}

function takeRecords(
  records: readonly StepRecord[],
  message: Message,
  server: ModelServer,
): Message | null {
  const { run } = message;
  const fresh = records.filter((record) => !run.slots.has(slotOf(record)));
  const groupNextStepId = 1 + Math.max(0, ...fresh.map(({ targetStep }) => targetStep ?? 0));
  let next: Message | null = null;
  for (const record of fresh) {
    if (message.wait !== null) message.wait.state = "done";
    const isSilent = isSilentIn(record, fresh);
    const sent = appendRecord(
      {
        run,
        record,
        isSilent,
        note: noteOf(message, server),
        dueAt: dueAtOf(record, server.now),
        ...(isPlan(record) ? { groupNextStepId } : {}),
      },
      server,
    );
    next = sent ?? next;
  }
  return fresh.length === records.length ? next : null;
}

/**
 * Of a group whose plans and results come together only the last record is delivered; of one that is incomplete, only the plans without a
 * result.
 */
function isSilentIn(record: StepRecord, all: readonly StepRecord[]): boolean {
  const results = all.filter((other) => !isPlan(other));
  const plans = all.filter(isPlan);
  if (results.length === 0 || plans.length === 0) return false;
  if (isPlan(record)) return results.some(({ stepId }) => stepId === record.targetStep);
  return results.length < plans.length || record !== results.at(-1);
}

/** Of a sleep by itself the result waits, of a parallel one the plan. */
function dueAtOf(record: StepRecord, now: number): number {
  const { sleepFor, sleepUntil, concurrent } = record;
  if (concurrent > 1 && !isPlan(record)) return now;
  if (sleepFor !== undefined) return now + durationMs(sleepFor, "sleep");
  return sleepUntil === undefined ? now : Math.max(now, sleepUntil * 1_000);
}

function noteOf({ wait, attempts, retried }: Message, { now }: ModelServer): StepNote {
  if (wait !== null) {
    const { createdAt, errors } = wait;
    return { attempts: wait.attempts, errors, startedAt: createdAt, recordedAt: now };
  }
  const startedAt = attempts[0]?.startedAt ?? now;
  return { attempts: retried + 1, errors: [...attempts], startedAt, recordedAt: now };
}

function takeOther(line: Exclude<Line, StepRecord>, run: Run, server: ModelServer): void {
  if ("call" in line) takeCall(line.call, run, server);
  else if ("wait" in line) {
    const { eventId, body } = line.wait;
    // Written by the SDK: `waitExchange`.
    const { timeout, step } = body as { readonly timeout: string; readonly step: StepRecord };
    registerEvent(run, { eventId, timeout, step }, server);
  } else if ("invoke" in line) startInvoked(line.invoke, run, server);
  else if ("finish" in line) endRun(run, "succeeded", line.finish.response, server);
  else endRun(run, "canceled", undefined, server);
}

function takeCall(item: Item, run: Run, server: ModelServer): void {
  const headers = lowerCase(item.headers);
  const place = under(`${CALLBACK_PREFIX}forward-`, headers);
  const step: StepRecord = {
    stepId: Number(place[HEADER.workflowStepId]),
    stepName: place[HEADER.workflowStepName] ?? "",
    stepType: "Call",
    concurrent: Number(place[HEADER.workflowConcurrent]),
  };
  const call = {
    url: item.destination,
    method: headers[HEADER.method] ?? "POST",
    headers: {
      "content-type": headers[HEADER.contentType] ?? "application/json",
      ...under(FORWARD_PREFIX, headers),
    },
    body: item.body,
    retries: Number(headers[HEADER.retries] ?? 0),
    retryDelay: headers[HEADER.retryDelay] ?? null,
    place,
  };
  const wait = register(run, { kind: "call", step, call }, server);
  if (wait === null) return;
  const { retries, retryDelay } = call;
  server.send({ run, kind: "call", wait, retries, retryDelay });
}
