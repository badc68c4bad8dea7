import type { StepRow } from "@reprise/server";
import type { Checker, SentRequest } from "../facts.ts";
import { isOwnStep, programOf, rootOf } from "../lineage.ts";
import { stepsById, WAIT_SECONDS_DEFAULT } from "../program.ts";
import { parseStep } from "../step-list.ts";
import { readSubmissions } from "../submission.ts";
import { isCopy, isOfOthers, isWaiting, type WaitRow } from "../waits.ts";

const LATE_MS_MAX = 1_000;

const NEXT_STATES: Readonly<Record<WaitRow["state"], readonly WaitRow["state"][]>> = {
  open: ["open", "answered", "done", "dropped", "moved"],
  answered: ["answered", "done", "dropped", "moved"],
  done: ["done"],
  dropped: ["dropped"],
  moved: ["moved"],
};

/** A step that others complete ends once, with one result, and when its time is up only then; deadlines outlive resumes. */
export const waitOutcome: Checker = {
  name: "one outcome",
  promise:
    "a wait ends once, by what it waited for or by its deadline, together with its record; it never ends early",
  observe: (scene) => {
    const { mirror, programs, violate, mark, now } = scene;
    /** Execution and step -> deadline. */
    const deadlines = new Map<string, number>();
    /** Run id and step -> requests to wait that are not answered yet: number -> arrival. */
    const asking = new Map<string, Map<number, number>>();
    return (fact) => {
      if (fact.kind === "arrival") noteArrival(fact.request);
      if (fact.kind === "answer") {
        for (const open of asking.values()) open.delete(fact.exchange.number);
      }
      if (fact.kind !== "commit") return;
      for (const { table, before, after } of fact.commit.changes) {
        if (table === "waits" && after !== null) {
          if (before === null) checkNew(after);
          else checkMove(before, after);
        }
        if (table === "steps" && before === null && after !== null) checkRecord(after);
      }
    };

    function noteArrival(request: SentRequest): void {
      for (const { kind, runId, step } of readSubmissions(request)) {
        if (kind !== "wait") continue;
        const name = `${runId} ${step?.stepId}`;
        const open = asking.get(name) ?? new Map<number, number>();
        asking.set(name, open.set(request.number, request.arrivedAt));
      }
    }

    function nameOf(runKey: number, stepId: number): string {
      const run = mirror.get("runs", runKey);
      return `${run === null ? runKey : rootOf(run, mirror)} ${stepId}`;
    }

    function checkNew(wait: WaitRow): void {
      const { key, kind, runKey, stepId, state, dueAt } = wait;
      const name = nameOf(runKey, stepId);
      if (state !== "open" || (kind !== "event" && kind !== "webhook")) return;
      if (isCopy(wait, mirror)) {
        if (deadlines.get(name) !== dueAt) {
          violate(
            `wait ${key} was taken over with ${dueAt}; its deadline is ${deadlines.get(name)}`,
          );
        }
        return;
      }
      if (deadlines.has(name)) violate(`step ${stepId} of run ${runKey} waits a second time`);
      const timeoutMs = timeoutMsOf(wait);
      const run = mirror.get("runs", runKey);
      const arrivals = asking.get(`${run?.id} ${stepId}`)?.values() ?? [];
      const earliestAt = Math.min(...arrivals) + timeoutMs;
      if (dueAt === null || dueAt < earliestAt || dueAt > now() + timeoutMs) {
        violate(`wait ${key} has the deadline ${dueAt}; asked for was ${earliestAt}`);
      }
      deadlines.set(name, dueAt ?? 0);
    }

    function timeoutMsOf({ runKey, stepId }: WaitRow): number {
      const run = mirror.get("runs", runKey);
      const program = run === null ? null : programOf(run, mirror, programs);
      const step = program === null ? undefined : stepsById(program).get(stepId);
      const seconds = step !== undefined && "timeoutSeconds" in step ? step.timeoutSeconds : null;
      return 1000 * (seconds ?? WAIT_SECONDS_DEFAULT);
    }

    function checkMove(before: WaitRow, after: WaitRow): void {
      const name = `wait ${after.key} of run ${after.runKey}`;
      if (!NEXT_STATES[before.state].includes(after.state)) {
        violate(`${name} was ${before.state} and became ${after.state}`);
      }
      if (after.state === "open" && after.dueAt !== before.dueAt) {
        violate(`the deadline of ${name} was ${before.dueAt} and became ${after.dueAt}`);
      }
      if (!isWaiting(before) || after.state !== "done") return;
      const record = resultOf(after);
      if (record === undefined || mirror.bornIn(record.key) !== mirror.seq) {
        violate(`${name} is over without a result`);
      }
    }

    function resultOf({ runKey, stepId }: WaitRow): StepRow | undefined {
      return mirror.steps(runKey).find((step) => {
        if (step.position === 0) return false;
        const record = parseStep(step.body);
        return record.stepId === stepId && record.targetStep === undefined;
      });
    }

    function checkRecord(step: StepRow): void {
      const run = mirror.get("runs", step.runKey);
      if (step.position === 0 || run === null || !isOwnStep(step, run, mirror)) return;
      const record = parseStep(step.body);
      if (!isOfOthers(record)) return;
      const { stepId, stepType, out, waitTimeout } = record;
      const name = `the ${stepType} result of step ${stepId} in run ${run.key}`;
      if (mirror.waitOfStep(run.key, stepId)?.state !== "done") violate(`${name} ends no wait`);
      if (stepType !== "Wait" && stepType !== "WaitForWebhook") return;
      const isTimeout = waitTimeout === true;
      if (isTimeout === (out !== undefined)) violate(`${name} has two outcomes or none`);
      mark(isTimeout ? `${stepType} timed out` : `${stepType} ended by event`);
      if (run.state === "failed") mark(`${stepType} ended while failed`);
      if (!isTimeout) return;
      const deadline = deadlines.get(nameOf(run.key, stepId)) ?? Number.POSITIVE_INFINITY;
      if (now() < deadline) violate(`${name} is a timeout ${deadline - now()} ms early`);
      if (scene.isCalm && now() > deadline + LATE_MS_MAX) {
        violate(`${name} is a timeout ${now() - deadline} ms late`);
      }
    }
  },
};
