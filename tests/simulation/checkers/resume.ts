import type { DeadLetterRow } from "@reprise/server";
import type { Checker, Execution, Fact, Scene } from "../facts.ts";
import { inheritedSteps, recordNamed } from "../lineage.ts";
import type { Commit, Mirror } from "../mirror.ts";
import { parseStep } from "../step-list.ts";
import { isWaiting, type WaitRow } from "../waits.ts";

/**
 * A resumed run has everything that was recorded and does none of it again; it takes over what others are to complete, as it is. A
 * restarted one has the payload alone.
 */
export const resume: Checker = {
  name: "resume and restart",
  promise:
    "a resume keeps every recorded step, executes none of them again and takes over open waits; a restart keeps none",
  observe: (scene) => {
    const watch = new ResumeWatch(scene);
    return (fact) => watch.see(fact);
  },
};

class ResumeWatch {
  readonly #mirror: Scene["mirror"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  /** Number of the execution -> id of its run. */
  readonly #executions = new Map<number, string>();

  constructor({ mirror, violate, mark }: Scene) {
    this.#mirror = mirror;
    this.#violate = violate;
    this.#mark = mark;
  }

  see(fact: Fact): void {
    if (fact.kind === "commit") {
      for (const { table, before, after } of fact.commit.changes) {
        if (table === "deadLetters" && before !== null && after !== null) {
          this.#checkRevival(after);
          if (before.state === after.state) continue;
          for (const fault of waitFaults(after, fact.commit, this.#mirror)) this.#violate(fault);
        }
        if (table === "waits" && before?.state !== "moved" && after?.state === "moved") {
          this.#mark(`resumed with ${after.kind} ${before?.state}`);
        }
        if (table === "steps" && before === null && after !== null) {
          this.#checkOrigin(after.runKey, parseOut(after.body));
        }
      }
    }
    if (fact.kind === "execution") this.#checkExecution(fact.execution);
  }

  #checkRevival(entry: DeadLetterRow): void {
    const run = entry.nextRunKey === null ? null : this.#mirror.get("runs", entry.nextRunKey);
    if (run === null) return;
    const source = this.#mirror.steps(entry.runKey);
    const kept = entry.state === "resumed" ? source : source.slice(0, 1);
    const inherited = inheritedSteps(run, this.#mirror);
    const isSame =
      inherited.length === kept.length &&
      inherited.every((step, index) => {
        const other = kept[index];
        return other !== undefined && Buffer.compare(step.body, other.body) === 0;
      });
    if (!isSame) {
      this.#violate(
        `run ${run.key} was ${entry.state} with ${inherited.length} records; ${kept.length} were to be kept`,
      );
    }
    if (entry.state === "resumed" && inherited.length > 1) this.#mark("resumed with results");
  }

  #checkExecution({ number, runId, stepName }: Execution): void {
    this.#executions.set(number, runId);
    const run = this.#mirror.runsById(runId).at(-1);
    if (run === undefined) this.#violate(`a step of the unknown run ${runId} is executed`);
    const inherited = run === undefined ? [] : inheritedSteps(run, this.#mirror).slice(1);
    for (const step of inherited) {
      const record = parseStep(step.body);
      if (record.stepId !== 0 && record.stepName === stepName) {
        this.#violate(
          `"${stepName}" is executed again in run ${runId}, which was resumed behind it`,
        );
      }
    }
  }

  /** A recorded result was made in this run, or in one that it resumes. */
  #checkOrigin(runKey: number, execution: number | null): void {
    if (execution === null) return;
    const origin = this.#executions.get(execution);
    let run = this.#mirror.get("runs", runKey);
    while (run !== null) {
      if (run.id === origin) return;
      const source: number | null = run.sourceRunKey;
      run = source === null || this.#isRestart(source) ? null : this.#mirror.get("runs", source);
    }
    this.#violate(`run ${runKey} has recorded a result that was made in ${origin}`);
  }

  #isRestart(sourceRunKey: number): boolean {
    const key = this.#mirror.get("runs", sourceRunKey)?.deadLetterKey ?? 0;
    return this.#mirror.get("deadLetters", key)?.state === "restarted";
  }
}

function parseOut(body: Uint8Array): number | null {
  const { out, stepType } = parseStep(body);
  const result: unknown = stepType === "Run" && out !== undefined ? JSON.parse(out) : null;
  if (typeof result !== "object" || result === null || !("execution" in result)) return null;
  return typeof result.execution === "number" ? result.execution : null;
}

/** What is wrong with the waits of a run that takes the place of another one. */
function waitFaults(entry: DeadLetterRow, { changes }: Commit, mirror: Mirror): readonly string[] {
  if (entry.nextRunKey === null) return [];
  const taken = mirror.waits(entry.nextRunKey);
  const own = taken.filter(({ key }) => mirror.bornIn(key) === mirror.seq);
  if (entry.state === "restarted") {
    return own.length === 0 ? [] : [`run ${entry.nextRunKey} starts again and has waits already`];
  }
  const before = new Map<number, WaitRow>();
  for (const change of changes) {
    if (change.table === "waits" && change.before !== null) {
      before.set(change.before.key, change.before);
    }
  }
  return mirror.waits(entry.runKey).flatMap((wait) => {
    const was = before.get(wait.key) ?? wait;
    const copy = taken.find(({ stepId }) => stepId === was.stepId);
    const name = `the ${was.kind} ${was.state} of step ${was.stepId} of run ${entry.runKey}`;
    // Its result was recorded in the very transaction, before the resume, which has kept it.
    const { nextRunKey } = entry;
    const isKept =
      nextRunKey !== null && recordNamed(mirror.steps(nextRunKey), `result ${was.stepId}`) !== null;
    if (isWaiting(was) && wait.state === "done" && isKept) return [];
    if (isWaiting(was) && wait.state !== "moved")
      return [`${name} is ${wait.state} after a resume`];
    return copy !== undefined && isSameWait(was, copy)
      ? []
      : [`${name} was not taken over as it is`];
  });
}

/** The very transaction of the resume may also have answered the call, or ended the wait. */
function isSameWait(was: WaitRow, copy: WaitRow): boolean {
  return (
    copy.kind === was.kind &&
    copy.eventId === was.eventId &&
    copy.requestKey === was.requestKey &&
    copy.childRunKey === was.childRunKey &&
    (copy.state === was.state ? copy.dueAt === was.dueAt : isWaiting(was) && copy.state !== "open")
  );
}
