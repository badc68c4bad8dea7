export type { TestMode } from "./model-server.ts";
export type { CallAnswer, FailOptions } from "./stubs.ts";
export type { TestDeadLetter, TestError, TestResult, TestStep } from "./test-result.ts";
export type { TestRun, WaitOptions } from "./test-run.ts";
export { type TestOptions, testWorkflow } from "./test-workflow.ts";
export type { Testable } from "./testable.ts";
