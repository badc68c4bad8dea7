import type { Program, SingleStep } from "./program.ts";

/** What the list of a finished run must hold, worked out from the program alone. */
export interface ExpectedRecord {
  /** `plan 3`, `result 3`: the name under which at most one record may exist. */
  readonly slot: string;
  readonly stepName: string;
  readonly stepType: "Run" | "SleepFor" | "SleepUntil";
  readonly concurrent: number;
  /** The value of a run step that was planned or done; `undefined` for sleeps and for steps that give nothing. */
  readonly value: unknown;
  /** Ids of the first step of the group and of the step behind it. */
  readonly group: { readonly first: number; readonly next: number };
}

const TYPES = { run: "Run", sleep: "SleepFor", sleepUntil: "SleepUntil" } as const;

export function expectedRecords(program: Program): readonly ExpectedRecord[] {
  const records: ExpectedRecord[] = [];
  let id = 1;
  for (const step of program.steps) {
    if (step.kind === "cancel") break;
    const branches = step.kind === "parallel" ? step.branches : [step];
    const group = { first: id, next: id + branches.length };
    for (const [index, branch] of branches.entries()) {
      const record = toRecord(branch, branches.length, group);
      if (branches.length > 1) {
        records.push({ ...record, slot: `plan ${id + index}`, value: undefined });
      }
      records.push({ ...record, slot: `result ${id + index}` });
    }
    id += branches.length;
  }
  return records;
}

function toRecord(
  step: SingleStep,
  concurrent: number,
  group: ExpectedRecord["group"],
): Omit<ExpectedRecord, "slot"> {
  return {
    stepName: step.name,
    stepType: TYPES[step.kind],
    concurrent,
    value: step.kind === "run" ? step.value : undefined,
    group,
  };
}

export function endsInCancel(program: Program): boolean {
  return program.steps.some((step) => step.kind === "cancel");
}

/**
 * What the route function returns: the results of all steps, as JSON. `resultOf` gives the recorded result of a step by its
 * slot, because results name the execution that made them.
 */
export function expectedResponse(program: Program, resultOf: (slot: string) => unknown): string {
  const results: unknown[] = [];
  let id = 1;
  for (const step of program.steps) {
    if (step.kind === "cancel") break;
    if (step.kind === "parallel") {
      results.push(step.branches.map((_branch, index) => resultOf(`result ${id + index}`)));
      id += step.branches.length;
    } else {
      results.push(resultOf(`result ${id}`));
      id += 1;
    }
  }
  return JSON.stringify(results);
}
