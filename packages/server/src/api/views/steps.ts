import {
  isJsonObject,
  messageId,
  parseDurationMs,
  parseJson,
  parseStepRecord,
  type StepFailureResource,
  type StepRecord,
  type StepResource,
  type StepState,
} from "@reprise/protocol";
import type { AttemptRow, DeadLetterRow, MessageRow, RunRow, StepRow } from "../../core/rows.ts";
import type { RunConfig } from "../../core/run-config.ts";
import { INITIAL_SLOT, isPlanSlot } from "../../core/step.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import { toErrors } from "./attempts.ts";
import { type Lens, viewHeaders, viewText, withoutAbsent } from "./content.ts";
import {
  type ChildSource,
  callRetries,
  callTypeOf,
  headersOf,
  messageKeyOfWait,
  messageOfWait,
  outsideFields,
  outsideState,
  registeredKey,
} from "./outside-steps.ts";
import { readMessageConfig, settingsOf } from "./settings.ts";

/** The rows that one run is shown from. Null is what could not be found. */
export interface RunSource {
  readonly run: RunRow;
  readonly config: RunConfig | null;
  /** In order of position. */
  readonly steps: readonly StepRow[];
  /** Those that are not delivered yet, and the one that has failed. */
  readonly messages: readonly MessageRow[];
  /** By message, in order; those of calls as well. */
  readonly attempts: ReadonlyMap<number, readonly AttemptRow[]>;
  /** Of steps that others complete, by the id of the step. */
  readonly waits: ReadonlyMap<number, WaitRow>;
  /** The runs that these steps have invoked, by key. */
  readonly children: ReadonlyMap<number, ChildSource>;
  readonly deadLetter: DeadLetterRow | null;
  /** The dead letter that this run was revived from. */
  readonly origin: DeadLetterRow | null;
  /** The run that was revived from this one's dead letter. */
  readonly successor: RunRow | null;
}

/** A record that was submitted; null when it cannot be read, which must not hide the rest of the run. */
export function readRecord(step: StepRow): StepRecord | null {
  if (step.slot === INITIAL_SLOT) return null;
  try {
    return parseStepRecord(step.body);
  } catch {
    return null; // As said above.
  }
}

/** The id in the slot of a plan or a result; undefined for the initial record. */
export function stepIdOf({ slot }: StepRow): number | undefined {
  if (slot === INITIAL_SLOT) return undefined;
  return isPlanSlot(slot) ? slot / 2 : (slot - 1) / 2;
}

/** The record that stands first in every run: its payload. */
export function toInitialStep(step: StepRow, source: RunSource, lens: Lens): StepResource {
  return withoutAbsent<StepResource>({
    ...sharedFields(step, source, lens),
    stepName: "init",
    stepType: "Initial",
    out: viewText(step.body, lens),
    concurrent: 1,
    // The run exists, whatever becomes of its first delivery.
    state: "STEP_SUCCESS",
  });
}

/** A recorded result. `producer` is the record whose delivery led to it. */
export function toResultStep(
  step: StepRow,
  producer: StepRow | undefined,
  source: RunSource,
  lens: Lens,
): StepResource {
  const record = readRecord(step);
  const isAsleep = isSleeping(step, source);
  const wait = source.waits.get(stepIdOf(step) ?? -1);
  return withoutAbsent<StepResource>({
    ...sharedFields(step, source, lens),
    ...callRetries(wait),
    ...recordFields(step, record),
    ...outsideFields(wait, record, source, lens),
    out: record === null ? undefined : viewText(record.out, lens),
    failure: caughtFailure(step, lens),
    state: isAsleep ? "STEP_PROGRESS" : "STEP_SUCCESS",
    nextDeliveryTime: isAsleep ? step.dueAt : undefined,
    errors: errorsOf([producer?.key, ...keysOfCall(wait, source)], source, lens),
  });
}

/** Of a step whose failure its workflow has caught: our own SDK records it in place of a result. */
function caughtFailure({ body }: StepRow, lens: Lens): StepFailureResource | undefined {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!bytes.includes('"failure"')) return undefined;
  const { failure } = readObject(bytes);
  if (!isJsonObject(failure)) return undefined;
  const { attempts, errorName, message, stack } = failure;
  return withoutAbsent<StepFailureResource>({
    attempts: typeof attempts === "number" ? attempts : 0,
    errorName: typeof errorName === "string" ? errorName : "Error",
    message: viewText(typeof message === "string" ? message : "", lens) ?? "",
    stack: typeof stack === "string" ? viewText(stack, lens) : undefined,
  });
}

function readObject(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value = parseJson(bytes, "step record");
    return isJsonObject(value) ? value : {};
  } catch {
    return {}; // What cannot be read must not hide the rest of the run.
  }
}

