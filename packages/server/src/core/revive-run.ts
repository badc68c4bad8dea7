import { HEADER } from "@reprise/protocol";
import type { Overrides, ReviveRun, RunAnswer } from "./commands.ts";
import { closeDeadLetter, deadLetterNotFound, dropLeftovers } from "./dead-letter.ts";
import { GateBook } from "./gate-book.ts";
import type { DeadLetterRow, MessageRow, RunRow, StepRow } from "./rows.ts";
import { type Leftovers, runAnswer } from "./run.ts";
import {
  effectiveConfig,
  overrideCallback,
  parseMessageConfig,
  type RunConfig,
  withLabels,
} from "./run-config.ts";
import { admitMessage, flowControlOf, type RunGates, withGates } from "./run-gates.ts";
import { announce, type FirstMessage, firstMessage, labelColumn } from "./start-run.ts";
import { INITIAL_SLOT, nextStepIdOf, openSteps } from "./step.ts";
import { noneTaken, type Taken, takeOver } from "./take-over.ts";
import { type Context, insert, type Transition } from "./transition.ts";

export interface ReviveRunState extends RunGates {
  readonly deadLetter: DeadLetterRow | null;
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  /** Every record of the run, in order of position; for a restart the first is enough. */
  readonly steps: readonly StepRow[];
  readonly failedMessage: MessageRow | null;
  /** What the run has left open, waits that are over included. */
  readonly leftovers: Leftovers;
}

/**
 * Makes a new run out of a dead one. A resume keeps every recorded result, takes over what others are to complete, and delivers the
 * rest: each plan without a result, or else the last record. A restart keeps the payload alone. The dead letter closes in the same
 * transaction, so two people who press the button get one run and one refusal.
 */
export function decideReviveRun(
  state: ReviveRunState,
  command: ReviveRun,
  context: Context,
): Transition<RunAnswer> {
  const { deadLetter, run, config, failedMessage } = state;
  if (deadLetter?.state !== "open" || run === null || config === null) {
    throw deadLetterNotFound(command.deadLetterKey);
  }
  const kept = command.mode === "resume" ? state.steps : state.steps.slice(0, 1);
  const revivedConfig = withOverrides(config, kept, command.overrides, context);
  const revived = toRun({ run, config: revivedConfig, kept }, command, context);
  const steps = kept.map((step) => copyStep(step, revived, command, context));
  const book = new GateBook(null, state.flows ?? []);
  const to = { run: revived, config: revivedConfig, book };
  const taken = command.mode === "resume" ? takeOver(state, to, command, context) : noneTaken;
  const messages = stepsToDeliver(steps, taken)
    .map((step) => toMessage({ ...to, step }, command.overrides, context))
    .concat(taken.messages);
  const end = {
    state: command.mode === "resume" ? "resumed" : "restarted",
    nextRunKey: revived.key,
  } as const;
  const transition = {
    changes: [
      ...closeDeadLetter(deadLetter, failedMessage, end, context),
      insert("runs", revived),
      insert("runConfigs", { key: revived.key, config: JSON.stringify(revivedConfig) }),
      ...steps.map((step) => insert("steps", step)),
      ...messages.map((message) => insert("messages", message)),
      ...taken.changes,
      ...(command.mode === "restart" ? dropLeftovers(state.leftovers, book, context) : []),
    ],
    effects: messages.flatMap(announce),
    answer: runAnswer(revived),
  };
  return withGates(transition, book);
}

/** Messages that bring their own settings go on doing so: what is laid down now wins over them, and the last one's help out. */
function withOverrides(
  config: RunConfig,
  kept: readonly StepRow[],
  { delayMs: _, ...given }: Overrides,
  context: Context,
): RunConfig {
  const last = parseMessageConfig(kept.at(-1)?.config ?? null);
  const effective = effectiveConfig(config, last, context.attemptTimeoutMs);
  const laidDown = { ...config.laidDown, ...given };
  return {
    ...config,
    ...(config.isPersistent ? {} : { laidDown }),
    retries: laidDown.retries ?? effective.retries,
    retryDelay: laidDown.retryDelay ?? effective.retryDelay,
    timeoutMs: config.isPersistent ? config.timeoutMs : (last.timeoutMs ?? null),
    flowControl: laidDown.flowControl ?? flowControlOf(config, last) ?? config.flowControl,
    labels: laidDown.labels ?? config.labels,
    forward: withLabels(config.forward, laidDown),
    failureCallback: overrideCallback(effective.failureCallback, laidDown),
  };
}

function toRun(
  source: { readonly run: RunRow; readonly config: RunConfig; readonly kept: readonly StepRow[] },
  command: ReviveRun,
  context: Context,
): RunRow {
  const { run, config, kept } = source;
  return {
    ...run,
    key: context.newKey(),
    id: command.newRunId,
    state: "started",
    createdAt: context.now,
    completedAt: null,
    stepCount: kept.length,
    bodyBytes: kept.reduce((sum, step) => sum + step.body.byteLength, 0),
    labels: labelColumn(config.labels),
    flowControlKey: config.flowControl?.key ?? null,
    response: null,
    deadLetterKey: null,
    sourceRunKey: run.key,
  };
}

function copyStep(step: StepRow, revived: RunRow, command: ReviveRun, context: Context): StepRow {
  const dueAt = command.mode === "restart" ? context.now : step.dueAt;
  const config = withStepLabels(step.config, command.overrides);
  return { ...step, key: context.newKey(), runKey: revived.key, dueAt, config };
}

/** A record that brought the labels itself would bring back the old ones: a message's headers win over its run's. */
function withStepLabels(config: string, overrides: Overrides): string {
  if (overrides.labels === undefined || !config.includes(HEADER.label)) return config;
  const own = parseMessageConfig(config);
  if (own.forward[HEADER.label] === undefined) return config;
  return JSON.stringify({ ...own, forward: withLabels(own.forward, overrides) });
}

/** Nothing is delivered for a step that others are about to complete: the app has registered it already. */
function stepsToDeliver(steps: readonly StepRow[], { stepIds }: Taken): readonly StepRow[] {
  return openSteps(steps).filter((step) => !stepIds.has(nextStepIdOf(step)));
}

/** A sleep that was pending keeps its remaining time; a delay asked for by the caller is the least wait. */
function toMessage(
  { run, config, step, book }: FirstMessage,
  overrides: Overrides,
  context: Context,
): MessageRow {
  const dueAt = Math.max(step.dueAt, context.now + (overrides.delayMs ?? 0));
  if (step.slot === INITIAL_SLOT)
    return firstMessage({ run, step: { ...step, dueAt }, config, book }, context);
  const own = parseMessageConfig(step.config);
  const { retries, timeoutMs } = effectiveConfig(config, own, context.attemptTimeoutMs);
  return admitMessage(
    {
      key: step.key,
      kind: "step",
      runKey: run.key,
      stepPosition: step.position,
      deadLetterKey: null,
      createdAt: context.now,
      dueAt,
      retries,
      url: run.url,
      config: null,
      body: null,
    },
    { flowControl: flowControlOf(config, own), timeoutMs, book },
    context,
  );
}
