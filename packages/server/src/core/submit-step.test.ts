import { RUN_BYTES_MAX, RUN_RECORDS_MAX } from "@reprise/protocol";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SubmitStep } from "./commands.ts";
import {
  contextAt,
  deadLetterRow,
  initialStep,
  insertsInto,
  NOW,
  runConfig,
  runRow,
  stepRow,
  submitStep,
  updateOf,
} from "./rows.suite.ts";
import type { MessageRow, RunRow, StepRow } from "./rows.ts";
import type { MessageConfig } from "./run-config.ts";
import { planSlot, slotOf } from "./step.ts";
import { decideSubmitStep, neededSlots, type SubmitStepState } from "./submit-step.ts";
import type { Context, Transition } from "./transition.ts";

const live: SubmitStepState = {
  run: runRow(),
  config: runConfig(),
  deadLetter: null,
  recorded: null,
  plan: null,
  wait: null,
};

function decide(state: Partial<SubmitStepState> = {}, command: Partial<SubmitStep> = {}) {
  return decideSubmitStep({ ...live, ...state }, submitStep(command), contextAt());
}

const inserted = (transition: Transition<unknown>) => ({
  step: insertsInto(transition, "steps")[0],
  message: insertsInto(transition, "messages")[0],
});

const plan = (stepId: number, concurrent = 3) => ({ stepId, isPlan: true, concurrent });
const result = (stepId: number, concurrent = 1) => ({ stepId, isPlan: false, concurrent });

describe("the record", () => {
  test("of a sequential step takes the next place and points to the next step", () => {
    const transition = decide(
      { run: runRow({ stepCount: 5, bodyBytes: 40 }) },
      { facts: result(5) },
    );
    const { step, message } = inserted(transition);
    expect(step).toMatchObject({ runKey: 1, position: 5, slot: 11, nextStepId: 6, createdAt: NOW });
    expect(message).toMatchObject({ key: step?.key, kind: "step", runKey: 1, stepPosition: 5 });
    expect(updateOf(transition, "runs")).toEqual({ stepCount: 6, bodyBytes: 42 });
    expect(transition.answer).toEqual({ messageKey: step?.key, deduplicated: false });
  });

  test("keeps the exact bytes that were submitted", () => {
    const body = new Uint8Array([0x7b, 0x20, 0xc3, 0x28, 0x00, 0x7d]);
    expect(inserted(decide({}, { body })).step?.body).toBe(body);
  });

  test("of a plan points behind its whole group, and so does every result in the group", () => {
    const run = runRow({ stepCount: 4 });
    const planned = inserted(decide({ run }, { facts: plan(4), groupNextStepId: 7 })).step;
    expect(planned).toMatchObject({ slot: 8, nextStepId: 7 });
    const within = inserted(decide({ run, plan: planned ?? null }, { facts: result(4, 3) })).step;
    expect(within).toMatchObject({ slot: 9, nextStepId: 7 });
  });

  test("of an earlier run with the same id is refused, because it does not continue this one", () => {
    const run = runRow({ stepCount: 3 });
    expect(() => decide({ run }, { facts: result(4) })).toThrow("does not continue");
    expect(() => decide({ run }, { facts: plan(4) })).toThrow("does not continue");
    expect(() => decide({ run, plan: null }, { facts: result(3, 2) })).toThrow("does not continue");
    expect(inserted(decide({ run }, { facts: result(3) })).step).toMatchObject({ position: 3 });
  });

  test("needs its own slot, and the plan's when it is a result in a group", () => {
    expect(neededSlots(result(4))).toEqual([9]);
    expect(neededSlots(plan(4))).toEqual([8]);
    expect(neededSlots(result(4, 2))).toEqual([9, 8]);
  });
});

