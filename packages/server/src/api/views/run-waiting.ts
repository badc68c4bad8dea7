import { attemptStartedAt } from "../../core/message.ts";
import type { AttemptRow, MessageRow, RunRow, StepRow } from "../../core/rows.ts";
import type { RunConfig } from "../../core/run-config.ts";
import { timeoutOf } from "../../core/start-delivery.ts";
import { INITIAL_SLOT, isPlanSlot } from "../../core/step.ts";
import type { WaitRow } from "../../core/wait-rows.ts";
import { failedStepName } from "./attempts.ts";
import { readMessageConfig, readWaitConfig } from "./settings.ts";
import {
  instant,
  isOpen,
  type OpenRow,
  PLAIN_WORDS,
  type WaitingFacts,
  type WaitingWords,
  waitingFor,
} from "./waiting.ts";

/** Says of a live run what it waits for, in one sentence for people. */

/** What is open of one run. */
export interface RunOutlook {
  readonly run: RunRow;
  readonly config: RunConfig | null;
  readonly messages: readonly MessageRow[];
  /** Those that are not over. */
  readonly waits: readonly WaitRow[];
  /** The records that the messages deliver, by key; their bodies are not needed. */
  readonly steps: ReadonlyMap<number, StepRow>;
  /** The last failed attempt of a message that is tried again, by message. */
  readonly failures: ReadonlyMap<number, AttemptRow>;
}

/** One thing that has to happen before the run goes on. */
export interface Opening {
  /** Id of the step, for one of a parallel group and for one that others complete; null for what the whole run waits for. */
  readonly stepId: number | null;
  /** The id of the step behind the group that the step is planned in; null when it is in none, or that is not known. */
  readonly groupEnd: number | null;
  readonly wait: WaitRow | null;
  readonly message: OpenRow | null;
  /** The record that the message delivers, without its body. */
  readonly step: StepRow | null;
  /** The last failed attempt of the message. */
  readonly failure: AttemptRow | null;
  /** When the attempt in flight began. */
  readonly startedAt: number | null;
  readonly words: WaitingWords;
}

/** Everything that is open of a run. A delivery whose work has been accepted is passed over. */
export function openingsOf(outlook: RunOutlook, timeoutMsDefault: number): readonly Opening[] {
  const messages = outlook.messages.filter(isOpen);
  const start = (message: OpenRow) => startOf(message, outlook, timeoutMsDefault);
  const waits = outlook.waits.flatMap((wait) => {
    const message = messages.find(({ waitKey }) => waitKey === wait.key) ?? null;
    // The app has been told the answer, and has done nothing with it.
    if (wait.state === "answered" && message === null) return [];
    const startedAt = message === null ? null : start(message);
    const failure = outlook.failures.get(message?.key ?? -1) ?? null;
    const of = { stepId: wait.stepId, groupEnd: null, step: null, failure };
    return [{ ...of, wait, message, startedAt, words: PLAIN_WORDS }];
  });
  const steps = messages
    .filter(({ kind }) => kind === "step" || kind === "hop")
    .map((message) => ofStep(message, outlook, start(message)));
  const waited = new Set(waits.map(({ stepId }) => stepId));
  const slots = new Set(Array.from(outlook.steps.values(), ({ slot }) => slot));
  const branches = steps.filter(
    ({ stepId }) => stepId !== null && !waited.has(stepId) && !slots.has(2 * stepId + 1),
  );
  if (waits.length + branches.length > 0) return [...waits, ...branches];
  // Each record has been made by the work of the ones before it.
  return steps.toSorted((a, b) => positionOf(b) - positionOf(a)).slice(0, 1);
}

function positionOf({ message }: Opening): number {
  return message?.stepPosition ?? 0;
}

function ofStep(message: OpenRow, outlook: RunOutlook, startedAt: number | null): Opening {
  const step = outlook.steps.get(message.key);
  const isPlan = step !== undefined && isPlanSlot(step.slot);
  const failure = outlook.failures.get(message.key);
  const name = failure === undefined ? undefined : failedStepName([failure]);
  return {
    stepId: isPlan ? step.slot / 2 : null,
    groupEnd: isPlan ? step.nextStepId : null,
    step: step ?? null,
    failure: failure ?? null,
    wait: null,
    message,
    startedAt,
    words: {
      ...PLAIN_WORDS,
      retryOf: name === undefined ? "" : ` of step ${JSON.stringify(name)}`,
      delay: isSleep(message, step) ? "sleep until" : PLAIN_WORDS.delay,
    },
  };
}

/** Only sleeps are recorded before they are due; a resume may put them off further. */
export function isSleep({ dueAt }: OpenRow, step: StepRow | undefined): boolean {
  if (step === undefined || step.slot === INITIAL_SLOT) return false;
  return step.dueAt > step.createdAt && dueAt === step.dueAt;
}

