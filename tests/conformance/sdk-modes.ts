import type { SdkMode } from "./sdk.ts";

/** Which of the tests that the official SDK passes say nothing about a mode of ours, and why. Everything else must pass. */

export interface Exclusion {
  readonly reason: string;
  readonly modes: readonly SdkMode[];
  /** Names of tests, describes included; as they stand in reports. */
  readonly tests: readonly string[];
}

const FAST: readonly SdkMode[] = ["answered", "warm", "continued", "connected"];
const GOING_ON: readonly SdkMode[] = ["continued", "connected"];

export const exclusions: readonly Exclusion[] = [
  {
    reason:
      "the app's answer is lost behind its submission: here the answer is the submission, so that nothing was submitted and the step is done again",
    modes: FAST,
    tests: [
      "an answer that is lost behind the app's submission does not fail the run",
      "an answer that is lost after its step was accepted does not run the step again",
      "an answer that is lost after its step was accepted does not fail the run, even without retries",
    ],
  },
  {
    reason: "the body of the app's answer is read, and here it has the records in it",
    modes: FAST,
    tests: [
      "a single step that is submitted after the cancel ends quietly",
      "a branch that is submitted after the cancel ends quietly",
      "a group that is planned after the cancel ends quietly",
      "an app that works on behind the end of its run is told quietly",
    ],
  },
  {
    reason:
      "a result comes after the time of its delivery: there is nobody left who takes the answer",
    modes: FAST,
    tests: [
      "S34: a step that finishes after its delivery timed out and failed the run is recorded, and a resume does not run it again",
    ],
  },
  {
    reason: "the requests of the app are counted, and here it makes none",
    modes: FAST,
    tests: [
      "whichever commit succeeds without an answer, a running workflow hears 503 or the truth, and everything finishes",
    ],
  },
  {
    reason: "the lists that are delivered are read, or counted, and here they are parts or fewer",
    modes: ["warm", ...GOING_ON],
    tests: [
      "a submission that is repeated calls once, and so does an answer that is told twice",
      "a long payload goes out as an empty body with the headers by which every adapter knows it",
      "parallel steps, sleeps and their order work as well when every list is fetched",
      "a list grows over the limit in the middle of a run",
    ],
  },
  {
    reason: "deliveries are counted, and here one invocation does several steps",
    modes: GOING_ON,
    tests: [
      "flow control of one delivery at a time holds for every kind of step without a deadlock, and a step that waits holds no place",
    ],
  },
  {
    reason: "the app is down, which fails deliveries; those of a connected app wait for it",
    modes: ["connected"],
    tests: ["S37: a failure call that never arrived is delivered by hand"],
  },
];

/** Files in which no workflow of our SDK runs: those of the server alone, and of other SDKs. They run with the official SDK. */
const OTHERS =
  /\/(?:python-|old-sdk|protocol-|auth-|bad-|batch-messages|canary|callbacks|delivery-|denied-|enqueue|log-calls|log-filters|log-waiting|message|publish-|schedules|traversal|url-groups|waiters-many|limits\.|numbers|s57-|s60-|bulk-resume)/;

/** Files that are about how steps are done, and answered for: the short run of a mode. */
const ESSENTIAL =
  /\/(?:steps|parallel|promise-forms|middleware|wait|call-results|invoke-ends|cancel|limits-steps|s05-s11-|s16-s22-|s44-s49-|resume-open-branches)[^/]*\.test\.ts$/;

export function isOwnFile(path: string): boolean {
  return !OTHERS.test(path);
}

export function isEssentialFile(path: string): boolean {
  return isOwnFile(path) && ESSENTIAL.test(path);
}

/** Names every test but those that are excluded in this mode. */
export function patternOf(mode: SdkMode): RegExp {
  const excluded = exclusions.filter(({ modes }) => modes.includes(mode));
  const names = excluded.flatMap(({ tests }) => tests.map(escaped));
  return names.length === 0 ? /^/ : new RegExp(`^(?!\\s*(?:${names.join("|")})$)`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
