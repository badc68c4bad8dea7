import { type Program, type SingleStep, stepsById } from "./program.ts";

/** What the list of a finished run must hold, worked out from the program alone. */
export interface ExpectedRecord {
  /** `plan 3`, `result 3`: the name under which at most one record may exist. */
  readonly slot: string;
  readonly step: SingleStep;
  readonly stepType: string;
  readonly concurrent: number;
}

const TYPES = {
  run: "Run",
  sleep: "SleepFor",
  sleepUntil: "SleepUntil",
  call: "Call",
  waitForEvent: "Wait",
  notify: "Notify",
  createWebhook: "CreateWebhook",
  waitForWebhook: "WaitForWebhook",
  invoke: "Invoke",
} as const;

export function expectedRecords(program: Program): readonly ExpectedRecord[] {
  const records: ExpectedRecord[] = [];
  const steps = stepsById(program);
  let id = 1;
  for (const group of program.steps) {
    if (group.kind === "cancel") break;
    const concurrent = group.kind === "parallel" ? group.branches.length : 1;
    for (let index = 0; index < concurrent; index += 1) {
      const step = steps.get(id + index);
      if (step === undefined) continue;
      const record = { step, stepType: TYPES[step.kind], concurrent };
      if (concurrent > 1) records.push({ ...record, slot: `plan ${id + index}` });
      records.push({ ...record, slot: `result ${id + index}` });
    }
    id += concurrent;
  }
  return records;
}

export function endsInCancel(program: Program): boolean {
  return program.steps.some((step) => step.kind === "cancel");
}

/**
 * What the route function returns: the results of all steps. `resultOf` gives the recorded result of a step by its slot, because
 * results name the execution, the request or the notification that made them.
 */
export function expectedResponse(
  program: Program,
  resultOf: (slot: string) => unknown,
): readonly unknown[] {
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
  return results;
}
