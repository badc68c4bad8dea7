import { edit, type Mutant } from "./mutants.ts";

/** Bugs in what becomes of waits and children when runs end, are resumed, or get stuck. */
export const endMutants: readonly Mutant[] = [
  {
    name: "child-started-twice",
    checker: "child runs",
    edits: [
      edit(
        "core/register-wait.js",
        `export function decideInvokeRun(state, command, context) {
    const run = liveRun(state, command);
    const known = knownAnswer(state);
    if (known !== null)`,
        `export function decideInvokeRun(state, command, context) {
    const run = liveRun(state, command);
    const known = knownAnswer(state);
    if (known !== null && state.liveChild === null) {
      const again = new GateBook(null, state.flows ?? []);
      const twin = startRun(command.start, again, context);
      return withGates({ changes: twin.changes, effects: twin.effects, answer: known }, again);
    }
    if (known !== null)`,
      ),
    ],
  },
  {
    name: "child-cancelled-in-silence",
    checker: "child runs",
    edits: [
      edit(
        "core/run.js",
        "const told = answerInvoker(invoker, ended, book, context);",
        'const told = answerInvoker(ended.state === "canceled" ? null : invoker, ended, book, context);',
      ),
    ],
  },
  {
    name: "child-failed-in-silence",
    checker: "child runs",
    edits: [
      edit(
        "core/fail-run.js",
        "answerInvoker(state.invoker, failed, book, context)",
        "answerInvoker(null, failed, book, context)",
      ),
    ],
  },
  {
    name: "failed-child-reported-as-success",
    checker: "child runs",
    edits: [edit("core/wait.js", 'isFailed: state === "failed",', "isFailed: false,")],
  },
  {
    name: "waits-outlive-their-run",
    checker: "nothing left open",
    edits: [edit("core/run.js", "...dropWaits(leftovers, context),", "")],
  },
  {
    name: "deleted-run-still-waits",
    checker: "nothing left open",
    edits: [edit("core/dead-letter.js", "...dropLeftovers(leftovers, book, context),", "")],
  },
  {
    name: "restarted-run-leaves-waits",
    checker: "nothing left open",
    edits: [
      edit(
        "core/revive-run.js",
        '...(command.mode === "restart" ? dropLeftovers(',
        "...(false ? dropLeftovers(",
      ),
    ],
  },
  {
    name: "resume-takes-nothing-over",
    checker: "resume and restart",
    edits: [
      edit(
        "core/revive-run.js",
        'command.mode === "resume" ? takeOver(state, to, command, context) : noneTaken',
        "noneTaken",
      ),
    ],
  },
  {
    name: "resume-delivers-plans-of-waits",
    checker: "never asked again",
    edits: [
      edit(
        "core/revive-run.js",
        "openSteps(steps).filter((step) => !stepIds.has(nextStepIdOf(step)))",
        "openSteps(steps)",
      ),
    ],
  },
  {
    name: "registered-step-asked-again",
    checker: "never asked again",
    edits: [
      edit(
        "engine/decide.js",
        'return isRecorded || work.group("waitOfStep", run.key, nextStepIdOf(step)).length > 0;',
        "return isRecorded;",
      ),
    ],
  },
  {
    name: "call-begins-for-a-cancelled-run",
    checker: "ended runs stay ended",
    edits: [
      edit(
        "core/start-delivery.js",
        `if (kind === "call")
        return wait?.state === "open";`,
        `if (kind === "call")
        return true;`,
      ),
      edit(
        "core/run.js",
        '.filter((message) => message.kind !== "failureCall")',
        '.filter((message) => message.kind !== "failureCall" && message.kind !== "call")',
      ),
    ],
  },
  {
    name: "late-wait-refused",
    checker: "status contract",
    edits: [
      edit(
        "core/register-wait.js",
        "const run = openRun(state, command.runId);",
        "const run = liveRun(state, command);",
      ),
    ],
  },
  {
    name: "waiting-run-reported-as-stuck",
    checker: "stuck runs",
    edits: [
      edit(
        "engine/stuck-runs.js",
        '{ type: "lacks", column: "key", table: "waits", by: "runKey", states: ["open"] },',
        "",
      ),
    ],
  },
  {
    name: "stuck-run-never-reported",
    checker: "stuck runs",
    edits: [
      edit("engine/watchdog.js", "if (nudges === null) {", "if (nudges === null && run.key < 0) {"),
    ],
  },
  {
    name: "nudge-for-every-run",
    checker: "stuck runs",
    edits: [
      edit(
        "core/nudge-run.js",
        "openMessages.length === 0 && waits.every(",
        "openMessages.length === 0 || waits.every(",
      ),
    ],
  },
  {
    name: "nudge-asks-for-answered-calls",
    checker: "never asked again",
    edits: [edit("core/nudge-run.js", "!told.has(nextStepIdOf(step))", "true")],
  },
  {
    name: "page-taken-for-the-app",
    from: 401,
    checker: "no stuck run",
    edits: [
      edit(
        "core/end-delivery.js",
        `if (message.kind === "callResult")
        return !isFromSdk(outcome);`,
        `if (message.kind === "callResult")
        return false;`,
      ),
    ],
  },
  {
    name: "retention-of-any-age",
    from: 101,
    checker: "retention takes what is over",
    edits: [
      edit(
        "engine/retention-run-rows.js",
        "completedAt !== null && completedAt <= endedBefore",
        "completedAt !== null",
      ),
    ],
  },
  {
    name: "retention-takes-open-dead-letters",
    checker: "retention takes what is over",
    edits: [
      edit(
        "engine/retention-run-rows.js",
        'state !== "open" && closedAt !== null && closedAt <= closedBefore',
        "true",
      ),
      edit(
        "engine/retention-run-rows.js",
        "const busy = new Set([...open, ...messages]",
        "const busy = new Set([...open]",
      ),
    ],
  },
  {
    name: "retention-breaks-chains-of-resumes",
    checker: "retention takes what is over",
    edits: [edit("engine/retention-runs.js", "|| successors.has(row.nextRunKey ?? -1)", "")],
  },
];
