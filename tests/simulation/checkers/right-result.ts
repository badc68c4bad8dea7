import { isDeepStrictEqual } from "node:util";
import type { RunRow, StepRow } from "@reprise/server";
import {
  type ExpectedRecord,
  endsInCancel,
  expectedRecords,
  expectedResponse,
} from "../expectation.ts";
import type { Checker } from "../facts.ts";
import { programOf } from "../lineage.ts";
import type { Program } from "../program.ts";
import { routeValue } from "../route-value.ts";
import { parseStep, slotName } from "../step-list.ts";

/** What a run has recorded and returned is what its program says, worked out without running it. */
export const rightResult: Checker = {
  name: "right result",
  promise: "a finished run has recorded every step of its program once and returned their results",
  observe: ({ mirror, programs, violate, mark }) => {
    return (fact) => {
      if (fact.kind !== "end") return;
      for (const run of mirror.all("runs")) checkRun(run);
    };

    function checkRun(run: RunRow): void {
      const program = programOf(run, mirror, programs);
      mark(`run ${run.state}${run.sourceRunKey === null ? "" : " after revival"}`);
      if (isEndedByEarlier(run)) return;
      const fault =
        program === null ? "has no payload" : runFault(run, program, mirror.steps(run.key));
      if (fault !== null) violate(`run ${run.key} (${run.id}): ${fault}`);
    }

    /** The end of a run is told by its id alone: told late, it ends the next run that a client has given the same id. */
    function isEndedByEarlier(run: RunRow): boolean {
      const isSame = ({ key, state, response }: RunRow) =>
        key < run.key && state === "succeeded" && isDeepStrictEqual(response, run.response);
      const isEnded = run.state === "succeeded" && mirror.runsById(run.id).some(isSame);
      if (isEnded) mark("ended by an earlier run of its id");
      return isEnded;
    }
  },
};

function runFault(run: RunRow, program: Program, steps: readonly StepRow[]): string | null {
  const expected = new Map(expectedRecords(program).map((record) => [record.slot, record]));
  const results = new Map<string, unknown>();
  for (const step of steps) {
    const slot = slotName(step);
    if (slot === null) continue;
    const record = expected.get(slot);
    const fault = record === undefined ? "is not in the program" : recordFault(step, record);
    if (fault !== null) return `${slot} ${fault}`;
    if (record !== undefined) results.set(slot, routeValue(record.step, parseStep(step.body)));
  }
  if (run.state !== "succeeded") return null;
  if (endsInCancel(program)) return "succeeded, but cancels itself";
  const missing = [...expected.keys()].filter((slot) => !results.has(slot));
  if (missing.length > 0) return `succeeded without ${missing.join(", ")}`;
  const response = Buffer.from(run.response ?? []).toString("utf8");
  const wanted = JSON.stringify(expectedResponse(program, (slot) => results.get(slot)));
  const isSame = isDeepStrictEqual(parseJson(response), parseJson(wanted));
  return isSame ? null : `returned ${response}; expected ${wanted}`;
}

function parseJson(text: string): unknown {
  return text === "" ? undefined : JSON.parse(text);
}

function recordFault(step: StepRow, expected: ExpectedRecord): string | null {
  const { stepName, stepType, concurrent } = parseStep(step.body);
  const isSame =
    stepName === expected.step.name &&
    stepType === expected.stepType &&
    concurrent === expected.concurrent;
  if (!isSame) return `is ${stepType} "${stepName}" of ${concurrent}`;
  const { step: planned } = expected;
  if (planned.kind !== "run" || expected.slot.startsWith("plan")) return null;
  const value = JSON.stringify(returnedBy(routeValue(planned, parseStep(step.body))));
  const wanted = JSON.stringify(planned.value);
  return value === wanted ? null : `has the value ${value}; expected ${wanted}`;
}

/** Results are wrapped together with the number of the execution that made them. */
function returnedBy(result: unknown): unknown {
  return typeof result === "object" && result !== null && "value" in result
    ? result.value
    : undefined;
}
