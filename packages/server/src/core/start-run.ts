import type { StartRun, StartRunAnswer } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { MessageRow, RunConfigRow, RunRow, StepRow } from "./rows.ts";
import { runAnswer, runEnded } from "./run.ts";
import { effectiveConfig, parseMessageConfig, type RunConfig } from "./run-config.ts";
import { admitMessage, flowControlOf, type RunGates, withGates } from "./run-gates.ts";
import { INITIAL_SLOT } from "./step.ts";
import { type Context, type Effect, insert, type Transition, unchanged } from "./transition.ts";

export interface StartRunState extends RunGates {
  /** The live run that has the command's id. */
  readonly live: RunRow | null;
  readonly liveConfig: RunConfig | null;
  readonly initialStep: StepRow | null;
}

/** Starts a run with its first message, or finds the live run of this id. See docs/state-machines.md#run. */
export function decideStartRun(
  state: StartRunState,
  command: StartRun,
  context: Context,
): Transition<StartRunAnswer> {
  const { live, liveConfig, initialStep } = state;
  if (live === null) {
    if (command.isTriggeredBySdk) throw runEnded(command.runId);
    const book = new GateBook(null, state.flows ?? []);
    return withGates(startRun(command, book, context), book);
  }
  if (command.isTriggeredBySdk && liveConfig?.hop === "pending" && initialStep !== null) {
    const book = new GateBook(null, state.flows ?? []);
    return withGates(completeHop({ live, liveConfig, initialStep, book }, command, context), book);
  }
  return unchanged({
    ...runAnswer(live),
    messageKey: initialStep?.key ?? live.key,
    deduplicated: true,
  });
}

/** The rows of a new run and of its first message. */
export function startRun(
  command: StartRun,
  book: GateBook,
  context: Context,
): Transition<StartRunAnswer> {
  const runKey = context.newKey();
  const stepKey = context.newKey();
  const run: RunRow = {
    key: runKey,
    id: command.runId,
    state: "started",
    url: command.url,
    createdAt: context.now,
    completedAt: null,
    stepCount: 1,
    bodyBytes: command.payload.byteLength,
    callerIp: command.callerIp,
    labels: labelColumn(command.config.labels),
    flowControlKey: command.config.flowControl?.key ?? null,
    response: null,
    deadLetterKey: null,
    sourceRunKey: null,
    invoker: command.config.invoker === null ? null : JSON.stringify(command.config.invoker),
  };
  const step: StepRow = {
    key: stepKey,
    runKey,
    position: 0,
    slot: INITIAL_SLOT,
    nextStepId: 1,
    createdAt: context.now,
    dueAt: command.dueAt,
    callType: "step",
    config: JSON.stringify(command.messageConfig),
    body: command.payload,
  };
  const message = firstMessage({ run, step, config: command.config, book }, context);
  return {
    changes: [
      insert("runs", run),
      insert("runConfigs", { key: runKey, config: JSON.stringify(command.config) }),
      insert("steps", step),
      insert("messages", message),
    ],
    effects: announce(message),
    answer: { ...runAnswer(run), messageKey: stepKey, deduplicated: false },
  };
}

/** The endpoint has said which SDK it has: the run takes over what the SDK sent and its first step is delivered. */
function completeHop(
  state: {
    readonly live: RunRow;
    readonly liveConfig: RunConfig;
    readonly initialStep: StepRow;
    readonly book: GateBook;
  },
  command: StartRun,
  context: Context,
): Transition<StartRunAnswer> {
  const { live, liveConfig, initialStep, book } = state;
  const config: RunConfig = {
    ...liveConfig,
    hop: "done",
    forward: { ...liveConfig.forward, ...command.config.forward },
    featureSet: command.config.featureSet,
  };
  const row: RunConfigRow = { key: live.key, config: JSON.stringify(config) };
  const stepConfig = JSON.stringify(command.messageConfig);
  const step: StepRow = { ...initialStep, dueAt: context.now, config: stepConfig };
  const message = firstMessage({ run: live, step, config, book }, context);
  return {
    changes: [
      { type: "update", table: "runConfigs", key: live.key, set: { config: row.config } },
      { type: "update", table: "steps", key: step.key, set: { config: stepConfig } },
      insert("messages", message),
    ],
    effects: announce(message),
    answer: { ...runAnswer(live), messageKey: step.key, deduplicated: true },
  };
}

export interface FirstMessage {
  readonly run: RunRow;
  readonly step: StepRow;
  readonly config: RunConfig;
  readonly book: GateBook;
}

/** The message of a run's first delivery: the step itself, or first contact when the endpoint's SDK is unknown. */
export function firstMessage(
  { run, step, config, book }: FirstMessage,
  context: Context,
): MessageRow {
  const isHop = config.hop === "pending";
  const own = parseMessageConfig(step.config);
  const { retries, timeoutMs } = effectiveConfig(config, own, context.attemptTimeoutMs);
  return admitMessage(
    {
      key: isHop ? context.newKey() : step.key,
      kind: isHop ? "hop" : "step",
      runKey: run.key,
      stepPosition: step.position,
      deadLetterKey: null,
      createdAt: context.now,
      dueAt: step.dueAt,
      retries,
      url: run.url,
      config: isHop ? step.config : null,
      body: null,
    },
    { flowControl: flowControlOf(config, own), timeoutMs, book },
    context,
  );
}

/** What follows from a message that has been written; one that waits is called by its gate. */
export function announce(message: MessageRow): readonly Effect[] {
  return message.state === "waiting" ? [] : [deliverOrWake(message)];
}

export function deliverOrWake(message: MessageRow) {
  return message.state === "active"
    ? ({ type: "deliver", messageKey: message.key, leaseToken: message.leaseToken } as const)
    : ({ type: "wake", dueAt: message.dueAt } as const);
}

/** Labels as a searchable column: each between commas. */
export function labelColumn(labels: readonly string[]): string | null {
  return labels.length === 0 ? null : `,${labels.join(",")},`;
}