/** A step of a parallel group that has no result yet. */
export function toOpenStep(plan: StepRow, source: RunSource, lens: Lens): StepResource {
  const wait = source.waits.get(stepIdOf(plan) ?? -1);
  return withoutAbsent<StepResource>({
    ...sharedFields(plan, source, lens),
    ...recordFields(plan, readRecord(plan)),
    ...progressFields(plan, wait, source, lens),
  });
}

/** What is known of work that is not done. `record` is what is delivered for it, `wait` whom it waits for. */
export function progressFields(
  record: Pick<StepRow, "key">,
  wait: WaitRow | undefined,
  source: RunSource,
  lens: Lens,
) {
  const { messages } = source;
  const delivery = messages.find(({ key }) => key === record.key);
  const errors = errorsOf([record.key, ...keysOfCall(wait, source)], source, lens);
  const state = openState(record.key, delivery, source);
  // Whoever failed the run failed before the step got further.
  if (wait === undefined || state === "STEP_FAILED") {
    return { state, nextDeliveryTime: nextDeliveryTime(delivery), errors };
  }
  const message = messageOfWait(wait, source);
  return {
    ...callRetries(wait),
    ...(message?.kind === "callResult" ? { retries: message.retries } : {}),
    ...outsideFields(wait, null, source, lens),
    messageId: messageId(messageKeyOfWait(wait, source) ?? registeredKey(wait)),
    callType: callTypeOf(wait, source),
    state: outsideState(wait, source),
    nextDeliveryTime: nextDeliveryTime(message),
    errors,
  };
}

/** The messages of a call whose attempts belong to its step. */
function keysOfCall(wait: WaitRow | undefined, source: RunSource): readonly number[] {
  if (wait?.kind !== "call") return [];
  const keys = [wait.requestKey, messageKeyOfWait(wait, source)];
  return keys.filter((key) => key !== null);
}

/** State of work that is not done: of an open branch, or of what follows the last record. */
export function openState(
  messageKey: number,
  message: MessageRow | undefined,
  { run, deadLetter }: RunSource,
): Exclude<StepState, "STEP_SUCCESS"> {
  if (message?.state === "failed" || deadLetter?.messageKey === messageKey) return "STEP_FAILED";
  if (run.state === "canceled") return "STEP_CANCELED";
  const isPending = message?.state === "scheduled" || message?.state === "waiting";
  if (isPending && message.retried > 0) return "STEP_RETRY";
  // Deliveries of an ended run that had not begun are dropped with it.
  return message === undefined && run.state !== "started" ? "STEP_CANCELED" : "STEP_PROGRESS";
}

export function nextDeliveryTime(message: MessageRow | undefined): number | undefined {
  return message?.state === "scheduled" ? message.dueAt : undefined;
}

/** The failed attempts of some messages, in the order in which they failed. */
export function errorsOf(
  messageKeys: readonly (number | undefined)[],
  { attempts }: RunSource,
  lens: Lens,
) {
  const all = [...new Set(messageKeys)].flatMap((key) => attempts.get(key ?? -1) ?? []);
  return toErrors(
    all.toSorted((a, b) => a.endedAt - b.endedAt),
    lens,
  );
}

/** A sleep is recorded at once; its record is delivered when it is over. */
function isSleeping(step: StepRow, { messages }: RunSource): boolean {
  if (step.dueAt <= step.createdAt) return false;
  const message = messages.find(({ key }) => key === step.key);
  return message?.state === "scheduled" && message.retried === 0;
}

function sharedFields(step: StepRow, { config }: RunSource, lens: Lens) {
  const own = readMessageConfig(step.config);
  const settings = settingsOf(config, own);
  const runHeaders = step.slot === INITIAL_SLOT ? config?.forward : undefined;
  return {
    stepId: stepIdOf(step),
    callType: step.callType,
    messageId: messageId(step.key),
    createdAt: step.createdAt,
    retries: settings?.retries ?? 0,
    retryDelay: settings?.retryDelay ?? undefined,
    headers: viewHeaders({ ...headersOf(own), ...runHeaders, ...own.forward }, lens),
  };
}

function recordFields(step: StepRow, record: StepRecord | null) {
  return {
    stepName: record?.stepName ?? "",
    stepType: record?.stepType ?? "Run",
    concurrent: record?.concurrent ?? 1,
    ...sleepFields(step, record),
  };
}

function sleepFields(step: StepRow, record: StepRecord | null) {
  switch (record?.stepType) {
    case "SleepFor":
      return { sleepFor: sleepMs(record.sleepFor), sleepUntil: step.dueAt };
    case "SleepUntil":
      return { sleepUntil: record.sleepUntil === null ? step.dueAt : record.sleepUntil * 1000 };
    default:
      return {};
  }
}

function sleepMs(sleepFor: StepRecord["sleepFor"]): number | undefined {
  if (sleepFor === null) return undefined;
  if (typeof sleepFor === "number") return sleepFor * 1000;
  try {
    return parseDurationMs(sleepFor, "sleepFor");
  } catch {
    return undefined; // The SDK has computed the delay itself, so its text need not be readable here.
  }
}
