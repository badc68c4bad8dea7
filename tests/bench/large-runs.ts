import type { Change, RunRow, StepRow } from "@reprise/server";
import { CONFIG, OLDEST_AT, type RowsOfRun, URLS } from "./listed-rows.ts";

/** Runs that are large in one way each: a page that shows them must not stand still. */

export const LARGE_RUNS = {
  steps: "wfr_large_steps",
  branches: "wfr_large_branches",
  tree: "wfr_large_tree",
  line: "wfr_large_line",
} as const;
export const LARGE_STEPS = 1_000;
export const LARGE_BRANCHES = 200;
export const TREE_BYTES = 5_000_000;
export const LINE_BYTES = 1_200_000;

interface Step {
  readonly slot: number;
  readonly nextStepId: number;
  readonly body: Uint8Array;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const SMALL = bytes('{"order":1}');

/** Ended runs, the newest of all that are listed; `listed` are there already. */
export function largeRuns(listed: number): readonly RowsOfRun[] {
  const firstKey = 1 + listed * 10;
  const createdAt = OLDEST_AT + listed * 1_000;
  const all: readonly (readonly [string, Uint8Array, readonly Step[]])[] = [
    [LARGE_RUNS.steps, SMALL, sequence(LARGE_STEPS)],
    [LARGE_RUNS.branches, SMALL, branches(LARGE_BRANCHES)],
    [LARGE_RUNS.tree, bytes(treeOf(TREE_BYTES)), []],
    [LARGE_RUNS.line, bytes("lorem-ipsum-".repeat(LINE_BYTES / 12)), []],
  ];
  let key = firstKey;
  return all.map(([id, payload, steps]) => {
    const rows = runOf({ id, key, createdAt, steps: [initial(payload), ...steps] });
    key += steps.length + 2;
    return rows;
  });
}

const initial = (body: Uint8Array): Step => ({ slot: 0, nextStepId: 1, body });

function sequence(count: number): readonly Step[] {
  return Array.from({ length: count }, (_, index) => ({
    slot: 2 * (index + 1) + 1,
    nextStepId: index + 2,
    body: recordOf({
      stepId: index + 1,
      stepName: `step ${index + 1} of the month`,
      out: JSON.stringify({ row: index, text: "x".repeat(120) }),
      concurrent: 1,
    }),
  }));
}

/** Each branch is planned, and then done. */
function branches(count: number): readonly Step[] {
  const each = Array.from({ length: count }, (_, index) => index + 1);
  const named = (stepId: number) => ({ stepName: `branch ${stepId}`, concurrent: count });
  const plans = each.map((stepId) => ({
    slot: 2 * stepId,
    nextStepId: count + 1,
    body: recordOf({ stepId: 0, targetStep: stepId, ...named(stepId) }),
  }));
  const results = each.map((stepId) => ({
    slot: 2 * stepId + 1,
    nextStepId: count + 1,
    body: recordOf({ stepId, out: '"done"', ...named(stepId) }),
  }));
  return [...plans, ...results];
}

function recordOf(fields: Readonly<Record<string, string | number>>): Uint8Array {
  return bytes(JSON.stringify({ stepType: "Run", ...fields }));
}

/** Has ids that no number of this language holds exactly, as those of databases. */
function treeOf(size: number): string {
  const row = (nth: number) =>
    `{"id":9007199254740993${nth % 10},"name":"customer ${nth}","tags":["a","b"],"address":{"city":"Ulm","lines":["${"y".repeat(60)}"]}}`;
  const rows: string[] = [];
  for (let length = 0; length < size; length += row(rows.length).length) {
    rows.push(row(rows.length));
  }
  return `{"customers":[${rows.join(",")}]}`;
}

interface LargeRun {
  readonly id: string;
  readonly key: number;
  readonly createdAt: number;
  readonly steps: readonly Step[];
}

function runOf({ id, key, createdAt, steps }: LargeRun): RowsOfRun {
  const row: RunRow = {
    ...{ key, id, state: "succeeded", url: URLS[0] ?? "", createdAt, callerIp: "192.0.2.1" },
    ...{ flowControlKey: null, sourceRunKey: null, invoker: null, deadLetterKey: null },
    completedAt: createdAt + 100 * steps.length,
    stepCount: steps.length,
    bodyBytes: steps.reduce((sum, { body }) => sum + body.byteLength, 0),
    ...{ labels: ",large,", response: SMALL },
  };
  return [
    { type: "insert", table: "runs", row },
    { type: "insert", table: "runConfigs", row: { key, config: CONFIG } },
    ...steps.map((step, position): Change => {
      const at = createdAt + 100 * position;
      const record: StepRow = {
        ...{ key: key + 1 + position, runKey: key, position, createdAt: at, dueAt: at },
        ...{ callType: "step", config: '{"forward":{}}' },
        ...step,
      };
      return { type: "insert", table: "steps", row: record };
    }),
  ];
}
