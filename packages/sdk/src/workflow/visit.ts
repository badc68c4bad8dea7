import { DivergenceError, isNamed, type StepError } from "../errors.ts";
import { type Answer, doneAnswer, errorAnswer, jsonAnswer, linesAnswer } from "./answer.ts";
import { type Carrier, isRefused, isRunEnded } from "./carrier.ts";
import type { WorkflowContext } from "./context.ts";
import type { Execution, Member } from "./execution.ts";
import type { Watchers } from "./middleware.ts";
import { nextMove } from "./next-move.ts";
import { attemptStep, pauseOf, retriesOf } from "./perform.ts";
import type { StepRecord } from "./records.ts";
import type { LocalWork } from "./step-call.ts";
import {
  callItem,
  invokeSubmission,
  type PlacedStep,
  planRecord,
  type RunFacts,
  resultRecord,
  type Submission,
  waitExchange,
} from "./submission.ts";

/** One delivery of a run, from the function as it was left to the answer. */

export interface VisitRoom {
  readonly execution: Execution;
  readonly carrier: Carrier;
  readonly context: WorkflowContext;
  readonly run: RunFacts;
  readonly watchers: Watchers;
  /** How often this delivery has been tried before, and may be tried again; null when the server does not say. */
  readonly retried: number;
  readonly retries: number | null;
  readonly parallel: "fanout" | "invocation";
  /** Keeps the function for the next delivery; gives what the server is told about that. */
  readonly keep: () => { readonly process: string; readonly known: number } | undefined;
}

export async function visit(room: VisitRoom): Promise<Answer> {
  return new Visit(room).run();
}

class Visit {
  readonly #room: VisitRoom;
  #retried: number;
  #retries: number | null;
  /** The function has been told of something that is not recorded: the next delivery starts it anew. */
  #isSpoiled = false;

  constructor(room: VisitRoom) {
    this.#room = room;
    this.#retried = room.retried;
    this.#retries = room.retries;
  }

  async run(): Promise<Answer> {
    const { execution } = this.#room;
    for (;;) {
      const standing = await execution.settle();
      await this.#tellNewest();
      switch (standing.type) {
        case "suspended": {
          const answer = await this.#serve(standing.group);
          if (answer !== null) return answer;
          break;
        }
        case "finished":
          return this.#finish(standing.result);
        case "canceled":
          this.#isSpoiled = true;
          return (await this.#submit({ type: "cancel" })) ?? this.#done();
        case "failed":
          return this.#fail(standing.error);
      }
    }
  }

  /** Null when the invocation goes on. */
  async #serve(group: readonly Member[]): Promise<Answer | null> {
    const { execution, carrier, parallel } = this.#room;
    const move = nextMove(group, execution.history);
    switch (move.type) {
      case "nothing":
        return this.#done();
      case "perform":
        return this.#perform({ ...move.member, concurrent: group.length }, move.member);
      case "announce": {
        const areLocal = group.every(({ call }) => call.work.type === "local");
        if (parallel === "invocation" && carrier.lines !== null && areLocal) {
          return this.#performAll(group);
        }
        const records = group.map((member) => planRecord({ ...member, concurrent: group.length }));
        return (await this.#submit({ type: "records", records })) ?? this.#done();
      }
    }
  }

  async #perform(step: PlacedStep, member: Member): Promise<Answer | null> {
    const { run, watchers, context } = this.#room;
    const { work, name } = step.call;
    await watchers.tell("beforeExecution", { context, stepName: name });
    switch (work.type) {
      case "local":
        return this.#performLocal(step, { member, work });
      case "sleep": {
        const records = [resultRecord(step, undefined)];
        // Of a parallel sleep the plan has waited already.
        return this.#submit({ type: "records", records });
      }
      case "call":
        return this.#submit({ type: "call", item: callItem(run, step, work) });
      case "wait": {
        const request = waitExchange(run, step, work);
        return this.#submit({ type: "wait", eventId: work.eventId, request });
      }
      case "invoke":
        return this.#submit(invokeSubmission(run, step, work));
    }
  }

