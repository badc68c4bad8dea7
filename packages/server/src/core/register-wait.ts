import { RepriseError } from "@reprise/protocol";
import { answerWait, type Recipient } from "./answer-wait.ts";
import { checkLimits } from "./append-step.ts";
import { assert } from "./assert.ts";
import type {
  InvokeRun,
  RegisterCall,
  RegisterWait,
  StartRun,
  SubmitStepAnswer,
} from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { DeadLetterRow, MessageRow, RunRow, StepRow } from "./rows.ts";
import { runEnded } from "./run.ts";
import { type RunConfig, settingsOf } from "./run-config.ts";
import { admitMessage, type RunGates, withGates } from "./run-gates.ts";
import { announce, startRun } from "./start-run.ts";
import { checkOrigin, openRun } from "./submit-step.ts";
import { type Context, insert, remove, type Transition, unchanged } from "./transition.ts";
import { eventRecord, type WaitConfig } from "./wait.ts";
import type { EventRow, EventSource, WaitKind, WaitRow } from "./wait-rows.ts";

/**
 * Steps that others complete. Each is registered once: its delivery may be repeated, and a second call, wait or child would be one
 * too many.
 */
export interface RegisterState extends RunGates {
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  readonly deadLetter: DeadLetterRow | null;
  /** The result of the step, if it is there already. */
  readonly recorded: StepRow | null;
  readonly plan: StepRow | null;
  /** What the step has been registered as. */
  readonly wait: WaitRow | null;
}

export interface RegisterWaitState extends RegisterState {
  /** What came for this event before, oldest first; of each source as many bodies have been read as may be taken. */
  readonly kept: readonly EventRow[];
}

const NO_BYTES = new Uint8Array();

/** An event that came first is taken at once; else the step waits, whether or not its run has failed meanwhile. */
export function decideRegisterWait(
  state: RegisterWaitState,
  command: RegisterWait,
  context: Context,
): Transition<SubmitStepAnswer> {
  const run = openRun(state, command.runId);
  const known = knownAnswer(state);
  if (known !== null) return unchanged(known);
  checkNew(run, state, command);
  const { dueAt, eventId, kind } = command;
  const wait: WaitRow = {
    ...newWait(run, command, context),
    kind,
    dueAt,
    eventId,
  };
  const answer = { messageKey: wait.key, deduplicated: false };
  const event = state.kept.find(({ source }) => isFor(kind, source));
  if (event === undefined) {
    return { changes: [insert("waits", wait)], effects: [{ type: "wake", dueAt }], answer };
  }
  assert(event.body.byteLength === event.bytes, "an event must be read before it is taken");
  const book = new GateBook(null, state.flows ?? []);
  const recipient: Recipient = { ...state, run, wait };
  const result = { body: eventRecord(wait, event.body, context), target: command.config.result };
  const { changes, effects } = answerWait(recipient, result, book, context);
  return withGates(
    { changes: [insert("waits", wait), remove("events", event.key), ...changes], effects, answer },
    book,
  );
}

/** What a webhook has brought is for steps that wait for webhooks; who has a token may wake both. */
export function isFor(kind: WaitKind, source: EventSource): boolean {
  return source === "notify" || kind === "webhook";
}

/** A failed run starts nothing new: its resume asks for the step again. */
export function decideRegisterCall(
  state: RegisterState,
  command: RegisterCall,
  context: Context,
): Transition<SubmitStepAnswer> {
  const run = liveRun(state, command);
  const known = knownAnswer(state);
  if (known !== null) return unchanged(known);
  checkNew(run, state, command);
  const messageKey = context.newKey();
  const wait: WaitRow = {
    ...newWait(run, command, context),
    kind: "call",
    requestKey: messageKey,
    body: command.body,
  };
  const book = new GateBook(null, state.flows ?? []);
  const message = callMessage(wait, command, { run, config: state.config, book }, context);
  return withGates(
    {
      changes: [insert("waits", wait), insert("messages", { ...message, waitKey: wait.key })],
      effects: announce(message),
      answer: { messageKey, deduplicated: false },
    },
    book,
  );
}

