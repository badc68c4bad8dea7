import { isJsonObject } from "@reprise/protocol";

/** What one step does. */
export type Task =
  | { readonly type: "work" }
  | { readonly type: "sleep"; readonly seconds: number }
  /** Fails until somebody has healed the run. */
  | { readonly type: "fail" };

/** One step, or a group of steps that run in parallel. */
type Stage = readonly Task[];

const work: Task = { type: "work" };
const fail: Task = { type: "fail" };
const sleep = (seconds: number): Task => ({ type: "sleep", seconds });

/** The workflows of the load. Nothing but `fail` ever answers with an error. */
export const PROGRAMS = {
  sequential: [[work], [work], [work], [work], [work], [work]],
  parallel: [[work], [work, work, work, work], [work]],
  sleeping: [[work], [sleep(1)], [work, sleep(1)], [work]],
  /** Fails in the middle, is healed and resumed. */
  healing: [[work], [work], [fail], [work]],
  /** Fails in one branch while others go on, is healed and resumed. */
  branching: [[work], [work, fail, work], [work]],
  /** Stays in the dead letter queue. */
  dying: [[work], [fail]],
  /** Is cancelled while it sleeps. */
  canceled: [[work], [sleep(3_600)], [work]],
} as const satisfies Readonly<Record<string, readonly Stage[]>>;

export type Kind = keyof typeof PROGRAMS;

/** Payload of a run: it survives a resume, under which the run gets another id. */
export interface Payload {
  readonly key: string;
  readonly kind: Kind;
}

/** A record of a delivered list, as far as the app needs it. */
export interface ListedRecord {
  readonly messageId: string;
  readonly body: string;
  readonly stepId: number;
  readonly targetStep: number;
}

export interface StepList {
  readonly payload: Payload;
  /** Message ids and bodies of all items, the payload included, in their order. */
  readonly items: readonly { readonly messageId: string; readonly body: string }[];
  readonly records: readonly ListedRecord[];
}

/** Reads the body of a delivery. */
export function parseStepList(text: string): StepList {
  const raw = JSON.parse(text) as readonly { messageId: string; body: string }[]; // The form of the wire.
  const items = raw.map(({ messageId, body }) => {
    return { messageId, body: Buffer.from(body, "base64").toString("utf8") };
  });
  const [first, ...rest] = items;
  const payload = JSON.parse(first?.body ?? "null") as Payload; // The harness triggers every run.
  return { payload, items, records: rest.map(parseRecord) };
}

function parseRecord(item: { readonly messageId: string; readonly body: string }): ListedRecord {
  const record: unknown = JSON.parse(item.body);
  if (!isJsonObject(record)) throw new Error(`a record is no object: ${item.body}`);
  const { stepId, targetStep } = record;
  return {
    ...item,
    stepId: typeof stepId === "number" ? stepId : -1,
    targetStep: typeof targetStep === "number" ? targetStep : 0,
  };
}

export interface PlannedStep {
  readonly id: number;
  readonly task: Task;
  readonly concurrent: number;
}

/** What an app does with a delivery: the rules by which the SDK reads a list. */
export type Action =
  | { readonly type: "plan"; readonly steps: readonly PlannedStep[] }
  | { readonly type: "step"; readonly step: PlannedStep }
  | { readonly type: "discard" }
  | { readonly type: "finish" };

export function nextAction(kind: Kind, records: readonly ListedRecord[]): Action {
  let id = 1;
  const stages: readonly Stage[] = PROGRAMS[kind];
  for (const stage of stages) {
    const steps = stage.map((task, index) => {
      return { id: id + index, task, concurrent: stage.length };
    });
    const action = inStage(steps, records);
    if (action !== null) return action;
    id += stage.length;
  }
  return { type: "finish" };
}

/** Null when the stage is done. */
function inStage(steps: readonly PlannedStep[], records: readonly ListedRecord[]): Action | null {
  const isOf = (step: PlannedStep, record: ListedRecord) =>
    record.stepId === step.id || (record.stepId === 0 && record.targetStep === step.id);
  const own = records.filter((record) => steps.some((step) => isOf(step, record)));
  const [first] = steps;
  if (first === undefined) return null;
  if (steps.length === 1) return own.length > 0 ? null : { type: "step", step: first };
  if (own.length === 0) return { type: "plan", steps };
  if (own.length === 2 * steps.length) return null;
  const last = own.at(-1);
  const planned = steps.find((step) => last?.stepId === 0 && last.targetStep === step.id);
  return planned === undefined ? { type: "discard" } : { type: "step", step: planned };
}

/** Number of steps of a run that goes to its end. */
export function stepCountOf(kind: Kind): number {
  return PROGRAMS[kind].reduce((sum, stage) => sum + stage.length, 0);
}
