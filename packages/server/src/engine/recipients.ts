import type { Recipient } from "../core/answer-wait.ts";
import type { Command, NotifyEvent } from "../core/commands.ts";
import type { RunRow } from "../core/rows.ts";
import { planSlot, resultSlot } from "../core/step.ts";
import { parseWaitConfig } from "../core/wait.ts";
import type { WaitRow } from "../core/wait-rows.ts";
import type { Loading } from "./fetch.ts";
import { mayEndRun } from "./leftovers.ts";
import { Wants } from "./wants.ts";
import type { WorkingSet } from "./working-set.ts";

/** Finds the waits that a command may answer, and loads the runs that get the results. */

/** Of commands that answer one wait or none. */
export function recipientOf(wait: WaitRow | null, work: WorkingSet): Recipient | null {
  if (wait === null) return null;
  const run = work.peek("runs", wait.runKey);
  const deadLetterKey = run?.deadLetterKey ?? null;
  return {
    wait,
    run,
    config: work.config(wait.runKey),
    deadLetter: deadLetterKey === null ? null : work.get("deadLetters", deadLetterKey),
    recorded: work.stepInSlot(wait.runKey, resultSlot(wait.stepId)),
    plan: work.stepInSlot(wait.runKey, planSlot(wait.stepId)),
  };
}

/** The step that has invoked a run and waits for its end. */
export function invokerOf(run: RunRow | null, work: WorkingSet): Recipient | null {
  if (run === null || run.invoker === null) return null;
  return recipientOf(work.group("openWaitForChild", run.key)[0] ?? null, work);
}

export type FetchWants = (wants: Wants, loading: Loading) => Promise<void>;

export async function loadRecipients(
  commands: readonly Command[],
  loading: Loading,
  fetchWants: FetchWants,
): Promise<void> {
  const { work } = loading;
  const children = commands.flatMap((command) => childrenEndedBy(command, work));
  if (children.length > 0) {
    const wants = new Wants();
    for (const { key } of children) wants.group("openWaitForChild", key);
    await fetchWants(wants, loading);
  }
  const waits = [
    ...commands.flatMap((command) => waitsNamedBy(command, work)),
    ...children.flatMap(({ key }) => work.group("openWaitForChild", key)),
  ];
  if (waits.length === 0) return;
  const wants = new Wants();
  for (const { runKey, stepId } of waits) {
    wants.runs.add(runKey);
    wants.configs.add(runKey);
    wants.slotsOf(runKey, [resultSlot(stepId), planSlot(stepId)]);
  }
  await fetchWants(wants, loading);
  const rest = new Wants();
  for (const wait of waits) {
    const deadLetterKey = work.peek("runs", wait.runKey)?.deadLetterKey ?? null;
    if (deadLetterKey !== null) rest.deadLetters.add(deadLetterKey);
    for (const key of flowKeysOfWait(wait, work)) rest.named("flowControls", key);
  }
  await fetchWants(rest, loading);
}

/** What the results that a command may cause would pass; known once the recipients have been loaded. */
export function recipientFlowKeys(command: Command, work: WorkingSet): readonly string[] {
  const children = childrenEndedBy(command, work);
  const waits = [
    ...waitsNamedBy(command, work),
    ...children.flatMap(({ key }) => work.group("openWaitForChild", key)),
  ];
  return waits.flatMap((wait) => flowKeysOfWait(wait, work));
}

/** Runs of this command that may end and that another run has invoked. */
function childrenEndedBy(command: Command, work: WorkingSet): readonly RunRow[] {
  const run = mayEndRun(command, work);
  return run === null || run.invoker === null ? [] : [run];
}

/** Waits that the command names itself, directly or by their event. */
function waitsNamedBy(command: Command, work: WorkingSet): readonly WaitRow[] {
  switch (command.type) {
    case "endWait": {
      const wait = work.get("waits", command.waitKey);
      return wait === null ? [] : [wait];
    }
    case "notifyEvent":
      return waitsForEvent(command, work);
    case "notifyRun": {
      const heir = heirOf(command.runId, work);
      return heir === null ? [] : work.group("openWaitsForEventOfRun", command.eventId, heir.key);
    }
    case "endDelivery": {
      const message = work.get("messages", command.messageKey);
      if (message?.kind !== "call" || message.waitKey === null) return [];
      const wait = work.get("waits", message.waitKey);
      return wait === null ? [] : [wait];
    }
    default:
      return [];
  }
}

/** Who waits for an event and is meant. */
export function waitsForEvent(
  { eventId, waitKeys }: NotifyEvent,
  work: WorkingSet,
): readonly WaitRow[] {
  if (waitKeys === undefined) return work.group("openWaitsForEvent", eventId);
  const waits = waitKeys.map((key) => work.get("waits", key)).filter((wait) => wait !== null);
  return waits.filter((wait) => wait.state === "open" && wait.eventId === eventId);
}

/** The flow controls that the message of the result may pass. */
export function flowKeysOfWait(wait: WaitRow, work: WorkingSet): readonly string[] {
  const { result, timeout } = parseWaitConfig(wait);
  const keys = [
    work.config(wait.runKey)?.flowControl?.key,
    result.own.flowControl?.key,
    timeout?.own.flowControl?.key,
  ];
  return keys.filter((key) => key !== undefined);
}

/** The run of this id, or, when it has failed and was resumed, the run that goes on in its place. */
export function heirOf(runId: string, work: WorkingSet): RunRow | null {
  let run = work.newestRun(runId);
  for (let next = run; next !== null; next = successorOf(next, work)) run = next;
  return run;
}

function successorOf(run: RunRow, work: WorkingSet): RunRow | null {
  if (run.deadLetterKey === null) return null;
  const deadLetter = work.get("deadLetters", run.deadLetterKey);
  if (deadLetter?.state !== "resumed" || deadLetter.nextRunKey === null) return null;
  return work.get("runs", deadLetter.nextRunKey);
}

/** Resumes of one run that are followed; each is a person's decision. */
const RESUMES_MAX = 10_000;

/** Loads the runs that have taken over from the named ones. */
export async function loadHeirs(
  commands: readonly Command[],
  loading: Loading,
  fetchWants: FetchWants,
): Promise<void> {
  const { work } = loading;
  let runs = commands
    .filter(({ type }) => type === "notifyRun")
    .map((command) => ("runId" in command ? work.newestRun(command.runId) : null))
    .filter((run) => run !== null);
  for (let hop = 0; runs.length > 0 && hop < RESUMES_MAX; hop += 1) {
    const letters = new Wants();
    for (const { deadLetterKey } of runs) {
      if (deadLetterKey !== null) letters.deadLetters.add(deadLetterKey);
    }
    await fetchWants(letters, loading);
    const wants = new Wants();
    const nextKeys = runs.map(({ deadLetterKey }) => nextRunKeyOf(deadLetterKey, work));
    for (const key of nextKeys) if (key !== null) wants.runs.add(key);
    await fetchWants(wants, loading);
    runs = nextKeys
      .map((key) => (key === null ? null : work.get("runs", key)))
      .filter((run) => run !== null);
  }
}

function nextRunKeyOf(deadLetterKey: number | null, work: WorkingSet): number | null {
  if (deadLetterKey === null) return null;
  const deadLetter = work.get("deadLetters", deadLetterKey);
  return deadLetter?.state === "resumed" ? deadLetter.nextRunKey : null;
}
