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
      "with little time for an attempt S34: a step that finishes after its delivery timed out and failed the run is recorded, and a resume does not run it again",
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
      "three steps take four deliveries, each with the list up to its own message",
      "groups can follow each other and stand between sequential steps",
      "a sleeping branch gets its own slice although others have moved on, and joins last",
    ],
  },
  {
    reason: "the lists that are delivered are read, and here they are parts",
    modes: ["warm", "connected"],
    tests: [
      ...[2, 3, 10, 50].map(
        (count) =>
          `a group of ${count} parallel steps takes a delivery for each plan and each result`,
      ),
      ...[
        "a duration",
        "a number of seconds",
        "a text with a fraction",
        "zero",
        "a zero duration",
      ].map((name) => `time is up after ${name}, and the record has no output`),
      "a wait that is asked for twice is registered once, also when it is over",
    ],
  },
  {
    reason: "deliveries are counted, and here one invocation does several steps",
    modes: GOING_ON,
    tests: [
      "flow control of one delivery at a time holds for every kind of step without a deadlock, and a step that waits holds no place",
      "a record that is submitted twice is recorded once, the first one wins, and nothing more is delivered",
      "a workflow can notify another one, and sees whom it has woken",
      "a run that has finished shows its steps in groups, each with its result",
      "a trigger over REST answers with a new run id and its creation, and needs no extra delivery",
      "for a caller who does not know the SDK one delivery more finds it out, and the run keeps its id and settings",
      "run id, label, headers and retries of a trigger over REST hold for the whole run",
      "S34: a resume goes on from exactly the failed step; finished steps are not executed again",
      ...["EU-CENTRAL-1", "US-EAST-1"].map(
        (region) =>
          `a server in ${region} says so with every delivery, so that the app answers it and not its default region`,
      ),
      "a child gets the headers that the invoke gives it, and none of its parent's",
      "a call without a token wakes the run, with its method, URL, headers and body",
      "S35: an answer that comes after the resume is told to the new run",
      "S7: the number of retries of the trigger holds for every later step",
      "S11: a run that cancels itself gets no dead letter and no failure call",
      "S16: the failure function is called once, after all retries",
      "S35: a child that goes on over failure and resume tells the new run, and runs once",
      "S35: a notification after the resume reaches the new run, which was not asked to wait again",
      "S44: deliveries of a resumed run carry its id, its creation and the headers of the user",
      "S46: two hundred finished steps are kept and none of them is executed again",
    ],
  },
  {
    reason:
      "the app does its work twice for one delivery and throws its first answer away, which holds the last submission of the message that it goes on with",
    modes: GOING_ON,
    tests: ["an invoke that is asked for twice starts one child"],
  },
  {
    reason: "the app is down, which fails deliveries; those of a connected app wait for it",
    modes: ["connected"],
    tests: [
      "S37: a failure call that never arrived is delivered by hand",
      "S22: an app that comes back gets the failure call that it missed",
      "S22: while the app is down the failure call waits longer and longer, as every delivery does",
    ],
  },
  {
    reason:
      "requests are made to the app, checked by its signatures, or looked up by its host: a connected app has a URL of its own kind, and no signatures",
    modes: ["connected"],
    tests: [
      "S20: a failure call that somebody forges does not reach the failure function",
      "S20: the signature of a real failure call does not open the door for another body",
      "a child whose URL is no workflow fails with the text that says so",
      "a child that is not there fails after its own retries",
      "a server without a region cannot be heard by an app whose default region is another",
      "the client of the SDK reads the list",
      "a trigger delivers the payload as the first item of the list, with the headers of a step",
      "a forwarded header cannot take the place of one that the server owns",
      "a request straight to the endpoint starts a run by itself",
      "runs of all of them are found by the host, and each by its path",
      "a signature has the claims that every receiver checks, and is good now and not for ever",
      "a changed body, another URL and other keys are refused by the official receiver",
      "a rotation makes the next key the current one; receivers with the old pair accept it and one more does not",
      "S2: an app that refuses connections fails the attempt with the cause and no status",
      ...["resume", "restart"].flatMap((verb) =>
        ["one", "listed", "matching"].map(
          (form) => `S50-S56: without overrides every setting of the run is kept: ${verb} ${form}`,
        ),
      ),
      "an exact URL cancels only its own runs, a prefix also those below it",
      "labels, flow control keys, caller, host and path select; several values are alternatives, several filters must all hold",
    ],
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

/** Reports join describes and tests with ` > `, which the table leaves out. */
function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll(" ", "(?: > | )");
}