describe("the message", () => {
  test("is delivered at once, and its lease outlasts the attempt", () => {
    const transition = decide();
    const { message } = inserted(transition);
    expect(message).toMatchObject({ state: "active", leaseToken: 1, retried: 0, retries: 3 });
    expect(message?.dueAt).toBeGreaterThan(NOW + 60_000);
    expect(transition.effects).toEqual([
      { type: "deliver", messageKey: message?.key, leaseToken: 1 },
    ]);
  });

  test("of a sleep waits, while its record stands at once", () => {
    const transition = decide({}, { dueAt: NOW + 5_000 });
    const { step, message } = inserted(transition);
    expect(step).toMatchObject({ createdAt: NOW, dueAt: NOW + 5_000 });
    expect(message).toMatchObject({ state: "scheduled", leaseToken: 0, dueAt: NOW + 5_000 });
    expect(transition.effects).toEqual([{ type: "wake", dueAt: NOW + 5_000 }]);
  });

  test("of a sleep that is over already is delivered at once", () => {
    const { step, message } = inserted(decide({}, { dueAt: NOW - 60_000 }));
    expect(step?.dueAt).toBe(NOW);
    expect(message?.state).toBe("active");
  });

  const own: MessageConfig = { forward: {}, retries: 7, timeoutMs: 5_000 };

  test("lives by the run when the trigger's settings hold for the whole run", () => {
    const config = runConfig({ retries: 2, timeoutMs: 9_000 });
    const { message } = inserted(decide({ config }, { messageConfig: own }));
    expect(message?.retries).toBe(2);
    expect(message?.dueAt).toBe(NOW + 9_000 + 60_000);
  });

  test("lives by what it brings along when they do not", () => {
    const config = runConfig({ isPersistent: false, retries: 2, timeoutMs: 9_000 });
    const { step, message } = inserted(decide({ config }, { messageConfig: own }));
    expect(message?.retries).toBe(7);
    expect(message?.dueAt).toBe(NOW + 5_000 + 60_000);
    expect(JSON.parse(step?.config ?? "")).toEqual(own);
    const bare = inserted(decide({ config }, { messageConfig: { forward: {} } }));
    expect(bare.message?.retries).toBe(3);
  });
});

describe("a slot that is taken", () => {
  const recorded = stepRow({ key: 77, slot: 5 });

  test("answers with the first record and changes nothing", () => {
    const transition = decide({ recorded });
    expect(transition).toEqual({
      changes: [],
      effects: [],
      answer: { messageKey: 77, deduplicated: true, differs: true },
    });
  });

  test("says when it is the very same that is sent again", () => {
    const first = decide({ recorded }).answer;
    const { body } = submitStep({});
    expect(first.differs).toBe(true);
    expect(decide({ recorded: { ...recorded, body } }).answer).toEqual({
      messageKey: 77,
      deduplicated: true,
    });
  });

  test("answers so above every limit too", () => {
    const run = runRow({ stepCount: RUN_RECORDS_MAX, bodyBytes: RUN_BYTES_MAX });
    expect(decide({ run, recorded }).answer.deduplicated).toBe(true);
  });

  test("answers so in a failed run that waits for its resume", () => {
    const run = runRow({ state: "failed", deadLetterKey: 20 });
    expect(decide({ run, recorded, deadLetter: deadLetterRow() }).answer.deduplicated).toBe(true);
  });
});

describe("limits", () => {
  const refusal = (state: Partial<SubmitStepState>, command: Partial<SubmitStep> = {}) => {
    try {
      decide(state, command);
    } catch (error) {
      return error;
    }
    return null;
  };

  test("the last record fits, the next one does not", () => {
    expect(refusal({ run: runRow({ stepCount: RUN_RECORDS_MAX - 1 }) })).toBeNull();
    expect(refusal({ run: runRow({ stepCount: RUN_RECORDS_MAX }) })).toMatchObject({
      code: "step_limit_exceeded",
      status: 412,
      message: "workflow run wfr_test has 25000 records; the limit is 25000",
    });
  });

  test("the last byte fits, the next one does not", () => {
    const run = runRow({ bodyBytes: RUN_BYTES_MAX - 8 });
    expect(refusal({ run }, { body: new Uint8Array(8) })).toBeNull();
    expect(refusal({ run }, { body: new Uint8Array(9) })).toMatchObject({
      code: "step_limit_exceeded",
      status: 412,
      message: `workflow run wfr_test would hold ${RUN_BYTES_MAX + 1} bytes; the limit is ${RUN_BYTES_MAX}`,
    });
  });

  test.each([
    ["unknown", { run: null, config: null }],
    ["succeeded", { run: runRow({ state: "succeeded" }) }],
    ["cancelled", { run: runRow({ state: "canceled" }) }],
    ["failed without a dead letter", { run: runRow({ state: "failed" }) }],
    ...(["resumed", "restarted", "deleted"] as const).map(
      (state) =>
        [
          `failed and ${state}`,
          { run: runRow({ state: "failed" }), deadLetter: deadLetterRow({ state }) },
        ] as const,
    ),
  ] as const)("a run that is %s answers 400, which the SDK reads as the end", (_name, state) => {
    expect(refusal(state)).toMatchObject({ code: "run_ended", status: 400 });
  });
});

