import type { MessageRow, Outcome, StepRow } from "@reprise/server";
import type { Attempt, Checker, Fact, Scene } from "../facts.ts";
import { isOwnStep, rootOf } from "../lineage.ts";
import { parseStep } from "../step-list.ts";
import { Swallowed } from "../stuck.ts";
import { stepAtService } from "../third-party.ts";
import { isCopy, type WaitRow } from "../waits.ts";

/** A lease lasts so much longer than its attempt may. */
const LEASE_MARGIN_MS = 60_000;

/** What a service has answered, as the server heard it. */
interface Heard {
  readonly status: number;
  /** Base64. */
  readonly body: string;
  readonly retried: number;
}

/** A call is registered once, made until it is answered and no longer; the app is told the true answer once. */
export const calls: Checker = {
  name: "calls",
  promise:
    "a call is asked for once, in turn, never again after its answer was accepted, never fails its run, and its true answer is told once",
  observe: (scene) => {
    const watch = new CallsWatch(scene);
    return (fact) => watch.see(fact);
  },
};

class CallsWatch {
  readonly #mirror: Scene["mirror"];
  readonly #programs: Scene["programs"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  readonly #nodes: number;
  readonly #now: Scene["now"];
  /** Execution and step -> the message that asks. */
  readonly #registered = new Map<string, number>();
  readonly #requests = new Set<number>();
  readonly #heard = new Map<number, Heard[]>();
  /** Message -> commit of its final answer. */
  readonly #answeredIn = new Map<number, number>();
  readonly #answers = new Map<number, { readonly status: number; readonly body: string }>();
  /** Wait -> messages that tell the app. */
  readonly #tellers = new Map<number, number>();
  /** Attempts of calls that share a key of flow control. */
  readonly #underWay = new Map<number, Attempt>();
  readonly #crashed = new Set<number>();
  readonly #swallowed = new Swallowed();

  constructor({ mirror, programs, nodes, now, violate, mark }: Scene) {
    this.#mirror = mirror;
    this.#nodes = nodes;
    this.#now = now;
    this.#programs = programs;
    this.#violate = violate;
    this.#mark = mark;
  }

  see(fact: Fact): void {
    this.#swallowed.note(fact);
    if (fact.kind === "outcome") this.#underWay.delete(fact.attempt.number);
    if (fact.kind === "serverCrash") this.#noteCrash(fact.generation);
    if (fact.kind === "attempt") this.#checkAttempt(fact.attempt);
    if (fact.kind === "serviceRequest") this.#checkRequest(fact.attempt);
    if (fact.kind === "outcome") this.#noteOutcome(fact.attempt, fact.outcome);
    if (fact.kind !== "commit") return;
    for (const { table, before, after } of fact.commit.changes) {
      if (after === null) continue;
      if (table === "waits" && after.kind === "call") this.#checkWait(before, after);
      if (before !== null) continue;
      if (table === "attempts" && after.status >= 200 && after.status < 300) {
        this.#answeredIn.set(after.messageKey, fact.commit.seq);
      }
      if (table === "messages" && after.kind === "callResult") this.#checkTeller(after);
      if (table === "steps") this.#checkRecord(after);
      if (
        table === "deadLetters" &&
        this.#mirror.get("messages", after.messageKey)?.kind === "call"
      ) {
        this.#violate(`run ${after.runKey} failed because of a call`);
      }
    }
  }

  #checkWait(before: WaitRow | null, wait: WaitRow): void {
    const { key, runKey, stepId, requestKey } = wait;
    const run = this.#mirror.get("runs", runKey);
    if (run === null || requestKey === null)
      this.#violate(`the call ${key} has no run or no message`);
    else if (before === null) {
      if (isCopy(wait, this.#mirror)) {
        // Answered and taken over in one transaction.
        const isNew = wait.state === "answered" && !this.#answers.has(requestKey);
        if (isNew) this.#noteAnswer(wait, requestKey);
        return;
      }
      const name = `${rootOf(run, this.#mirror)} ${stepId}`;
      const other = this.#registered.get(name);
      if (other !== undefined) {
        this.#violate(`step ${stepId} of run ${runKey} calls with ${requestKey} after ${other}`);
      }
      this.#registered.set(name, requestKey);
      this.#requests.add(requestKey);
    } else if (before.state === "open" && wait.state === "answered") {
      this.#noteAnswer(wait, requestKey);
      this.#mark(run.state === "failed" ? "call answered while failed" : "call answered");
    }
  }

