// The machine of replay: however a run is delivered, it gives and records what one straight execution does.

import fc from "fast-check";
import { expect, test } from "vitest";
import { type Node, type Outcome, type Program, stepByStep, straight } from "./machine.suite.ts";

const names = fc.constantFrom("a", "b", "c", "d");
const fails = fc.oneof(
  { weight: 4, arbitrary: fc.constant("never" as const) },
  { weight: 1, arbitrary: fc.constantFrom("once", "always", "final" as const) },
);
const step = fc.record({ type: fc.constant("step" as const), name: names, fails });
const nap = fc.constant({ type: "nap" as const });

const { program } = fc.letrec<{ node: Node; program: Program }>((tie) => ({
  program: fc.array(tie("node"), { minLength: 1, maxLength: 4 }),
  node: fc.oneof(
    { maxDepth: 2, depthIdentifier: "program" },
    step,
    nap,
    fc.record({
      type: fc.constantFrom("all" as const, "settled" as const),
      branches: fc.array(tie("program"), { minLength: 1, maxLength: 3 }),
    }),
    fc.record({ type: fc.constant("try" as const), body: tie("program"), handler: tie("program") }),
  ),
}));

/** Branches that fail and are not caught: which of them ends the run is a matter of who comes first. */
function isFailed({ end }: Outcome): boolean {
  return "error" in end;
}

test(
  "in any order, warm or cold, in one invocation or many, a run is the same",
  { timeout: 240_000 },
  () =>
    fc.assert(
      fc.asyncProperty(program, fc.infiniteStream(fc.nat()), async (nodes, numbers) => {
        const choose = (below: number) =>
          below === 0 ? 0 : (numbers.next().value as number) % below; // Endless.
        const expected = await straight(nodes);
        const actual = await stepByStep(nodes, choose);
        if (isFailed(expected)) {
          expect(isFailed(actual)).toBe(true);
          // Recorded is what came before, and nothing else.
          expect(expected.records).toMatchObject(actual.records);
        } else {
          expect(actual).toEqual(expected);
        }
      }),
      { numRuns: 150 },
    ),
);
