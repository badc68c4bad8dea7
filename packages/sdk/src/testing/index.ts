export { type Exploration, type ExploreOptions, explore } from "./explore.ts";
export type { TestMode } from "./model-server.ts";
export type { RecordedHistory } from "./recorded-history.ts";
export { type Replayed, type ReplayOptions, replay } from "./replay.ts";
export {
  type Reprise,
  type RepriseEnvironment,
  type StartRepriseOptions,
  startReprise,
  type UntilOptions,
} from "./start-reprise.ts";
export type { CallAnswer, FailOptions } from "./stubs.ts";
export type { TestDeadLetter, TestError, TestResult, TestStep } from "./test-result.ts";
export type { TestRun, WaitOptions } from "./test-run.ts";
export { type TestOptions, testWorkflow } from "./test-workflow.ts";
export type { Testable } from "./testable.ts";
