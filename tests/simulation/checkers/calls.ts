import type { MessageRow, Outcome, StepRow } from "@reprise/server";
import type { Attempt, Checker } from "../facts.ts";
import { isOwnStep, rootOf } from "../lineage.ts";
import { stepAtService } from "../service.ts";
import { parseStep } from "../step-list.ts";
import { Swallowed } from "../stuck.ts";
import { isCopy, type WaitRow } from "../waits.ts";

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
  observe: ({ mirror, programs, violate, mark }) => {
    /** Execution and step -> the message that asks. */
    const registered = new Map<string, number>();
    const requests = new Set<number>();
    const heard = new Map<number, Heard[]>();
    /** Message -> commit of its final answer. */
    const answeredIn = new Map<number, number>();
    const answers = new Map<number, { readonly status: number; readonly body: string }>();
    /** Wait -> messages that tell the app. */
    const tellers = new Map<number, number>();
    /** Attempts of calls that share a key of flow control. */
    const underWay = new Set<number>();
    const swallowed = new Swallowed();
    return (fact) => {
      swallowed.note(fact);
      if (fact.kind === "outcome") underWay.delete(fact.attempt.number);
      if (fact.kind === "serverCrash") underWay.clear();
      if (fact.kind === "attempt") checkAttempt(fact.attempt);
      if (fact.kind === "serviceRequest") checkRequest(fact.attempt);
      if (fact.kind === "outcome") noteOutcome(fact.attempt, fact.outcome);
      if (fact.kind !== "commit") return;
      for (const { table, before, after } of fact.commit.changes) {
        if (after === null) continue;
        if (table === "waits" && after.kind === "call") checkWait(before, after);
        if (before !== null) continue;
        if (table === "attempts" && after.status >= 200 && after.status < 300) {
          answeredIn.set(after.messageKey, fact.commit.seq);
        }
        if (table === "messages" && after.kind === "callResult") checkTeller(after);
        if (table === "steps") checkRecord(after);
        if (table === "deadLetters" && mirror.get("messages", after.messageKey)?.kind === "call") {
          violate(`run ${after.runKey} failed because of a call`);
        }
      }
    };

    function checkWait(before: WaitRow | null, wait: WaitRow): void {
      const { key, runKey, stepId, requestKey } = wait;
      const run = mirror.get("runs", runKey);
      if (run === null || requestKey === null) violate(`the call ${key} has no run or no message`);
      else if (before === null) {
        if (isCopy(wait, mirror)) {
          // Answered and taken over in one transaction.
          if (wait.state === "answered" && !answers.has(requestKey)) noteAnswer(wait, requestKey);
          return;
        }
        const name = `${rootOf(run, mirror)} ${stepId}`;
        const other = registered.get(name);
        if (other !== undefined) {
          violate(`step ${stepId} of run ${runKey} calls with ${requestKey} after ${other}`);
        }
        registered.set(name, requestKey);
        requests.add(requestKey);
      } else if (before.state === "open" && wait.state === "answered") {
        noteAnswer(wait, requestKey);
        mark(run.state === "failed" ? "call answered while failed" : "call answered");
      }
    }

    function noteAnswer(wait: WaitRow, requestKey: number): void {
      checkAnswer(wait, requestKey);
      answeredIn.set(requestKey, mirror.seq);
    }

    /** The report that the app gets is the last thing that the service said: a success, or what came when no retries were left. */
    function checkAnswer({ answer, stepId, runKey }: WaitRow, messageKey: number): void {
      // Written by the server for the SDK.
      const report = JSON.parse(Buffer.from(answer ?? []).toString("utf8")) as Heard & {
        readonly maxRetries: number;
      };
      answers.set(messageKey, report);
      const isGood = report.status >= 200 && report.status < 300;
      mark(isGood ? "call succeeded" : `call failed with ${report.status}`);
      const isTrue = (heard.get(messageKey) ?? []).some(({ status, body, retried }) => {
        const isFinal = isGood || retried === report.maxRetries;
        return status === report.status && body === report.body && isFinal;
      });
      if (!isTrue || (!isGood && report.retried !== report.maxRetries)) {
        violate(
          `step ${stepId} of run ${runKey} is told ${report.status}, which is not the answer`,
        );
      }
    }

    function checkTeller({ key, waitKey, runKey }: MessageRow): void {
      const wait = mirror.get("waits", waitKey ?? 0);
      const other = tellers.get(waitKey ?? 0);
      if (wait === null || wait.runKey !== runKey) violate(`message ${key} tells of no call`);
      const isNudged = other !== undefined && swallowed.hasMessage(other);
      if (other !== undefined && !isNudged)
        violate(`call ${waitKey} is told by messages ${other} and ${key}`);
      tellers.set(waitKey ?? 0, key);
    }

    function checkRecord(step: StepRow): void {
      const run = mirror.get("runs", step.runKey);
      if (step.position === 0 || run === null || !isOwnStep(step, run, mirror)) return;
      const { stepType, stepId, out, targetStep } = parseStep(step.body);
      if (stepType !== "Call" || targetStep !== undefined) return;
      const told = answers.get(mirror.waitOfStep(run.key, stepId)?.requestKey ?? 0);
      // The SDK writes it.
      const result = JSON.parse(out ?? "{}") as {
        readonly status?: number;
        readonly body?: string;
      };
      const body = Buffer.from(result.body ?? "", "latin1").toString("base64");
      if (told === undefined || result.status !== told.status || body !== told.body) {
        violate(
          `the call of step ${stepId} in run ${run.key} has the result ${out}, told otherwise`,
        );
      }
    }

    function checkAttempt({ number, message, run }: Attempt): void {
      if (message?.kind !== "call") return;
      if (!requests.has(message.key)) violate(`no step has registered message ${message.key}`);
      const answered = answeredIn.get(message.key);
      if (answered !== undefined && mirror.leasedIn(message.key) > answered) {
        violate(`attempt ${number} asks again with message ${message.key}, which was answered`);
      }
      if (run?.sourceRunKey != null) mark("call of a revived run");
      if (message.flowControlKey === null) return;
      underWay.add(number);
      if (underWay.size > 1) violate(`${underWay.size} calls are under way that must take turns`);
      mark("call in turn");
    }

    /** The service gets what the step says, and nothing that only the app should see. */
    function checkRequest({ number, url, method, body, headers }: Attempt): void {
      const step = stepAtService(url, programs);
      const names = Object.keys(headers).map((name) => name.toLowerCase());
      const isRight =
        step !== null &&
        method === step.method &&
        body === (step.body ?? "") &&
        headers["x-step"] === encodeURIComponent(step.name) &&
        names.includes("upstash-signature") &&
        !names.includes("upstash-workflow-sdk-version");
      if (!isRight)
        violate(`attempt ${number} asks ${method} ${url} with ${body}, which is not the call`);
      mark("service asked");
    }

    function noteOutcome({ message, headers }: Attempt, outcome: Outcome): void {
      if (message?.kind !== "call") return;
      const retried = Number(headers["upstash-retried"]);
      const said = outcome.type === "response" ? outcome.body : Buffer.from(outcome.message);
      const status = outcome.type === "response" ? outcome.status : 0;
      const body = Buffer.from(said).toString("base64");
      heard.set(message.key, [...(heard.get(message.key) ?? []), { status, body, retried }]);
    }
  },
};
