import { expect, test } from "vitest";
import {
  asSubmissionError,
  type ErrorCode,
  errorBody,
  errorTable,
  isRepriseError,
  RepriseError,
} from "./errors.ts";

// The table has exactly the codes as keys.
const CODES = Object.keys(errorTable) as ErrorCode[];

test("an error has the status of its table entry, its details and its cause", () => {
  const cause = new Error("disk");
  const error = new RepriseError("storage_unavailable", {
    message: "cannot write",
    details: { path: "x" },
    cause,
  });
  expect([error.code, error.status, error.message, error.name]).toEqual([
    "storage_unavailable",
    503,
    "cannot write",
    "RepriseError",
  ]);
  expect(error.details).toEqual({ path: "x" });
  expect(error.cause).toBe(cause);
});

test("the body of an answer has the message and the code", () => {
  expect(errorBody(new RepriseError("run_ended", { message: "gone" }))).toEqual({
    error: "gone",
    code: "run_ended",
  });
});

test("an error is recognised by its brand, not by its class", () => {
  expect(isRepriseError(new RepriseError("internal", { message: "x" }))).toBe(true);
  expect(isRepriseError({ [Symbol.for("reprise.error")]: true })).toBe(true);
  for (const value of [new Error("x"), null, undefined, "x", { code: "internal" }]) {
    expect(isRepriseError(value)).toBe(false);
  }
});

test("on a submission 400 means that the run has ended and nothing else", () => {
  const withStatus400 = CODES.filter(
    (code) => asSubmissionError(new RepriseError(code, { message: "m" })).status === 400,
  );
  expect(withStatus400.sort()).toEqual(["run_ended", "run_not_found"]);
});

test("no submission is answered 404, and lasting refusals are 412 with code and message kept", () => {
  for (const code of CODES) {
    const before = new RepriseError(code, { message: "because", details: { a: 1 } });
    const after = asSubmissionError(before);
    expect(after.status).not.toBe(404);
    expect([after.code, after.message, after.details]).toEqual([code, "because", { a: 1 }]);
    const isPassing = before.status >= 500 || [401, 403, 405, 408, 429].includes(before.status);
    if (isPassing) expect(after).toBe(before);
    else if (after.status !== 400) expect(after.status).toBe(412);
  }
});

test("a foreign error passes through the submission mapping", () => {
  const foreign = new TypeError("x");
  expect(asSubmissionError(foreign)).toBe(foreign);
});
