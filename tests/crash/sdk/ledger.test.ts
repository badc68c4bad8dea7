import { describe, expect, test } from "vitest";
import type { SdkBooks, SdkRun } from "./books.ts";
import type { Begin } from "./journal.ts";
import { SdkLedger } from "./ledger.ts";

const RUN_ID = "wfr_a";

type Marks = readonly (readonly [number, string | null])[];

function run(marks: Marks, facts: Partial<SdkRun> = {}): SdkRun {
  const state = "started";
  return {
    key: 1,
    id: RUN_ID,
    state,
    response: null,
    route: "answered",
    marks: new Map(marks),
    ...facts,
  };
}

function books(...runs: readonly SdkRun[]): SdkBooks {
  return {
    runs: new Map(runs.map((one) => [one.id, one])),
    runCount: runs.length,
    messageCount: 0,
    failures: [],
    integrity: "ok",
  };
}

function begin(stepId: number, mark: string, after: Begin["after"] = []): Begin {
  return { runId: RUN_ID, stepId, mark, after };
}

const first = begin(1, "one");
const second = begin(2, "two", [{ stepId: 1, mark: "one" }]);

describe("a look behind a kill", () => {
  test("finds nothing where every step began behind the result before it", () => {
    const ledger = new SdkLedger();
    ledger.look([first], books(run([])));
    ledger.look([second], books(run([[1, "one"]])));
    expect(ledger.faults).toEqual([]);
  });

  test("takes a step that is done again, as long as it has no result", () => {
    const ledger = new SdkLedger();
    ledger.look([first], books(run([])));
    ledger.look([begin(1, "again")], books(run([[1, "again"]])));
    expect(ledger.faults).toEqual([]);
    expect(ledger.repeats).toBe(1);
  });

  test("finds a step that began before the last result was on disk", () => {
    const ledger = new SdkLedger();
    ledger.look([first, second], books(run([])));
    expect(ledger.faults).toEqual([expect.stringContaining("before the result of step 1 was on")]);
  });

  test("finds a step that was told a result which is not the one that is kept", () => {
    const ledger = new SdkLedger();
    ledger.look([first, second], books(run([[1, "other"]])));
    expect(ledger.faults).toEqual([expect.stringContaining("told was one, kept is other")]);
  });

  test("finds a step that began after its result was recorded", () => {
    const ledger = new SdkLedger();
    ledger.look([first], books(run([[1, "one"]])));
    ledger.look([begin(1, "again")], books(run([[1, "one"]])));
    expect(ledger.faults).toEqual([expect.stringContaining("after its result was recorded")]);
  });

  test("finds a recorded result that is lost or has changed", () => {
    const ledger = new SdkLedger();
    ledger.look([first], books(run([[1, "one"]])));
    ledger.look([], books(run([[1, "other"]])));
    ledger.look([], books(run([])));
    expect(ledger.faults).toHaveLength(2);
  });
});

/** The faults of a run whose kind has three results. */
function faultsOf(end: SdkBooks, begins: readonly Begin[] = []): string {
  const ledger = new SdkLedger();
  ledger.triggered.set(RUN_ID, { kind: "sleeping", route: "answered", outcome: "accepted" });
  ledger.look(begins, end);
  return ledger
    .audit(end)
    .flatMap(({ faults }) => faults)
    .join("\n");
}

const MARKS: Marks = [
  [1, "one"],
  [2, null],
  [3, "three"],
];
const ENDED = { state: "succeeded", response: '["one","three"]' };
const BEGINS = [first, begin(3, "three")];

describe("the audit", () => {
  test("finds nothing where a run has ended with the results of its steps", () => {
    expect(faultsOf(books(run(MARKS, ENDED)), BEGINS)).toBe("");
  });

  test.each([
    ["a lost run", books(), "is lost"],
    [
      "a run that nobody started",
      books(run(MARKS, ENDED), run([], { id: "x" })),
      "never triggered",
    ],
    ["a run without end", books(run(MARKS)), "is started"],
    ["a missing result", books(run(MARKS.slice(1), ENDED)), "has 2 results"],
    ["another response", books(run(MARKS, { ...ENDED, response: "[]" })), "gave []"],
    ["a message that is left", { ...books(run(MARKS, ENDED)), messageCount: 1 }, "1 messages are"],
    ["a failed run", { ...books(run(MARKS, ENDED)), failures: ["why"] }, "why"],
  ])("finds %s", (_name, end, fault) => {
    expect(faultsOf(end, BEGINS)).toContain(fault);
  });

  test("finds a result that nobody has made", () => {
    expect(faultsOf(books(run(MARKS, ENDED)), [first])).toContain("step 3 is nobody's");
  });
});
