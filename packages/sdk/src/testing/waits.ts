import { base64FromBytes } from "../wire/base64.ts";
import { durationMs } from "../wire/duration.ts";
import type { StepRecord } from "../workflow/records.ts";
import { appendRecord } from "./append-record.ts";
import type { ModelServer } from "./model-server.ts";
import { isOpen, type Run, slotOf, type Wait } from "./rows.ts";

/** Steps that somebody else completes. Each is registered once, because its delivery may be repeated. */

/** @returns null when the step has been registered, or completed, before. */
export function register(
  run: Run,
  wait: Pick<Wait, "kind" | "step"> & Partial<Pick<Wait, "eventId" | "deadlineAt" | "call">>,
  server: ModelServer,
): Wait | null {
  const { stepId } = wait.step;
  const isKnown =
    run.slots.has(slotOf(wait.step)) || run.waits.some(({ step }) => step.stepId === stepId);
  if (isKnown) return null;
  const registered: Wait = {
    eventId: null,
    deadlineAt: null,
    call: null,
    ...wait,
    run,
    createdAt: server.now,
    state: "open",
    attempts: 1,
    errors: [],
    report: "",
  };
  run.waits.push(registered);
  return registered;
}

export function registerEvent(
  run: Run,
  facts: { readonly eventId: string; readonly timeout: string; readonly step: StepRecord },
  server: ModelServer,
): void {
  const { eventId, step, timeout } = facts;
  const kind = step.stepType === "WaitForWebhook" ? "webhook" : "event";
  const deadlineAt = server.now + durationMs(timeout, "timeout");
  const wait = register(run, { kind, step, eventId, deadlineAt }, server);
  if (wait === null) return;
  const kept = run.keptEvents.findIndex((event) => event.eventId === eventId);
  if (kept !== -1) {
    const [event] = run.keptEvents.splice(kept, 1);
    if (event !== undefined) answerEvent(wait, event.bytes, server);
    return;
  }
  const { now, agenda } = server;
  agenda.add(deadlineAt, async () => () => {
    const record = { ...step, waitEventId: eventId, waitTimeout: true };
    if (wait.state === "open") answerWait(wait, record, server);
  });
  const answer = server.options.stubs.waitAnswer(step.stepName, eventId);
  if (answer === null) return;
  agenda.add(now + answer.afterMs, async () => {
    const bytes = await answer.bytes();
    return () => {
      if (wait.state === "open") answerEvent(wait, bytes, server);
    };
  });
}

function answerEvent(wait: Wait, bytes: Uint8Array, server: ModelServer): void {
  const { step, eventId } = wait;
  const out = base64FromBytes(bytes);
  answerWait(wait, { ...step, waitEventId: eventId ?? "", out }, server);
}

/** Records the result of a wait and ends it; false when its run takes no results any more. */
export function answerWait(wait: Wait, record: StepRecord, server: ModelServer): boolean {
  const { run } = wait;
  const isTaken = wait.state !== "done" && isOpen(run) && !run.slots.has(slotOf(record));
  wait.state = "done";
  if (!isTaken) return false;
  const { attempts, errors, createdAt } = wait;
  const note = { attempts, errors, startedAt: createdAt, recordedAt: server.now };
  appendRecord({ run, record, note, isSilent: false, dueAt: server.now }, server);
  return true;
}

/** Wakes everybody who waits for the event; with a run that one alone, for which the event is kept until it waits. */
export function notify(
  event: { readonly eventId: string; readonly bytes: Uint8Array; readonly run: Run | null },
  server: ModelServer,
): readonly Wait[] {
  const { eventId, bytes, run } = event;
  const waits = server.openWaits.filter(
    (wait) => wait.eventId === eventId && (run === null || wait.run === run),
  );
  const woken = run === null ? waits : waits.slice(0, 1);
  for (const wait of woken) answerEvent(wait, bytes, server);
  if (run !== null && woken.length === 0 && isOpen(run)) run.keptEvents.push({ eventId, bytes });
  return woken;
}