  async #performLocal(
    step: PlacedStep,
    { member, work }: { readonly member: Member; readonly work: LocalWork },
  ): Promise<Answer | null> {
    const { execution } = this.#room;
    const { limits, name } = step.call;
    const room = { retried: this.#retried, retries: retriesOf(limits, this.#retries) };
    const end = await execution.act(member, () => attemptStep(member, work, room));
    switch (end.type) {
      case "done":
        return this.#submit({ type: "records", records: [resultRecord(step, end.out)] });
      case "failed": {
        const { retryAfterMs } = end;
        const facts = { stepName: name, retries: limits?.retries, retryAfterMs };
        return this.#error(end.error, facts);
      }
      case "exhausted":
        return this.#exhaust(step, { member, error: end.error });
    }
  }

  /** The function hears of the failure first: only one that it catches is recorded, so that a resume tries the step again. */
  async #exhaust(
    step: PlacedStep,
    { member, error }: { readonly member: Member; readonly error: StepError },
  ): Promise<Answer | null> {
    const { execution } = this.#room;
    const { limits, name } = step.call;
    execution.fail(member, error);
    const standing = await execution.settle();
    if (standing.type === "failed") {
      const thrown = standing.error === error ? (error.cause ?? error) : standing.error;
      const facts = { stepName: name, retries: limits?.retries };
      return this.#error(thrown, { ...facts, isFinal: this.#isFinalAlone(limits?.retries) });
    }
    if (step.concurrent > 1) this.#isSpoiled = true;
    const { stepName, attempts, errorName, message, stack } = error;
    const failure = { stepName, attempts, errorName, message, ...(stack ? { stack } : {}) };
    const record: StepRecord = { ...resultRecord(step, undefined), failure };
    return this.#submit({ type: "records", records: [record] });
  }

  /** Whether the server would go on retrying what the step's own limit has ended. */
  #isFinalAlone(retries: number | undefined): boolean {
    return retries !== undefined && this.#room.carrier.lines === null;
  }

  /** The branches of a group in one invocation. One that fails is left to a delivery of its own. */
  async #performAll(group: readonly Member[]): Promise<Answer | null> {
    const { execution, watchers, context } = this.#room;
    const concurrent = group.length;
    const results = group.map(async (member): Promise<StepRecord | null> => {
      const { call } = member;
      if (call.work.type !== "local") return null;
      const { work } = call;
      await watchers.tell("beforeExecution", { context, stepName: call.name });
      const room = { retried: 0, retries: null };
      const end = await execution.act(member, () => attemptStep(member, work, room));
      return end.type === "done" ? resultRecord({ ...member, concurrent }, end.out) : null;
    });
    const plans = group.map((member) => planRecord({ ...member, concurrent }));
    const done = (await Promise.all(results)).filter((record) => record !== null);
    return this.#submit({ type: "records", records: [...plans, ...done] });
  }

  async #finish(result: unknown): Promise<Answer> {
    const { execution, watchers, context, run } = this.#room;
    if (execution.calledCount === 0) return notAuthorized(run.runId);
    await watchers.tell("runCompleted", { context, result });
    this.#isSpoiled = true;
    const response = JSON.stringify(result);
    return (await this.#submit({ type: "finish", response })) ?? this.#done();
  }

  /** Null when the next message is this invocation's own. */
  async #submit(submission: Submission): Promise<Answer | null> {
    const { carrier, execution, run } = this.#room;
    try {
      const receipt = await carrier.submit(submission);
      if (receipt.type === "done") return this.#done();
      this.#retried = 0;
      this.#retries = receipt.retries;
      if (submission.type === "records") {
        for (const record of submission.records) execution.history.add(record);
      }
      return null;
    } catch (error) {
      this.#isSpoiled = true;
      if (isRunEnded(error)) {
        const warning = `the run has ended meanwhile: ${String(error)}`;
        await this.#room.watchers.tell("onWarning", { warning, workflowRunId: run.runId });
        return this.#done();
      }
      return this.#error(error, { isFinal: isRefused(error) });
    }
  }

  #done(): Answer {
    const { carrier, keep, run } = this.#room;
    if (carrier.lines === null) return doneAnswer(run.runId, "success");
    const warm = this.#isSpoiled ? undefined : keep();
    return linesAnswer(carrier.lines, { warm, holds: carrier.holds });
  }

  async #fail(error: unknown): Promise<Answer> {
    // More attempts would find the same code.
    const isDiverged = error instanceof DivergenceError;
    // Between the steps an error may ask for a pause as well.
    const retryAfterMs = pauseOf(error, this.#retried, undefined);
    return this.#error(error, isDiverged ? { retries: this.#retried } : { retryAfterMs });
  }

  async #error(
    error: unknown,
    facts: Omit<Parameters<typeof errorAnswer>[1], "isFast">,
  ): Promise<Answer> {
    const { carrier, watchers, run } = this.#room;
    const shown = error instanceof Error ? error : new Error(String(error), { cause: error });
    await watchers.tell("onError", { error: shown, workflowRunId: run.runId });
    return errorAnswer(error, { ...facts, isFast: carrier.lines !== null });
  }

  async #tellNewest(): Promise<void> {
    const { execution, watchers, context } = this.#room;
    const newest = execution.takeNewest();
    if (newest === null) return;
    const { stepName, value } = newest;
    await watchers.tell("afterExecution", { context, stepName, result: value });
  }
}

const NOT_AUTHORIZED =
  "Failed to authenticate Workflow request: the function returned before its first step. A workflow needs a step, and must come to it in every delivery";

/** The function has returned before its first step: that is how authors turn requests away. */
export function notAuthorized(workflowRunId: string): Answer {
  return jsonAnswer(400, { message: NOT_AUTHORIZED, workflowRunId });
}

/** Whether the function comes to a step, or to the end of the run, with this request. */
export async function isAuthorized(execution: Execution): Promise<boolean> {
  const standing = await execution.settle();
  switch (standing.type) {
    case "suspended":
    case "canceled":
      return true;
    case "finished":
      return false;
    case "failed": {
      const { error } = standing;
      const isAsked =
        isNamed(error, "WorkflowNonRetryableError") || isNamed(error, "WorkflowRetryAfterError");
      if (isAsked) return true;
      throw error;
    }
  }
}
