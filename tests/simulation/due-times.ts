import type { Outcome, RunRow, StepRow } from "@reprise/server";
import type { Attempt, Fact, Scene } from "./facts.ts";
import { isPlan, payloadOf, programOf } from "./lineage.ts";
import { type Program, type SleepStep, stepsById } from "./program.ts";
import { parseStep, type WireStep } from "./step-list.ts";
import { isAppSuccess, isOfOther } from "./stuck.ts";
import { submissionsIn } from "./submission.ts";
import { stepAtService } from "./third-party.ts";

/** When attempts are due, by formulas of this test's own: sleeps, delays of triggers, and waits between retries. */
export class DueTimes {
  readonly #scene: Scene;
  /** Message and number of retries -> when this attempt is due. */
  readonly #retryAt = new Map<string, number>();
  /** Run and record -> when it was first submitted; a sleep counts from there. */
  readonly #submittedAt = new Map<string, number>();

  constructor(scene: Scene) {
    this.#scene = scene;
  }

  note(fact: Fact): void {
    this.#noteSubmissions(fact);
    if (fact.kind === "outcome") this.#noteOutcome(fact.attempt, fact.outcome);
  }

  /** Epoch milliseconds; null when the attempt waits for nothing. */
  of(attempt: Attempt): number | null {
    const { messageKey, headers } = attempt;
    const retryAt = this.#retryAt.get(`${messageKey} ${headers["upstash-retried"]}`);
    return retryAt ?? this.#firstDueAt(attempt);
  }

  /** When the message may be delivered for the first time. */
  #firstDueAt({ message, run }: Attempt): number | null {
    if (message?.kind !== "step" || message.stepPosition === null || run === null) return null;
    const { mirror, programs } = this.#scene;
    const program = programOf(run, mirror, programs);
    const payload = payloadOf(run, mirror);
    const step = mirror.steps(run.key)[message.stepPosition];
    if (program === null || payload === null || step === undefined) return null;
    if (step.position === 0) {
      const { delaySeconds } = program.trigger;
      if (delaySeconds === null || run.sourceRunKey !== null) return null;
      return this.#submissionOf(run, step) + 1000 * delaySeconds;
    }
    const record = parseStep(step.body);
    // In a group the plan waits, and the result that follows it does not.
    if (record.concurrent > 1 && !isPlan(record)) return null;
    const sleep = sleepOf(record, program);
    if (sleep === null) return null;
    return sleep.kind === "sleep"
      ? this.#submissionOf(run, step) + 1000 * sleep.seconds
      : 1000 * (Math.round(payload.startAt / 1000) + sleep.seconds);
  }

  /** A resumed run goes on with the sleep of the one before. */
  #submissionOf(run: RunRow, step: StepRow): number {
    const at = this.#submittedAt.get(`${run.id} ${Buffer.from(step.body).toString("utf8")}`);
    if (at !== undefined) return at;
    const { mirror } = this.#scene;
    const source = run.sourceRunKey === null ? null : mirror.get("runs", run.sourceRunKey);
    return source === null ? step.createdAt : this.#submissionOf(source, step);
  }

  #noteSubmissions(fact: Fact): void {
    for (const { runId, body } of submissionsIn(fact)) {
      const name = `${runId} ${body}`;
      if (!this.#submittedAt.has(name)) this.#submittedAt.set(name, this.#scene.now());
    }
  }

  #noteOutcome(attempt: Attempt, outcome: Outcome): void {
    const { messageKey, headers, run, message, url } = attempt;
    const { mirror, programs, now } = this.#scene;
    const program = run === null ? null : programOf(run, mirror, programs);
    if (program === null || message === null) return;
    if (isAppSuccess(outcome) && !isOfOther(attempt, outcome)) return;
    const retried = Number(headers["upstash-retried"]);
    const next = `${messageKey} ${retried + 1}`;
    const { retryDelay } = stepAtService(url, programs) ?? program.trigger;
    const dueAt = now() + retryDelayMs(outcome, retryDelay, retried);
    // An attempt of unknown end is repeated with its number, so one number may fail twice: the earlier end decides.
    this.#retryAt.set(next, Math.min(this.#retryAt.get(next) ?? Number.POSITIVE_INFINITY, dueAt));
  }
}

function sleepOf({ stepName }: WireStep, program: Program): SleepStep | null {
  for (const step of stepsById(program).values()) {
    const isSleep = step.kind === "sleep" || step.kind === "sleepUntil";
    if (isSleep && step.name === stepName) return step;
  }
  return null;
}

function retryDelayMs(outcome: Outcome, retryDelay: string | null, retried: number): number {
  if (outcome.type === "response") {
    const asked = outcome.headers["retry-after"]?.[0];
    if (asked !== undefined) return 1000 * Number(asked);
  } else if (outcome.cause === "disconnected") return 0;
  switch (retryDelay) {
    case "1000":
      return 1000;
    case "20000":
      return 20_000;
    case "1000 * (1 + retried)":
      return 1000 * (1 + retried);
    case "pow(2, retried) * 500":
      return 2 ** retried * 500;
    default:
      return 1000 * Math.min(86_400, Math.floor(Math.exp(2.5 * (retried + 1))));
  }
}