function startOf(
  message: OpenRow,
  { config, steps }: RunOutlook,
  timeoutMsDefault: number,
): number | null {
  if (message.state !== "active") return null;
  const own = readMessageConfig(steps.get(message.key)?.config ?? message.config);
  const startedAt = attemptStartedAt(
    message,
    timeoutOf(message, { config, own }, timeoutMsDefault),
  );
  // The operator may have changed the default since.
  return Math.max(startedAt, message.createdAt);
}

/** Openings as one sentence tells them. */
export interface Told {
  readonly openings: readonly Opening[];
  /** How many there are in all. */
  readonly openCount: number;
  /** Of how many branches of a parallel group; null when that is not known, or there is none. */
  readonly branchCount: number | null;
}

/** Openings that one sentence tells; the rest is a number. */
const TOLD_MAX = 2;

/** The most telling ones first: what goes wrong, then what stands in line, is under way, is asked of others, and sleeps. */
export function toTold(
  openings: readonly Opening[],
  planCounts: ReadonlyMap<number, number> = new Map(),
): Told {
  const counts = openings.map(({ wait, groupEnd }) =>
    wait === null
      ? (planCounts.get(groupEnd ?? -1) ?? null)
      : (readWaitConfig(wait)?.concurrent ?? null),
  );
  return {
    openings: openings.toSorted((a, b) => rank(a) - rank(b)).slice(0, TOLD_MAX),
    openCount: openings.length,
    branchCount: counts.find((count) => count !== null && count > 1) ?? null,
  };
}

function rank({ message, wait }: Opening): number {
  if (message === null) return wait?.kind === "invoke" ? 4 : 3;
  switch (message.state) {
    case "scheduled":
      return message.retried > 0 ? 0 : 5;
    case "waiting":
      return 1;
    case "active":
    case "canceling":
      return 2;
  }
}

/** What is known beside the openings. */
export interface RunWaitingFacts extends WaitingFacts {
  /** Runs that steps have invoked, by key. */
  readonly children: ReadonlyMap<number, ToldChild>;
}

export interface ToldChild extends Told {
  readonly runId: string;
}

export function tellRun(told: Told, facts: RunWaitingFacts): string {
  const { openings, openCount, branchCount } = told;
  const parts = openings.map((opening) => tellOpening(opening, facts));
  const rest = openCount - parts.length;
  const all = [...parts, ...(rest > 0 ? [`and ${rest} more`] : [])].join("; ");
  if (branchCount !== null) return `${openCount} of ${branchCount} branches: ${all}`;
  return openCount > 1 ? `${openCount} branches: ${all}` : all;
}

function tellOpening({ wait, message, words }: Opening, facts: RunWaitingFacts): string {
  switch (wait?.kind) {
    case "event":
      return `event ${wait.eventId}${untilDeadline(wait)}`;
    case "webhook":
      return `webhook${untilDeadline(wait)}`;
    case "invoke":
      return tellChild(wait, facts);
    case "call":
      return tellCall(wait, message, facts);
    case undefined:
      return message === null ? "" : waitingFor(message, facts, words);
  }
}

function untilDeadline({ dueAt }: WaitRow): string {
  return dueAt === null ? "" : ` until ${instant(dueAt)}`;
}

function tellCall(wait: WaitRow, message: OpenRow | null, facts: RunWaitingFacts): string {
  const call = `call of ${readWaitConfig(wait)?.call?.url ?? "a service"}`;
  if (message === null) return call;
  if (wait.state === "answered") {
    return `answer of the ${call}: ${waitingFor(message, facts, PLAIN_WORDS)}`;
  }
  return `${call}: ${waitingFor(message, facts, { ...PLAIN_WORDS, attempt: "in flight" })}`;
}

/** What a child waits for is told, but not what its own children do. */
function tellChild(wait: WaitRow, { children, ...facts }: RunWaitingFacts): string {
  const child = children.get(wait.childRunKey ?? -1);
  const id = child?.runId ?? readWaitConfig(wait)?.child?.workflowRunId ?? "";
  if (child === undefined || child.openCount === 0) return `child run ${id}`;
  return `child run ${id} (${tellRun(child, { ...facts, children: new Map() })})`;
}

/** The last thing that is known of a run. */
export interface LastAnswer {
  /** 0 when there was no response. */
  readonly status: number;
  readonly at: number;
}

/** Of a run that nothing can wake any more. `callUrl` is that of a call whose answer the app has been told. */
export function tellStuck(last: LastAnswer | null, callUrl: string | null = null): string {
  return `nothing: ${lastWords(last, callUrl)}; nudge it`;
}

function lastWords(last: LastAnswer | null, callUrl: string | null): string {
  if (callUrl !== null) {
    return `its app was told the answer of the call of ${callUrl} and nothing followed`;
  }
  if (last === null) return "nothing is open for it any more";
  const end = last.status === 0 ? "ended without an answer" : `was answered ${last.status}`;
  return `its last delivery ${end} at ${instant(last.at)} and nothing followed`;
}
