import { edit, type Mutant } from "../mutants.ts";

/** A bug that is one change of one text. */
function bug(
  name: string,
  checker: string,
  change: readonly [module: string, find: string, replace: string],
): Mutant {
  return { name, checker, edits: [edit(...change)] };
}

const LOST = "nothing accepted is lost";
const ATTEMPTS = "attempts are counted exactly";
const EARLY = "never early";
const PLACES = "queues never overlap";
const ORDER = "queues never reorder";
const PARALLELISM = "never above parallelism";
const RATE = "never above the rate";
const PAUSE = "pause binds";
const CANCEL = "cancel binds";
const DEDUP = "deduplication is exact";
const TICKS = "one message for each tick";
const COUNTS = "counts are true";
const STALL = "nobody waits at an open gate";
const REPORTS = "callbacks tell of every end";
const DEAD = "dead letters are handled once";
const SHOWN = "queues and keys show the truth";
const FAN_OUT = "groups fan out";
const LOG = "the log tells the whole story";

/** Bugs in the decisions about messages without a run, and the checker that must notice each. */
export const mutants: readonly Mutant[] = [
  bug("answer-before-commit", LOST, [
    "engine/group.js",
    "endedAttempts.push(...endingsOf(request));\n        return () => {",
    "endedAttempts.push(...endingsOf(request));\n        request.resolve(answers);\n        return () => {",
  ]),
  bug("place-free-before-callbacks", PLACES, [
    "core/end-message.js",
    "if (reports === 0) {",
    "if (reports < 9) {",
  ]),
  bug("place-free-while-backing-off", PLACES, [
    "core/gates.js",
    "return !isNext || queue.openCount >= queue.parallelism;",
    "return !isNext || queue.openCount > queue.parallelism;",
  ]),
  bug("last-in-first-out", ORDER, [
    "core/gates.js",
    "waitOrder: order ?? context.newKey()",
    "waitOrder: order ?? -context.newKey()",
  ]),
  bug("pause-forgets-retries", PAUSE, [
    "core/gates.js",
    "if (queue.isPaused === 1)\n        return true;",
    "if (queue.isPaused === 1 && message.ticketKey === null)\n        return true;",
  ]),
  bug("pause-without-recall", PAUSE, [
    "core/queue.js",
    "effects: [...recalls, ...openings(",
    "effects: [...openings(",
  ]),
  bug("pause-of-a-key-without-recall", PAUSE, [
    "core/change-flow-control.js",
    `const effects = [{ type: "recallBehind", flowControlKey: key }];`,
    "const effects = [];",
  ]),
  bug("pause-of-a-key-ignored", PAUSE, [
    "core/flow-control.js",
    "return (flow.isPaused === 0 &&",
    "return (",
  ]),
  bug("parallelism-off-by-one", PARALLELISM, [
    "core/flow-control.js",
    "flow.inFlightCount < flow.parallelism",
    "flow.inFlightCount <= flow.parallelism",
  ]),
  bug("pin-overwritten-by-messages", PARALLELISM, [
    "core/flow-control.js",
    "flow.isPinnedParallelism === 1 || ",
    "",
  ]),
  bug("rate-off-by-one", RATE, [
    "core/flow-control.js",
    "flow.rate === null || flow.rateCount < flow.rate",
    "flow.rate === null || flow.rateCount <= flow.rate",
  ]),
  bug("retries-not-counted-by-rate", RATE, [
    "core/gates.js",
    "rateCount: flow.rateCount + 1",
    "rateCount: flow.rateCount + (message.retried === 0 ? 1 : 0)",
  ]),
  bug("canceled-attempt-keeps-its-place", COUNTS, [
    "core/gates.js",
    `return message.state === "active" || message.state === "canceling";`,
    `return message.state === "active";`,
  ]),
  bug("retry-leaves-its-queue", COUNTS, [
    "core/message.js",
    `state: "scheduled", nodeKey: null, retried: message.retried + 1`,
    `state: "scheduled", nodeKey: null, ticketKey: null, retried: message.retried + 1`,
  ]),
  bug("free-place-calls-nobody", STALL, [
    "core/gates.js",
    `effects.push({ type: "open", gate: flowGate(flow.name) });`,
    `;`,
  ]),
  bug("end-of-pause-forgets-holders", STALL, [
    "core/gates.js",
    "queue.openCount < queue.parallelism || before?.isPaused === 1",
    "queue.openCount < queue.parallelism",
  ]),
  bug("new-period-wakes-nobody", LOST, [
    "core/flow-control.js",
    "flow.waitingCount > 0 && flow.isPaused === 0 && isRateSpent",
    "flow.waitingCount > 9 && flow.isPaused === 0 && isRateSpent",
  ]),
  bug("crash-uses-up-a-retry", ATTEMPTS, [
    "core/gates.js",
    `state: "scheduled", nodeKey: null, waitOrder: message.key`,
    `state: "scheduled", nodeKey: null, retried: message.retried + 1, waitOrder: message.key`,
  ]),
  bug("success-tried-again", ATTEMPTS, [
    "core/end-message.js",
    "if (isSuccess(command.outcome)) {",
    "if (isSuccess(command.outcome) && message.retried !== 1) {",
  ]),
  bug("final-answer-ignored", ATTEMPTS, [
    "core/retry-schedule.js",
    "if (isNonRetryable(outcome)) {",
    "if (isNonRetryable(outcome) && retried > 0) {",
  ]),
  bug("delay-ignored", EARLY, [
    "core/publish.js",
    "dueAt: Math.max(envelope.notBefore, context.now),",
    "dueAt: context.now,",
  ]),
  bug("retry-too-early", EARLY, [
    "core/message.js",
    "retried: message.retried + 1, dueAt }",
    "retried: message.retried + 1, dueAt: dueAt - 400 }",
  ]),
  bug("cancel-forgets-retries", CANCEL, [
    "core/end-message.js",
    `if (message.state === "canceling") {\n        const move`,
    `if (message.state === "canceling" && message.retried >= message.retries) {\n        const move`,
  ]),
  bug("cancel-without-recall", CANCEL, [
    "core/end-message.js",
    `effects: [{ type: "recall", messageKey: message.key }],`,
    "effects: [],",
  ]),
  bug("deduplication-window-too-short", DEDUP, [
    "core/publish.js",
    "dedup.expiresAt > context.now",
    "dedup.expiresAt > context.now + 599_000",
  ]),
  bug("deduplication-for-ever", DEDUP, [
    "core/publish.js",
    "dedup !== undefined && dedup.expiresAt > context.now",
    "dedup !== undefined",
  ]),
  bug("every-missed-tick-made-up-for", TICKS, [
    "core/tick-schedule.js",
    "findNext(schedule, context.now)",
    "findNext(schedule, schedule.dueAt)",
  ]),
  bug("missed-tick-forgotten", TICKS, [
    "core/tick-schedule.js",
    "const made = makeMessages(",
    "const made = context.now > schedule.dueAt + 60_000 ? { messages: [], changes: [], effects: [], error: null } : makeMessages(",
  ]),
  bug("retry-reports-nothing", REPORTS, [
    "core/end-message.js",
    "createCallbacks({ ...ending, acceptance, dlqId: null }, context);",
    ";",
  ]),
  bug("failure-callback-forgotten", REPORTS, [
    "core/callback.js",
    "const isFailed = dlqId !== null && failureCallback !== undefined;",
    "const isFailed = dlqId !== null && failureCallback !== undefined && callback !== undefined;",
  ]),
  bug("dead-letter-retried-for-ever", DEAD, [
    "core/dead-message.js",
    `state: "retried",`,
    `state: "open",`,
  ]),
  bug("dead-letter-closed-without-message", DEAD, [
    "core/dead-message.js",
    "...accepted.changes,",
    "...[],",
  ]),
  bug("callbacks-count-for-the-lag", SHOWN, [
    "api/views/queue.js",
    `values: ["plain"]`,
    `values: ["plain", "callback"]`,
  ]),
  bug("third-endpoint-forgotten", FAN_OUT, [
    "core/publish.js",
    "return JSON.parse(group.endpoints);",
    "return JSON.parse(group.endpoints).slice(0, 2);",
  ]),
  bug("retry-without-log", LOG, [
    "core/start-message.js",
    `...(isActive ? [logMoment(entry.message, "active", context)] : []),`,
    "",
  ]),
];
