import { edit, type Mutant, sdkEdit } from "./mutants.ts";

/** Bugs in what the server and the SDK of this project say to each other beyond the public wire. */
export const fastMutants: readonly Mutant[] = [
  {
    name: "hold-not-fenced",
    checker: "held messages",
    sdk: "continued",
    from: 185,
    edits: [
      edit(
        "api/submit-lines.js",
        "exchange === null || exchange.message.leaseToken !== leaseToken",
        "exchange === null",
      ),
      edit(
        "core/submit-step.js",
        "isCurrentAttempt(held, hold.leaseToken) ? held : null;",
        "true ? held : null;",
      ),
    ],
  },
  {
    name: "hold-acknowledged-before-commit",
    checker: "nothing accepted is lost",
    sdk: "continued",
    edits: [
      edit(
        "api/submit-lines.js",
        "const answers = await room.engine.execute(isHolding ? withHold(commands, hold) : commands);",
        `const executing = room.engine.execute(isHolding ? withHold(commands, hold) : commands);
        executing.catch(() => {});
        if (isHolding && commands.length === 1) return { type: "held", messageKey, leaseToken, retries: 3 };
        const answers = await executing;`,
      ),
    ],
  },
  {
    name: "incomplete-group-silent",
    checker: "no stuck run",
    sdk: "answered",
    edits: [
      edit(
        "api/read-lines.js",
        "return done.has(stepId) ? resultSlot(stepId) : null;",
        "return resultSlot(stepId);",
      ),
    ],
  },
  {
    name: "silent-record-not-announced",
    checker: "no stuck run",
    sdk: "answered",
    edits: [
      edit(
        "core/submit-step.js",
        "command.awaits !== undefined && (state.awaited ?? null) === null",
        "command.facts.concurrent > 1 && !command.facts.isPlan",
      ),
    ],
  },
  {
    name: "part-off-by-one",
    checker: "exact prefix",
    sdk: "warm",
    edits: [
      edit(
        "engine/warm-processes.js",
        "kept.known <= position ? { from: kept.known,",
        "kept.known <= position ? { from: kept.known + (position > 3 ? 1 : 0),",
      ),
      edit(
        "engine/history.js",
        "const start = entry.ends[range.from - 1];",
        "const start = entry.ends[Math.max(0, range.from - 2)];",
      ),
    ],
  },
  {
    name: "kept-function-knows-more",
    checker: "no stuck run",
    sdk: "warm",
    edits: [sdkEdit("workflow/endpoint.js", "history.count > from + records.length", "false")],
  },
  {
    name: "kept-function-behind-the-part",
    checker: "no stuck run",
    sdk: "warm",
    edits: [
      sdkEdit("workflow/endpoint.js", "if (history.count < from)", "if (false)"),
      sdkEdit("workflow/endpoint.js", "if (offer.warm !== this.#warmRuns.process)", "if (false)"),
    ],
  },
  {
    name: "missing-history-counts-as-attempt",
    checker: "attempt accounting",
    sdk: "warm",
    edits: [
      edit(
        "engine/dispatcher.js",
        "if (exchange.before !== null || !needsWhole(outcome))",
        "if (true)",
      ),
    ],
  },
  {
    name: "answer-without-its-end",
    checker: "whole answers",
    sdk: "answered",
    edits: [
      edit(
        "engine/answer.js",
        "return { commands: [...commands, { ...command, outcome: silent }], refused };",
        "return { commands, refused };",
      ),
    ],
  },
  {
    name: "answer-forgotten",
    checker: "whole answers",
    sdk: "answered",
    edits: [
      edit(
        "engine/answer.js",
        "return { commands: [...commands, { ...command, outcome: silent }], refused };",
        "return { commands: [{ ...command, outcome: silent }], refused };",
      ),
    ],
  },
  {
    name: "refusal-taken-for-success",
    checker: "no stuck run",
    sdk: "answered",
    edits: [edit("engine/answer.js", 'if (error.code === "run_ended")', "if (true)")],
  },
  {
    name: "sleep-in-an-answer-forgotten",
    checker: "never early",
    sdk: "answered",
    edits: [
      edit(
        "api/read-lines.js",
        "return now + checkedDelay(delayMs, settings.delayMsMax);",
        "return now;",
      ),
    ],
  },
  {
    name: "disconnect-not-retried",
    checker: "no stuck run",
    sdk: "connected",
    edits: [
      edit(
        "api/connected/connection.js",
        "this.#finish(delivery, { ...lost, message });",
        "void message;",
      ),
    ],
  },
  {
    name: "line-of-an-app-never-reopened",
    checker: "no stuck run",
    sdk: "connected",
    edits: [
      edit(
        "api/connected/registry.js",
        "this.#onChange(name, app.isOpen && !wasOpen);",
        "if (this.#connections.size > 1) this.#onChange(name, app.isOpen && !wasOpen);",
      ),
    ],
  },
  {
    name: "goes-on-before-the-acknowledgement",
    checker: "durable before next",
    sdk: "connected",
    edits: [
      sdkEdit(
        "workflow/carrier.js",
        "return this.#socket.submit(lines);",
        `{
          void this.#socket.submit(lines);
          return { type: "held", retries: null };
        }`,
      ),
    ],
  },
  {
    name: "whole-list-is-the-part-again",
    checker: "exact prefix",
    sdk: "warm",
    edits: [edit("engine/dispatcher.js", "body: list.bytes,", "")],
  },
  {
    name: "finish-without-its-response",
    checker: "right result",
    sdk: "answered",
    edits: [edit("api/read-lines.js", "return encoder.encode(response);", "return null;")],
  },
  {
    name: "failed-branch-recorded",
    checker: "right result",
    sdk: "answered",
    edits: [
      sdkEdit(
        "workflow/visit.js",
        'return end.type === "done" ? resultRecord({ ...member, concurrent }, end.out) : null;',
        "return resultRecord({ ...member, concurrent }, end.out);",
      ),
    ],
  },
];