function callMessage(
  wait: WaitRow,
  { url, own, dueAt }: RegisterCall,
  of: { readonly run: RunRow; readonly config: RunConfig | null; readonly book: GateBook },
  context: Context,
): MessageRow {
  const { run, config, book } = of;
  if (config === null) throw runEnded(run.id);
  const { retries, timeoutMs } = settingsOf("call", { run: config, own }, context.attemptTimeoutMs);
  return admitMessage(
    {
      key: wait.requestKey ?? wait.key,
      kind: "call",
      runKey: run.key,
      stepPosition: null,
      deadLetterKey: null,
      createdAt: context.now,
      dueAt: Math.max(dueAt, context.now),
      retries,
      url,
      config: JSON.stringify(own),
      body: null,
    },
    { flowControl: own.flowControl ?? null, timeoutMs, book },
    context,
  );
}

export interface InvokeRunState extends RegisterState {
  /** The live run that has the id of the new one. */
  readonly liveChild: RunRow | null;
}

export function decideInvokeRun(
  state: InvokeRunState,
  command: InvokeRun,
  context: Context,
): Transition<SubmitStepAnswer> {
  const run = liveRun(state, command);
  const known = knownAnswer(state);
  if (known !== null) return unchanged(known);
  checkNew(run, state, command);
  if (state.liveChild !== null) {
    throw new RepriseError("invalid_step", {
      message: `a run with the id ${command.start.runId} is alive; an invoked run needs an id of its own`,
      details: { workflowRunId: command.start.runId },
    });
  }
  const book = new GateBook(null, state.flows ?? []);
  const started = startRun(withCreation(command.start, run), book, context);
  const { runKey, messageKey, workflowCreatedAt } = started.answer;
  const child = {
    workflowRunId: command.start.runId,
    workflowUrl: command.start.url,
    workflowCreatedAt,
  };
  const wait: WaitRow = {
    ...newWait(run, { ...command, config: { ...command.config, child } }, context),
    kind: "invoke",
    requestKey: messageKey,
    childRunKey: runKey,
  };
  return withGates(
    {
      changes: [...started.changes, insert("waits", wait)],
      effects: started.effects,
      answer: { messageKey, deduplicated: false },
    },
    book,
  );
}

/** Not every SDK says when the run was created that invokes another. */
function withCreation(start: StartRun, { createdAt }: RunRow): StartRun {
  const { config } = start;
  if (config.invoker === null) return start;
  const invoker = { ...config.invoker, workflowRunCreatedAt: createdAt };
  return { ...start, config: { ...config, invoker } };
}

function liveRun({ run }: RegisterState, { runId }: { readonly runId: string }): RunRow {
  if (run?.state !== "started") throw runEnded(runId);
  return run;
}

/** What a step that has been registered, or completed, was answered. */
function knownAnswer({ recorded, wait }: RegisterState): SubmitStepAnswer | null {
  if (recorded !== null) return { messageKey: recorded.key, deduplicated: true };
  if (wait === null) return null;
  return { messageKey: wait.requestKey ?? wait.key, deduplicated: true };
}

function checkNew(
  run: RunRow,
  { plan }: RegisterState,
  { facts }: Pick<RegisterWait, "facts">,
): void {
  checkOrigin(run, plan, facts);
  checkLimits(run, NO_BYTES);
}

function newWait(
  run: RunRow,
  { facts, config }: { readonly facts: RegisterWait["facts"]; readonly config: WaitConfig },
  context: Context,
): Omit<WaitRow, "kind"> {
  return {
    key: context.newKey(),
    runKey: run.key,
    stepId: facts.stepId,
    state: "open",
    createdAt: context.now,
    endedAt: null,
    dueAt: null,
    eventId: null,
    requestKey: null,
    childRunKey: null,
    config: JSON.stringify(config),
    body: null,
    answer: null,
  };
}
