import { appendStep } from "./append-step.ts";
import type { EndWait } from "./commands.ts";
import { GateBook } from "./gate-book.ts";
import type { Change, DeadLetterRow, RunRow, StepRow } from "./rows.ts";
import type { RunConfig } from "./run-config.ts";
import { type RunGates, withGates } from "./run-gates.ts";
import { isOpen } from "./submit-step.ts";
import { type Context, type Effect, remove, type Transition, unchanged } from "./transition.ts";
import {
  type ChildEnd,
  childRecord,
  parseWaitConfig,
  resultUrl,
  settleWait,
  timeoutRecord,
  type WaitTarget,
} from "./wait.ts";
import type { EventRow, WaitRow } from "./wait-rows.ts";

/** A wait together with the run that gets its result. */
export interface Recipient {
  readonly wait: WaitRow;
  readonly run: RunRow | null;
  readonly config: RunConfig | null;
  readonly deadLetter: DeadLetterRow | null;
  /** What stands in the slot of the result. */
  readonly recorded: StepRow | null;
  /** Within a parallel group: the step's plan. */
  readonly plan: StepRow | null;
}

export interface Answered {
  readonly changes: readonly Change[];
  readonly effects: readonly Effect[];
  /** The message of the result; null when the run takes no results any more. */
  readonly messageKey: number | null;
  /** As it is after the result. */
  readonly run: RunRow | null;
}

export interface Result {
  readonly body: Uint8Array;
  readonly target: WaitTarget;
}

/**
 * Records the result of a wait and ends it. A failed run that waits for its resume only records; one that has ended otherwise
 * gets nothing.
 */
export function answerWait(
  recipient: Recipient,
  result: Result,
  book: GateBook,
  context: Context,
): Answered {
  const { wait, run, config, deadLetter, recorded, plan } = recipient;
  if (run === null || config === null || !isOpen(run, deadLetter) || recorded !== null) {
    const end = recorded === null ? "dropped" : "done";
    return { changes: settleWait(wait, end, context), effects: [], messageKey: null, run };
  }
  const { concurrent } = parseWaitConfig(wait);
  const appended = appendStep(
    { run, config, plan, book },
    {
      facts: { stepId: wait.stepId, isPlan: false, concurrent },
      body: result.body,
      messageConfig: result.target.own,
      dueAt: context.now,
      groupNextStepId: null,
      url: resultUrl(run, result.target),
    },
    context,
  );
  return {
    changes: [...appended.changes, ...settleWait(wait, "done", context)],
    effects: appended.effects,
    messageKey: appended.step.key,
    run: appended.run,
  };
}

/** Tells the run that has invoked another one how that one has ended. */
export function answerInvoker(
  recipient: Recipient | null,
  end: ChildEnd,
  book: GateBook,
  context: Context,
): Pick<Answered, "changes" | "effects"> {
  if (recipient === null) return { changes: [], effects: [] };
  const { wait } = recipient;
  const result = { body: childRecord(wait, end), target: parseWaitConfig(wait).result };
  return answerWait(recipient, result, book, context);
}

export interface EndWaitState extends RunGates {
  readonly recipient: Recipient | null;
}

/** The time of a wait is up. What came in time has ended it before. */
export function decideEndWait(
  { recipient, flows }: EndWaitState,
  _command: EndWait,
  context: Context,
): Transition<null> {
  if (recipient === null) return unchanged(null);
  const { wait } = recipient;
  if (wait.state !== "open" || wait.dueAt === null) return unchanged(null);
  if (wait.dueAt > context.now) {
    return { changes: [], effects: [{ type: "wake", dueAt: wait.dueAt }], answer: null };
  }
  const book = new GateBook(null, flows ?? []);
  const { result, timeout } = parseWaitConfig(wait);
  const answered = answerWait(
    recipient,
    { body: timeoutRecord(wait), target: timeout ?? result },
    book,
    context,
  );
  return withGates({ changes: answered.changes, effects: answered.effects, answer: null }, book);
}

/** What a run that ends leaves behind: nobody waits for it any more, and nothing is kept for it. */
export function dropWaits(
  { waits, events }: { readonly waits: readonly WaitRow[]; readonly events: readonly EventRow[] },
  context: Context,
): readonly Change[] {
  return [
    ...waits
      .filter(({ state }) => state === "open" || state === "answered")
      .flatMap((wait) => settleWait(wait, "dropped", context)),
    ...events.map(({ key }) => remove("events", key)),
  ];
}
