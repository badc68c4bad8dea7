import { messageId, RepriseError } from "@reprise/protocol";
import { callResultMessage } from "./call.ts";
import type { NudgeAnswer, NudgeRun } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import { ATTEMPTS_PER_MESSAGE_MAX, type MessageRow, type RunRow, type StepRow } from "./rows.ts";
import { type Leftovers, runAnswer, runEnded } from "./run.ts";
import { effectiveConfig, parseMessageConfig, type RunConfig } from "./run-config.ts";
import { admitMessage, flowControlOf, type RunGates, withGates } from "./run-gates.ts";
import { announce, firstMessage } from "./start-run.ts";
import { INITIAL_SLOT, nextStepIdOf, openSteps } from "./step.ts";
import { type Context, insert, type Transition } from "./transition.ts";

/**
 * A stuck run is alive, but nothing is left that could wake it: no message, and no wait that is open. Its app has answered a delivery
 * without going on. To nudge it is to deliver again what has been answered so; nothing is forgotten and nothing is done twice that
 * has been recorded.
 */
export interface NudgeRunState extends RunGates {
  readonly live: RunRow | null;
  readonly config: RunConfig | null;
  readonly leftovers: Leftovers;
  /** In order of position. */
  readonly steps: readonly StepRow[];
  /** Attempts that the message of a step has had. */
  readonly attemptsOf: (step: StepRow) => number;
}

export function decideNudgeRun(
  state: NudgeRunState,
  command: NudgeRun,
  context: Context,
): Transition<NudgeAnswer> {
  const { live, config, leftovers } = state;
  if (live === null || config === null) throw runEnded(command.runId);
  if (!isStuck(leftovers)) throw notStuck(live);
  const book = new GateBook(null, state.flows ?? []);
  const answered = leftovers.waits.filter((wait) => wait.state === "answered");
  const told = new Set(answered.map(({ stepId }) => stepId));
  const messages = openSteps(state.steps)
    .filter((step) => !told.has(nextStepIdOf(step)))
    .map((step) => again({ run: live, config, step, book }, state.attemptsOf(step), context))
    .concat(answered.map((wait) => callResultMessage(wait, { run: live, config, book }, context)));
  return withGates(
    {
      changes: messages.map((message) => insert("messages", message)),
      effects: messages.flatMap(announce),
      answer: { ...runAnswer(live), messageIds: messages.map(({ key }) => messageId(key)) },
    },
    book,
  );
}

/** Whether nothing is left that could wake a live run. */
export function isStuck({ openMessages, waits }: Leftovers): boolean {
  return openMessages.length === 0 && waits.every(({ state }) => state !== "open");
}

/** The message of a record once more, with a budget of its own; its attempts go on being counted. */
function again(
  of: {
    readonly run: RunRow;
    readonly config: RunConfig;
    readonly step: StepRow;
    readonly book: GateBook;
  },
  attempts: number,
  context: Context,
): MessageRow {
  const { run, config, step, book } = of;
  const due = { ...step, dueAt: context.now };
  if (step.slot === INITIAL_SLOT && config.hop === "pending") {
    return firstMessage({ run, step: due, config, book }, context);
  }
  const own = parseMessageConfig(step.config);
  const { retries, timeoutMs } = effectiveConfig(config, own, context.attemptTimeoutMs);
  if (attempts + retries >= ATTEMPTS_PER_MESSAGE_MAX) throw usedUp(run);
  const message = admitMessage(
    {
      key: step.key,
      kind: "step",
      runKey: run.key,
      stepPosition: step.position,
      deadLetterKey: null,
      createdAt: context.now,
      dueAt: context.now,
      retries: retries + attempts,
      url: run.url,
      config: null,
      body: null,
    },
    { flowControl: flowControlOf(config, own), timeoutMs, book },
    context,
  );
  // The row had gone, and its leases with it: no late invocation may hold one of the new ones, so they go on above all of the old.
  return { ...message, retried: attempts, leaseToken: message.leaseToken + context.now };
}

function usedUp(run: RunRow): RepriseError {
  return new RepriseError("quota_exceeded", {
    message: `workflow run ${run.id} has been delivered the same step ${ATTEMPTS_PER_MESSAGE_MAX} times without going on; cancel it`,
    details: { workflowRunId: run.id },
  });
}

function notStuck(run: RunRow): RepriseError {
  return new RepriseError("run_not_stuck", {
    message: `workflow run ${run.id} is not stuck: it still has a delivery, a call, a wait or a child to wake it`,
    details: { workflowRunId: run.id },
  });
}
