import { isRepriseError } from "@reprise/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SubmitStep } from "../core/commands.ts";
import { contextAt, NOW, runConfig, runRow } from "../core/rows.suite.ts";
import type { MessageRow, StepRow } from "../core/rows.ts";
import { isPlanSlot, planSlot, resultSlot, slotOf } from "../core/step.ts";
import { decideSubmitStep } from "../core/submit-step.ts";
import { DEFAULT_LIMITS } from "../engine/limits.ts";
import { linesOf, readLines } from "./read-lines.ts";
import type { ReadingRoom } from "./room.ts";

/** A run is never left with nothing to wake it, however invocations that know nothing of each other submit its steps. */

const room: ReadingRoom = {
  // The reader asks the host for the time alone.
  host: { now: () => NOW } as ReadingRoom["host"],
  settings: {
    ...DEFAULT_LIMITS,
    isLoopbackOnly: false,
    trustedProxies: [],
    publicUrl: null,
    checkEgress: () => {},
  },
};

/** A run as its rows stand, and the messages that it has ever made. */
interface Rows {
  readonly slots: ReadonlyMap<number, StepRow>;
  readonly messages: readonly MessageRow[];
  readonly stepCount: number;
}

const begun: Rows = { slots: new Map(), messages: [], stepCount: 1 };

function submit(rows: Rows, lines: readonly unknown[]): Rows {
  const bytes = new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join("\n"));
  const source = { runId: "wfr_test", runKey: 1, own: { forward: {} }, callerIp: "" };
  const commands = readLines(linesOf(bytes), source, room);
  try {
    // A request is executed as one: a refusal takes everything back.
    return commands.reduce((before, command) => apply(before, command as SubmitStep), rows);
  } catch (error) {
    if (isRepriseError(error)) return rows;
    throw error;
  }
}

function apply({ slots, messages, stepCount }: Rows, command: SubmitStep): Rows {
  const { facts, awaits } = command;
  const context = { ...contextAt(), newKey: () => 100 + stepCount };
  const { changes } = decideSubmitStep(
    {
      run: runRow({ key: 1, stepCount }),
      config: runConfig(),
      deadLetter: null,
      recorded: slots.get(slotOf(facts)) ?? null,
      plan: slots.get(planSlot(facts.stepId)) ?? null,
      awaited: awaits === undefined ? null : (slots.get(awaits) ?? null),
      wait: null,
    },
    command,
    context,
  );
  const after = { slots: new Map(slots), messages: [...messages], stepCount };
  for (const change of changes) {
    if (change.type === "update" && change.table === "runs") {
      after.stepCount = change.set.stepCount ?? stepCount;
    }
    if (change.type !== "insert") continue;
    if (change.table === "steps") after.slots.set(change.row.slot, change.row);
    if (change.table === "messages") after.messages.push(change.row);
  }
  return after;
}

/** What is wrong with a run whose group has these steps; null when somebody wakes it. */
function faultOf({ slots, messages }: Rows, steps: readonly number[]): string | null {
  const announced = new Set(messages.map(({ key }) => key));
  const known = [...slots.values()].filter(({ slot }) => isPlanSlot(slot));
  for (const plan of known) {
    const isOpen = !slots.has(plan.slot + 1);
    if (isOpen && !announced.has(plan.key)) return `step ${plan.slot / 2} is asked of nobody`;
  }
  const results = steps.map((stepId) => slots.get(resultSlot(stepId)));
  if (results.includes(undefined)) return null;
  const last = results.reduce((a, b) => ((a?.position ?? 0) > (b?.position ?? 0) ? a : b));
  return announced.has(last?.key ?? -1) ? null : "the end of the group is told to nobody";
}

const plan = (targetStep: number, concurrent: number) => ({
  stepId: 0,
  targetStep,
  stepName: "s",
  stepType: "Run",
  concurrent,
});
const result = (stepId: number, concurrent: number) => ({
  stepId,
  stepName: "s",
  stepType: "Run",
  out: "1",
  concurrent,
});

describe("records that come together", () => {
  const messagesOf = (lines: readonly unknown[]) => {
    const { slots, messages } = submit(begun, lines);
    const slotOfKey = new Map([...slots.values()].map(({ key, slot }) => [key, slot]));
    return messages.map(({ key }) => slotOfKey.get(key));
  };

  test.each([
    ["plans alone", [plan(1, 2), plan(2, 2)], [planSlot(1), planSlot(2)]],
    ["a whole group", [plan(1, 2), plan(2, 2), result(1, 2), result(2, 2)], [resultSlot(2)]],
    [
      "a group in another order",
      [plan(1, 2), result(1, 2), plan(2, 2), result(2, 2)],
      [resultSlot(2)],
    ],
    ["a group in part", [plan(1, 2), plan(2, 2), result(2, 2)], [planSlot(1)]],
    ["two steps in a row", [result(1, 1), result(2, 1)], [resultSlot(2)]],
    ["a step, and plans", [result(1, 1), plan(2, 2), plan(3, 2)], [planSlot(2), planSlot(3)]],
    ["one step", [result(1, 1)], [resultSlot(1)]],
  ])("%s", (_, lines, slots) => {
    expect(messagesOf(lines)).toEqual(slots);
  });
});

describe("invocations that know nothing of each other", () => {
  const size = 2;
  const steps = [1, 2];
  const plans = steps.map((stepId) => plan(stepId, size));
  const [one, two] = steps.map((stepId) => result(stepId, size));
  const submissions: readonly (readonly unknown[])[] = [
    plans,
    [...plans, one],
    [...plans, two],
    [...plans, one, two],
    [...plans, two, one],
    [plans[1], plans[0], one],
    [plans[0], one],
    [plans[1], two],
    [plans[0], one, plans[1]],
    [one],
    [two],
  ];

  test("never leave a group of two with nothing to wake it, in whatever order they come", () => {
    const faults: unknown[] = [];
    let count = 0;
    for (const first of submissions) {
      for (const second of submissions) {
        for (const third of submissions) {
          const history = [first, second, third];
          const rows = history.reduce(submit, begun);
          const fault = faultOf(rows, steps);
          if (fault !== null) faults.push({ fault, history });
          count += 1;
        }
      }
    }
    expect(faults.slice(0, 2)).toEqual([]);
    expect(count).toBe(submissions.length ** 3);
  });

  test("never leave a larger group with nothing to wake it", () => {
    const four = [1, 2, 3, 4];
    const anyLines = fc
      .tuple(fc.subarray(four), fc.shuffledSubarray(four), fc.boolean())
      .map(([planned, done, isWhole]) => [
        ...(isWhole ? four : planned).map((stepId) => plan(stepId, 4)),
        ...done.map((stepId) => result(stepId, 4)),
      ])
      .filter((lines) => lines.length > 0);
    fc.assert(
      fc.property(fc.array(anyLines, { minLength: 1, maxLength: 6 }), (history) => {
        expect(faultOf(history.reduce(submit, begun), four)).toBe(null);
      }),
      { numRuns: 500 },
    );
  });
});
