import { edit, type Mutant } from "./mutants.ts";

/** Bugs in steps that others complete: waits, calls, invoked runs, and the events that end them. */
export const waitMutants: readonly Mutant[] = [
  {
    name: "wait-ends-a-second-early",
    checker: "one outcome",
    edits: [
      edit(
        "engine/claims.js",
        'transaction.claimDue("waits", now, room.claimMax, nodeKey)',
        'transaction.claimDue("waits", now + 1000, room.claimMax, nodeKey)',
      ),
      edit(
        "core/answer-wait.js",
        "if (wait.dueAt > context.now) {",
        "if (wait.dueAt > context.now + 1000) {",
      ),
    ],
  },
  {
    name: "resume-extends-wait",
    checker: "one outcome",
    edits: [
      edit(
        "core/take-over.js",
        "return { ...wait, key: context.newKey(),",
        "return { ...wait, dueAt: wait.dueAt === null ? null : wait.dueAt + 5000, key: context.newKey(),",
      ),
    ],
  },
  {
    name: "wait-open-after-its-event",
    checker: "one outcome",
    edits: [
      edit(
        "core/answer-wait.js",
        '...settleWait(wait, "done", context)],',
        '...(result.body.includes(111) && wait.kind === "event" ? [] : settleWait(wait, "done", context))],',
      ),
    ],
  },
  {
    name: "timeout-with-data",
    checker: "one outcome",
    edits: [edit("core/wait.js", "waitTimeout: true }", 'waitTimeout: true, out: "" }')],
  },
  {
    name: "deadline-never-woken",
    checker: "one outcome",
    edits: [
      edit(
        "core/register-wait.js",
        'effects: [{ type: "wake", dueAt }], answer };',
        "effects: [], answer };",
      ),
    ],
  },
  {
    name: "wait-taken-over-without-deadline",
    checker: "no stuck run",
    edits: [
      edit(
        "core/take-over.js",
        "return { ...wait, key: context.newKey(),",
        "return { ...wait, dueAt: null, key: context.newKey(),",
      ),
    ],
  },
  {
    name: "answer-not-told-after-resume",
    checker: "no stuck run",
    edits: [
      edit(
        "core/take-over.js",
        "messages.push(callResultMessage(copy, to, context, dueAt));",
        "void dueAt;",
      ),
    ],
  },
  {
    name: "call-left-with-the-failed-run",
    checker: "no stuck run",
    edits: [
      edit(
        "core/take-over.js",
        "{ ...message, runKey: to.run.key, waitKey }",
        "{ ...message, runKey: to.run.key }",
      ),
    ],
  },
  {
    name: "call-registered-twice",
    checker: "calls",
    edits: [
      edit(
        "core/register-wait.js",
        `export function decideRegisterCall(state, command, context) {
    const run = liveRun(state, command);
    const known = knownAnswer(state);
    if (known !== null)`,
        `export function decideRegisterCall(state, command, context) {
    const run = liveRun(state, command);
    const known = knownAnswer(state);
    if (known !== null && state.recorded === null && state.wait?.state === "open") {
      const again = new GateBook(null, state.flows ?? []);
      const request = callMessage({ ...state.wait, requestKey: context.newKey() }, command, { run, config: state.config, book: again }, context);
      const changes = [insert("messages", { ...request, waitKey: state.wait.key })];
      return withGates({ changes, effects: announce(request), answer: known }, again);
    }
    if (known !== null)`,
      ),
    ],
  },
  {
    name: "answer-dropped-when-run-failed",
    checker: "no stuck run",
    edits: [
      edit("core/call.js", "if (!isOpen(run, deadLetter)) {", 'if (run.state !== "started") {'),
    ],
  },
  {
    name: "call-again-after-success",
    checker: "calls",
    edits: [
      edit(
        "core/call.js",
        `if (isSuccess(outcome))
        return`,
        `if (isSuccess(outcome) && message.retried >= message.retries)
        return`,
      ),
    ],
  },
  {
    name: "call-told-twice",
    checker: "calls",
    edits: [
      edit(
        "core/call.js",
        'return { changes: [insert("messages", message)], effects: announce(message) };',
        `const twin = callResultMessage(wait, { run, config, book }, context);
         return { changes: [insert("messages", message), insert("messages", twin)], effects: [...announce(message), ...announce(twin)] };`,
      ),
    ],
  },
  {
    name: "call-fails-its-run",
    checker: "calls",
    edits: [
      edit(
        "core/end-delivery.js",
        'if (message.kind === "call") {',
        'if (message.kind === "call" && isSuccess(command.outcome)) {',
      ),
      edit(
        "core/end-delivery.js",
        'if (message.kind === "call" || message.kind === "failureCall")',
        'if (message.kind === "failureCall")',
      ),
    ],
  },
  {
    name: "first-failure-is-the-answer",
    checker: "calls",
    edits: [
      edit(
        "core/call.js",
        `if (verdict.type === "retry")
        return retry(message, command, verdict);`,
        "",
      ),
    ],
  },
  {
    name: "kept-event-not-deleted",
    checker: "kept events",
    edits: [edit("core/register-wait.js", 'remove("events", event.key), ', "")],
  },
  {
    name: "newest-event-first",
    checker: "kept events",
    edits: [
      edit(
        "engine/wait-commands.js",
        "const inOrder = kept.toSorted((a, b) => a.key - b.key);",
        "const inOrder = kept.toSorted((a, b) => b.key - a.key);",
      ),
    ],
  },
  {
    name: "event-promised-and-not-kept",
    checker: "kept events",
    edits: [edit("core/notify.js", 'changes: [insert("events", event)]', "changes: []")],
  },
  {
    name: "resumed-run-not-found-by-its-old-id",
    checker: "kept events",
    edits: [
      edit(
        "engine/recipients.js",
        "for (let next = run; next !== null; next = successorOf(next, work))",
        "for (let next = run; next !== null; next = null)",
      ),
    ],
  },
  {
    name: "waits-that-are-over-take-events",
    checker: "kept events",
    edits: [
      edit(
        "engine/row-groups.js",
        'state === "open" && eventId !== null ? [eventId, runKey] : null',
        "eventId !== null ? [eventId, runKey] : null",
      ),
      edit(
        "engine/wait-commands.js",
        "isFor(kind, command.source) && work.stepInSlot(run.key, resultSlot(stepId)) === null",
        "isFor(kind, command.source) && stepId > 0",
      ),
      edit(
        "store/sqlite-statements.js",
        `"waits.openByEventOfRun": "state = 'open'",`,
        `"waits.openByEventOfRun": "eventId IS NOT NULL",`,
      ),
    ],
  },
  {
    name: "webhook-wakes-any-wait",
    checker: "kept events",
    edits: [
      edit(
        "core/register-wait.js",
        'return source === "notify" || kind === "webhook";',
        'return source === "webhook" || kind === "event";',
      ),
    ],
  },
  {
    name: "kept-events-stay-behind",
    checker: "nothing left open",
    edits: [
      edit(
        "core/take-over.js",
        "for (const event of leftovers.events) {",
        "for (const event of []) {",
      ),
    ],
  },
  {
    name: "only-the-first-waiter-woken",
    checker: "notified waiters",
    edits: [
      edit(
        "core/notify.js",
        "for (const recipient of recipients) {",
        "for (const recipient of recipients.slice(0, 1)) {",
      ),
    ],
  },
  {
    name: "woken-waiter-not-named",
    checker: "notified waiters",
    edits: [
      edit(
        "core/notify.js",
        "if (answered.woken !== null)",
        "if (answered.woken !== null && woken.length === 0)",
      ),
    ],
  },
  {
    name: "waiter-gets-other-data",
    checker: "kept events",
    edits: [
      edit(
        "core/wait.js",
        "waitEventId: wait.eventId, out: context.toBase64(data) }",
        `waitEventId: wait.eventId, out: context.toBase64(encoder.encode('{"notice":1}')) }`,
      ),
    ],
  },
];
