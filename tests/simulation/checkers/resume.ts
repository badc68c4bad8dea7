import type { DeadLetterRow } from "@reprise/server";
import type { Checker, Execution } from "../facts.ts";
import { inheritedSteps } from "../lineage.ts";
import { parseStep } from "../step-list.ts";

/** A resumed run has everything that was recorded and does none of it again; a restarted one has the payload alone. */
export const resume: Checker = {
  name: "resume and restart",
  promise:
    "a resume keeps every recorded step and executes none of them again; a restart keeps none",
  observe: ({ mirror, violate, mark }) => {
    /** Number of the execution -> id of its run. */
    const executions = new Map<number, string>();
    return (fact) => {
      if (fact.kind === "commit") {
        for (const { table, before, after } of fact.commit.changes) {
          if (table === "deadLetters" && before !== null && after !== null) checkRevival(after);
          if (table === "steps" && before === null && after !== null) {
            checkOrigin(after.runKey, parseOut(after.body));
          }
        }
      }
      if (fact.kind === "execution") checkExecution(fact.execution);
    };

    function checkRevival(entry: DeadLetterRow): void {
      const run = entry.nextRunKey === null ? null : mirror.get("runs", entry.nextRunKey);
      if (run === null) return;
      const source = mirror.steps(entry.runKey);
      const kept = entry.state === "resumed" ? source : source.slice(0, 1);
      const inherited = inheritedSteps(run, mirror);
      const isSame =
        inherited.length === kept.length &&
        inherited.every((step, index) => {
          const other = kept[index];
          return other !== undefined && Buffer.compare(step.body, other.body) === 0;
        });
      if (!isSame) {
        violate(
          `run ${run.key} was ${entry.state} with ${inherited.length} records; ${kept.length} were to be kept`,
        );
      }
      if (entry.state === "resumed" && inherited.length > 1) mark("resumed with results");
    }

    function checkExecution({ number, runId, stepName }: Execution): void {
      executions.set(number, runId);
      const run = mirror.runsById(runId).at(-1);
      if (run === undefined) violate(`a step of the unknown run ${runId} is executed`);
      const inherited = run === undefined ? [] : inheritedSteps(run, mirror).slice(1);
      for (const step of inherited) {
        const record = parseStep(step.body);
        if (record.stepId !== 0 && record.stepName === stepName) {
          violate(`"${stepName}" is executed again in run ${runId}, which was resumed behind it`);
        }
      }
    }

    /** A recorded result was made in this run, or in one that it resumes. */
    function checkOrigin(runKey: number, execution: number | null): void {
      if (execution === null) return;
      const origin = executions.get(execution);
      let run = mirror.get("runs", runKey);
      while (run !== null) {
        if (run.id === origin) return;
        const source: number | null = run.sourceRunKey;
        run = source === null || isRestart(source) ? null : mirror.get("runs", source);
      }
      violate(`run ${runKey} has recorded a result that was made in ${origin}`);
    }

    function isRestart(sourceRunKey: number): boolean {
      const key = mirror.get("runs", sourceRunKey)?.deadLetterKey ?? 0;
      return mirror.get("deadLetters", key)?.state === "restarted";
    }
  },
};

function parseOut(body: Uint8Array): number | null {
  const { out } = parseStep(body);
  const result: unknown = typeof out === "string" ? JSON.parse(out) : null;
  if (typeof result !== "object" || result === null || !("execution" in result)) return null;
  return typeof result.execution === "number" ? result.execution : null;
}