  #noteAnswer(wait: WaitRow, requestKey: number): void {
    this.#checkAnswer(wait, requestKey);
    this.#answeredIn.set(requestKey, this.#mirror.seq);
  }

  /** The report that the app gets is the last thing that the service said: a success, or what came when no retries were left. */
  #checkAnswer({ answer, stepId, runKey }: WaitRow, messageKey: number): void {
    // Written by the server for the SDK.
    const report = JSON.parse(Buffer.from(answer ?? []).toString("utf8")) as Heard & {
      readonly maxRetries: number;
    };
    this.#answers.set(messageKey, report);
    const isGood = report.status >= 200 && report.status < 300;
    this.#mark(isGood ? "call succeeded" : `call failed with ${report.status}`);
    const isTrue = (this.#heard.get(messageKey) ?? []).some(({ status, body, retried }) => {
      const isFinal = isGood || retried === report.maxRetries;
      return status === report.status && body === report.body && isFinal;
    });
    if (!isTrue || (!isGood && report.retried !== report.maxRetries)) {
      this.#violate(
        `step ${stepId} of run ${runKey} is told ${report.status}, which is not the answer`,
      );
    }
  }

  #checkTeller({ key, waitKey, runKey }: MessageRow): void {
    const wait = this.#mirror.get("waits", waitKey ?? 0);
    const other = this.#tellers.get(waitKey ?? 0);
    if (wait === null || wait.runKey !== runKey) this.#violate(`message ${key} tells of no call`);
    const isNudged = other !== undefined && this.#swallowed.hasMessage(other);
    if (other !== undefined && !isNudged)
      this.#violate(`call ${waitKey} is told by messages ${other} and ${key}`);
    this.#tellers.set(waitKey ?? 0, key);
  }

  #checkRecord(step: StepRow): void {
    const run = this.#mirror.get("runs", step.runKey);
    if (step.position === 0 || run === null || !isOwnStep(step, run, this.#mirror)) return;
    const { stepType, stepId, out, targetStep } = parseStep(step.body);
    if (stepType !== "Call" || targetStep !== undefined) return;
    const told = this.#answers.get(this.#mirror.waitOfStep(run.key, stepId)?.requestKey ?? 0);
    // The SDK writes it.
    const result = JSON.parse(out ?? "{}") as {
      readonly status?: number;
      readonly body?: string;
    };
    const body = Buffer.from(result.body ?? "", "latin1").toString("base64");
    if (told === undefined || result.status !== told.status || body !== told.body) {
      this.#violate(
        `the call of step ${stepId} in run ${run.key} has the result ${out}, told otherwise`,
      );
    }
  }

  /** A server that is alone begins anew; one of several keeps its places until the deadlines of what it has begun. */
  #noteCrash(generation: number): void {
    if (this.#nodes === 1) this.#underWay.clear();
    else this.#crashed.add(generation);
  }

  #dropOverdue(): void {
    for (const [number, { message, generation }] of this.#underWay) {
      if (!this.#crashed.has(generation)) continue;
      const isGone = this.#mirror.get("messages", message?.key ?? 0) === null;
      const deadline = (message?.dueAt ?? 0) - LEASE_MARGIN_MS;
      if (isGone || deadline <= this.#now()) this.#underWay.delete(number);
    }
  }

  #checkAttempt(attempt: Attempt): void {
    const { number, message, run } = attempt;
    if (message?.kind !== "call") return;
    if (!this.#requests.has(message.key))
      this.#violate(`no step has registered message ${message.key}`);
    const answered = this.#answeredIn.get(message.key);
    if (answered !== undefined && this.#mirror.leasedIn(message.key) > answered) {
      this.#violate(`attempt ${number} asks again with message ${message.key}, which was answered`);
    }
    if (run?.sourceRunKey != null) this.#mark("call of a revived run");
    if (message.flowControlKey === null) return;
    this.#dropOverdue();
    this.#underWay.set(number, attempt);
    if (this.#underWay.size > 1)
      this.#violate(`${this.#underWay.size} calls are under way that must take turns`);
    this.#mark("call in turn");
  }

  /** The service gets what the step says, and nothing that only the app should see. */
  #checkRequest({ number, url, method, body, headers }: Attempt): void {
    const step = stepAtService(url, this.#programs);
    const names = Object.keys(headers).map((name) => name.toLowerCase());
    const isRight =
      step !== null &&
      method === step.method &&
      body === (step.body ?? "") &&
      headers["x-step"] === encodeURIComponent(step.name) &&
      names.includes("upstash-signature") &&
      !names.includes("upstash-workflow-sdk-version");
    if (!isRight)
      this.#violate(`attempt ${number} asks ${method} ${url} with ${body}, which is not the call`);
    this.#mark("service asked");
  }

  #noteOutcome({ message, headers }: Attempt, outcome: Outcome): void {
    if (message?.kind !== "call") return;
    const retried = Number(headers["upstash-retried"]);
    const said = outcome.type === "response" ? outcome.body : Buffer.from(outcome.message);
    const status = outcome.type === "response" ? outcome.status : 0;
    const body = Buffer.from(said).toString("base64");
    this.#heard.set(message.key, [
      ...(this.#heard.get(message.key) ?? []),
      { status, body, retried },
    ]);
  }
}