test("a failed run that waits for its resume records, and delivers nothing", () => {
  const run = runRow({ state: "failed", deadLetterKey: 20 });
  const transition = decide({ run, deadLetter: deadLetterRow() });
  expect(inserted(transition).step).toMatchObject({ position: 2, slot: 5 });
  expect(inserted(transition).message).toBeUndefined();
  expect(transition.effects).toEqual([]);
  expect(updateOf(transition, "runs")).toEqual({ stepCount: 3, bodyBytes: 12 });
});

describe("behind an answer of the SDK itself", () => {
  const run = runRow({ state: "failed", deadLetterKey: 20 });
  const answered = deadLetterRow({
    responseHeaders: JSON.stringify({ "upstash-workflow-sdk-version": ["1"] }),
  });

  test("a failed run takes no step of its failure function", () => {
    expect(() => decide({ run, deadLetter: answered })).toThrow(/has ended/);
  });

  test("a failed run still takes the results of its planned branches", () => {
    const planned = stepRow({ slot: 4, nextStepId: 5 });
    const command = { facts: result(2, 3) };
    expect(
      inserted(decide({ run, deadLetter: answered, plan: planned }, command)).step,
    ).toMatchObject({ slot: 5, nextStepId: 5 });
  });
});

/** Applies submissions one by one, as the engine does, and keeps what they lead to. */
class Recording {
  run: RunRow = runRow({ stepCount: 1, bodyBytes: initialStep.body.byteLength });
  readonly steps: StepRow[] = [initialStep];
  readonly messages: MessageRow[] = [];
  readonly answers = new Map<number, number[]>();
  readonly #context: Context = contextAt();

  submit(command: SubmitStep): void {
    const find = (slot: number) => this.steps.find((step) => step.slot === slot) ?? null;
    const { facts } = command;
    const transition = decideSubmitStep(
      {
        ...live,
        run: this.run,
        recorded: find(slotOf(facts)),
        plan: facts.isPlan ? null : find(planSlot(facts.stepId)),
      },
      command,
      this.#context,
    );
    const { step, message } = inserted(transition);
    this.run = { ...this.run, ...updateOf(transition, "runs") };
    if (step !== undefined) this.steps.push(step);
    if (message !== undefined) this.messages.push(message);
    const slot = slotOf(facts);
    this.answers.set(slot, [...(this.answers.get(slot) ?? []), transition.answer.messageKey]);
  }
}

test("whatever order and however often a group is submitted, each slot is recorded once, without gaps", () =>
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 8 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 40 }),
      (concurrent, picks) => {
        const plans = Array.from({ length: concurrent }, (_, index) =>
          submitStep({ facts: plan(index + 1, concurrent), groupNextStepId: concurrent + 1 }),
        );
        const results = Array.from({ length: concurrent }, (_, index) =>
          submitStep({ facts: result(index + 1, concurrent), body: new Uint8Array(index) }),
        );
        const recording = new Recording();
        // Plans come in one batch, first of all; afterwards anything may come, and come again.
        for (const command of plans) recording.submit(command);
        const all = [...plans, ...results];
        for (const pick of picks) recording.submit(all[pick % all.length] ?? submitStep());
        for (const command of results) recording.submit(command);

        const { steps, messages, run, answers } = recording;
        expect(steps.map(({ position }) => position)).toEqual(steps.map((_, index) => index));
        expect(new Set(steps.map(({ slot }) => slot)).size).toBe(steps.length);
        expect(steps).toHaveLength(1 + 2 * concurrent);
        expect(run.stepCount).toBe(steps.length);
        expect(run.bodyBytes).toBe(steps.reduce((sum, { body }) => sum + body.byteLength, 0));
        expect(messages.map(({ key }) => key)).toEqual(steps.slice(1).map(({ key }) => key));
        expect(steps.slice(1).every(({ nextStepId }) => nextStepId === concurrent + 1)).toBe(true);
        for (const keys of answers.values()) expect(new Set(keys).size).toBe(1);
      },
    ),
  ));
