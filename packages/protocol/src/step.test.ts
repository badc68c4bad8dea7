import fc from "fast-check";
import { expect, test } from "vitest";
import { isRepriseError } from "./errors.ts";
import { isPlan, parseStepRecord, STEP_TYPES } from "./step.ts";

const encoder = new TextEncoder();

function parse(value: unknown) {
  return parseStepRecord(encoder.encode(JSON.stringify(value)));
}

const RESULT = { stepId: 3, stepName: "charge", stepType: "Run", out: '"ok"', concurrent: 1 };
const PLAN = {
  stepId: 0,
  stepName: "b",
  stepType: "SleepFor",
  sleepFor: "2s",
  targetStep: 2,
  concurrent: 2,
};

test("a result is read, and what it does not say is null", () => {
  expect(parse(RESULT)).toEqual({
    ...RESULT,
    targetStep: null,
    sleepFor: null,
    sleepUntil: null,
    waitEventId: null,
    timeout: null,
    waitTimeout: null,
    callUrl: null,
    callMethod: null,
    callBody: undefined,
    callHeaders: null,
  });
});

test("a plan names the step that it announces, a result does not", () => {
  expect(parse(PLAN)).toMatchObject({ stepId: 0, targetStep: 2, sleepFor: "2s", concurrent: 2 });
  expect([isPlan(parse(PLAN)), isPlan(parse(RESULT))]).toEqual([true, false]);
  expect(isPlan(parse({ ...RESULT, targetStep: 0 }))).toBe(false);
});

test("a client that writes null for what is absent is understood", () => {
  const record = parse({
    ...RESULT,
    targetStep: null,
    sleepFor: null,
    sleepUntil: null,
    callUrl: null,
    callHeaders: null,
    method: "POST",
  });
  expect(record).toEqual(parse(RESULT));
});

test("the fields of sleeps, waits and calls are read", () => {
  const fields = {
    sleepUntil: 1_700_000_000,
    waitEventId: "e",
    timeout: "7d",
    waitTimeout: true,
    callUrl: "https://x",
    callMethod: "POST",
    callBody: { a: 1 },
    callHeaders: { a: "b" },
  };
  expect(parse({ ...RESULT, sleepFor: 5, ...fields })).toMatchObject({ sleepFor: 5, ...fields });
  expect(parse({ stepId: 1, stepName: "w", stepType: "Wait", concurrent: 1 }).out).toBeNull();
});

test("a step name has at most 1024 characters", () => {
  expect(parse({ ...RESULT, stepName: "x".repeat(1024) }).stepName).toHaveLength(1024);
});

test("every type of step is known", () => {
  for (const stepType of STEP_TYPES) expect(parse({ ...RESULT, stepType }).stepType).toBe(stepType);
});

test.each([
  [{ ...RESULT, stepId: -1 }, /stepId of a step must be a whole number from 0 to 25000, got "-1"/],
  [{ ...RESULT, stepId: 1.5 }, /stepId/],
  [{ ...RESULT, stepId: "1" }, /stepId/],
  [{ ...RESULT, stepId: undefined }, /stepId .* got nothing/],
  [{ ...RESULT, stepId: 2 ** 53 }, /stepId/],
  [{ ...RESULT, stepId: 0 }, /targetStep/],
  [{ ...PLAN, targetStep: 0 }, /targetStep/],
  [{ ...PLAN, targetStep: "2" }, /targetStep/],
  [{ ...RESULT, stepName: 1 }, /stepName/],
  [{ ...RESULT, stepName: "x".repeat(1025) }, /stepName/],
  [{ ...RESULT, stepType: "run" }, /stepType of a step must be one of Initial, Run/],
  [{ ...RESULT, stepType: "constructor" }, /stepType/],
  [{ ...RESULT, concurrent: 0 }, /concurrent/],
  [{ ...RESULT, concurrent: undefined }, /concurrent/],
  [{ ...RESULT, out: { a: 1 } }, /out of a step must be a text or absent/],
  [{ ...RESULT, sleepFor: {} }, /sleepFor/],
  [[RESULT], /must be a JSON object/],
  [null, /must be a JSON object/],
  ["x", /must be a JSON object/],
])("the record %j is refused with 412 and the field named", (value, fault) => {
  expect(() => parse(value)).toThrow(fault);
  try {
    parse(value);
  } catch (error) {
    expect(isRepriseError(error) && [error.code, error.status]).toEqual(["invalid_step", 412]);
  }
});

test("more steps than a run may have are refused as a limit", () => {
  for (const value of [
    { ...RESULT, stepId: 25_001 },
    { ...PLAN, targetStep: 25_001 },
    { ...RESULT, concurrent: 1001 },
  ]) {
    expect(() => parse(value)).toThrow(/must be at most/);
  }
});

test("bytes that are no JSON are refused with 412, never 400", () => {
  for (const text of ["", "{", "\ufeff{}", `{"a":${"[".repeat(100)}`]) {
    try {
      parseStepRecord(encoder.encode(text));
      expect.unreachable();
    } catch (error) {
      expect(isRepriseError(error) && error.status).toBe(412);
    }
  }
});

test("any bytes are a record or refused with 412", () => {
  const anyRecord = fc.record(
    {
      stepId: fc.anything(),
      stepName: fc.anything(),
      stepType: fc.constantFrom("Run", 1),
      concurrent: fc.anything(),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        anyRecord.map((value) => encoder.encode(JSON.stringify(value) ?? "")),
      ),
      (bytes) => {
        try {
          parseStepRecord(bytes);
        } catch (error) {
          expect(isRepriseError(error) && error.status).toBe(412);
        }
      },
    ),
  );
});
