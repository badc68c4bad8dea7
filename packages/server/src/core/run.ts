import { RepriseError } from "@reprise/protocol";
import { answerInvoker, dropWaits, type Recipient } from "./answer-wait.ts";
import type { CancelRun, FinishRun, RunAnswer } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { Change, MessageRow, RunRow } from "./rows.ts";
import { type RunGates, withGates } from "./run-gates.ts";
import { type Context, remove, type Transition, unchanged, update } from "./transition.ts";
import type { EventRow, WaitRow } from "./wait-rows.ts";

/**
 * The end of a run: `started` -> `succeeded`, `canceled` or `failed` (fail-run.ts). No state is ever left again.
 * See docs/state-machines.md#run.
 */

export interface EndRunState extends RunGates {
  readonly live: RunRow | null;
  readonly leftovers: Leftovers;
  /** The step that has invoked this run and waits for its end. */
  readonly invoker: Recipient | null;
}

/** What stands open when a run ends. */
export interface Leftovers {
  /** The run's messages that are not delivered yet. */
  readonly openMessages: readonly MessageRow[];
  readonly waits: readonly WaitRow[];
  readonly events: readonly EventRow[];
}

/** Finishing a run that has ended already changes nothing: the SDK repeats the request when an answer was lost. */
export function decideFinishRun(
  state: EndRunState,
  command: FinishRun,
  context: Context,
): Transition<{ readonly wasLive: boolean }> {
  const { live } = state;
  if (live === null || (command.runKey !== undefined && command.runKey !== live.key)) {
    return unchanged({ wasLive: false });
  }
  const ended = {
    ...live,
    state: "succeeded" as const,
    completedAt: context.now,
    response: command.response,
  };
  return endWith(live, ended, state, context);
}

/** A cancelled run gets no dead letter and no failure call. */
export function decideCancelRun(
  state: EndRunState,
  command: CancelRun,
  context: Context,
): Transition<{ readonly wasLive: boolean }> {
  const { live } = state;
  if (live === null || (command.runKey !== undefined && command.runKey !== live.key)) {
    return unchanged({ wasLive: false });
  }
  const ended = { ...live, state: "canceled" as const, completedAt: context.now };
  return endWith(live, ended, state, context);
}

function endWith(
  live: RunRow,
  ended: RunRow & { readonly state: "succeeded" | "canceled" },
  { leftovers, invoker, flows }: EndRunState,
  context: Context,
) {
  const book = new GateBook(null, flows ?? []);
  const told = answerInvoker(invoker, ended, book, context);
  const changes = [
    update("runs", live, ended),
    ...dropScheduled(leftovers.openMessages, book),
    ...dropWaits(leftovers, context),
    ...told.changes,
  ];
  return withGates({ changes, effects: told.effects, answer: { wasLive: true } }, book);
}

/** Deliveries that have not started are dropped; those in flight end by themselves and are then ignored. */
export function dropScheduled(
  openMessages: readonly MessageRow[],
  book: GateBook,
): readonly Change[] {
  return openMessages
    .filter((message) => message.state === "scheduled" || message.state === "waiting")
    .filter((message) => message.kind !== "failureCall")
    .map((message) => {
      book.leave(message);
      return remove("messages", message.key);
    });
}

export function runAnswer(run: RunRow): RunAnswer {
  return { runKey: run.key, workflowRunId: run.id, workflowCreatedAt: run.createdAt };
}

/** The one refusal with status 400 on endpoints that a running workflow calls: the SDK then ends quietly. */
export function runEnded(runId: string): RepriseError {
  return new RepriseError("run_ended", {
    message: `workflow run ${runId} has ended or does not exist; nothing more is accepted for it`,
    details: { workflowRunId: runId },
  });
}
