import type { SdkOption } from "./sdk-plan.ts";

/** A bug that a checker must catch, all alone. */
export interface Mutant {
  readonly name: string;
  /** Name of the checker that is made for it. */
  readonly checker: string;
  readonly edits: readonly Edit[];
  /** SDK of the worlds in which it is looked for; the official one when not given. */
  readonly sdk?: SdkOption;
  /** Servers in the worlds in which it is looked for; one when not given. */
  readonly nodes?: number;
  /** The first seed that is played; some bugs show in few worlds. */
  readonly from?: number;
}

/** Replaces a text that is exactly once in a compiled module. */
export interface Edit {
  /** Path of the module within its package's `dist`. */
  readonly module: string;
  /** The server when not given. */
  readonly package?: "@reprise/server" | "@reprise/sdk";
  readonly find: string;
  readonly replace: string;
}

export function edit(module: string, find: string, replace: string): Edit {
  return { module, find, replace };
}

/** The same in the SDK of this project. */
export function sdkEdit(module: string, find: string, replace: string): Edit {
  return { package: "@reprise/sdk", module, find, replace };
}

export const mutants: readonly Mutant[] = [
  {
    name: "acknowledge-before-commit",
    checker: "nothing accepted is lost",
    edits: [
      {
        module: "engine/group.js",
        find: "endedAttempts.push(...endingsOf(request));\n        return () => {",
        replace:
          "endedAttempts.push(...endingsOf(request));\n        request.resolve(answers);\n        return () => {",
      },
    ],
  },
  {
    name: "latest-history",
    checker: "exact prefix",
    edits: [
      {
        module: "engine/history.js",
        find: "const end = entry.ends[position] ?? entry.length;",
        replace: "const end = entry.length;",
      },
    ],
  },
  {
    name: "results-see-latest-history",
    checker: "join exactly once",
    edits: [
      {
        // The base64 of `{"stepId":0` marks a plan.
        module: "engine/history.js",
        find: "const end = entry.ends[position] ?? entry.length;",
        replace: `const own = entry.bytes.toString("latin1", entry.ends[position - 1] ?? 0, entry.ends[position]);
          const end = own.includes("eyJzdGVwSWQiOjAs") ? entry.ends[position] : entry.length;`,
      },
    ],
  },
  {
    name: "history-cut-short",
    checker: "exact prefix",
    edits: [
      {
        module: "engine/history.js",
        find: "const end = entry.ends[position] ?? entry.length;",
        replace: "const end = entry.ends[Math.min(position, 3)] ?? entry.length;",
      },
    ],
  },
  {
    name: "result-upsert",
    checker: "one recorded result",
    edits: [
      {
        module: "core/submit-step.js",
        find: "return unchanged(repeatedAnswer(recorded, command));",
        replace: `return { changes: [{ type: "update", table: "steps", key: recorded.key, set: { body: command.body } }],
          effects: [], answer: { messageKey: recorded.key, deduplicated: true } };`,
      },
    ],
  },
  {
    name: "positions-without-serialisation",
    checker: "one recorded result",
    edits: [
      {
        module: "core/append-step.js",
        find: "stepCount: run.stepCount + 1,",
        replace: "stepCount: Math.min(run.stepCount + 1, 4),",
      },
    ],
  },
  {
    name: "finished-step-asked-again",
    checker: "never asked again",
    edits: [
      {
        module: "core/start-delivery.js",
        find: "if (hasContinuation || !isWanted(",
        replace: "if (!isWanted(",
      },
    ],
  },
  {
    name: "resume-from-the-start",
    checker: "never asked again",
    edits: [
      {
        module: "core/step.js",
        find: "return openPlans.length > 0 ? openPlans : steps.slice(-1);",
        replace: "return steps.slice(0, 1);",
      },
    ],
  },
  {
    name: "failure-taken-for-success",
    checker: "no stuck run",
    edits: [
      {
        module: "core/end-delivery.js",
        find: "if (state.hasContinuation || isHopDone) {",
        replace:
          "if (state.hasContinuation || isHopDone || command.message === null || message.retried === 1) {",
      },
    ],
  },
  {
    name: "retry-never-woken",
    checker: "never late",
    edits: [
      {
        module: "core/end-delivery.js",
        find: 'effects: [{ type: "wake", dueAt: verdict.dueAt }],',
        replace: "effects: [],",
      },
    ],
  },
  {
    name: "orphans-forgotten",
    checker: "no stuck run",
    edits: [
      { module: "engine/claims.js", find: "if (group.isRecovering) {", replace: "if (false) {" },
    ],
  },
  {
    name: "plans-one-by-one",
    checker: "all or none",
    edits: [
      {
        module: "engine/engine.js",
        find: "const answers = await this.#inbox.add(own, () => this.#pump.start());",
        replace: `const answers = (await Promise.all(own.map((command) =>
          this.#inbox.add([command], () => this.#pump.start())))).flat();`,
      },
    ],
  },
  {
    name: "response-forgotten",
    checker: "right result",
    edits: [
      { module: "core/run.js", find: "response: command.response,", replace: "response: null," },
    ],
  },
  {
    name: "dead-letter-dropped",
    checker: "dead letter",
    edits: [
      {
        module: "engine/group.js",
        find: "await transaction.write(changes);",
        replace: `await transaction.write(changes.filter((change) =>
          change.table !== "deadLetters" || change.type !== "insert"));`,
      },
    ],
  },
  {
    name: "failure-call-dropped",
    checker: "failure call",
    edits: [
      {
        module: "core/fail-run.js",
        find: '...(call === null ? [] : [insert("messages", call)]),',
        replace: "",
      },
    ],
  },
  {
    name: "resume-not-transactional",
    checker: "dead letter",
    edits: [
      {
        module: "core/revive-run.js",
        find: "...closeDeadLetter(deadLetter, failedMessage, end, context),",
        replace: "",
      },
    ],
  },
  {
    name: "callback-state-forgotten",
    checker: "failure call",
    edits: [
      {
        module: "core/failure-call.js",
        find: "callbackState: callbackState(command, verdict),",
        replace: "",
      },
    ],
  },
  {
    name: "resume-forgets-results",
    checker: "resume and restart",
    edits: [
      {
        module: "core/revive-run.js",
        find: 'command.mode === "resume" ? state.steps : state.steps.slice(0, 1)',
        replace: "state.steps.slice(0, 1)",
      },
    ],
  },
  {
    name: "restart-keeps-results",
    checker: "resume and restart",
    edits: [
      {
        module: "core/revive-run.js",
        find: 'command.mode === "resume" ? state.steps : state.steps.slice(0, 1)',
        replace: "state.steps",
      },
    ],
  },
  {
    name: "crash-counts-as-retry",
    checker: "attempt accounting",
    edits: [
      {
        module: "core/start-delivery.js",
        find: "const active = startAttempt(message, { ...context, attemptTimeoutMs: timeoutMs });",
        replace: `const counted = command.isOrphan ? { ...message, retried: message.retried + 1 } : message;
          const active = startAttempt(counted, { ...context, attemptTimeoutMs: timeoutMs });`,
      },
    ],
  },
  {
    name: "one-retry-too-many",
    checker: "attempt accounting",
    edits: [
      {
        module: "core/retry-schedule.js",
        find: "if (retried >= retries) {",
        replace: "if (retried > retries) {",
      },
    ],
  },
  {
    name: "sleep-forgotten",
    checker: "never early",
    edits: [
      {
        module: "core/append-step.js",
        find: "dueAt: Math.max(record.dueAt, context.now),",
        replace: "dueAt: context.now,",
      },
    ],
  },
  {
    name: "timer-a-second-early",
    checker: "never early",
    edits: [
      {
        module: "engine/claims.js",
        find: 'transaction.claimDue("messages", now, room.claimMax, nodeKey)',
        replace: 'transaction.claimDue("messages", now + 1000, room.claimMax, nodeKey)',
      },
      {
        module: "core/start-delivery.js",
        find: "message.dueAt > context.now) {",
        replace: "message.dueAt > context.now + 1000) {",
      },
    ],
  },
  {
    name: "resume-shortens-sleep",
    checker: "never early",
    edits: [
      {
        module: "core/revive-run.js",
        find: "const dueAt = Math.max(step.dueAt, context.now + (overrides.delayMs ?? 0));",
        replace: "const dueAt = context.now;",
      },
    ],
  },
  {
    name: "cancel-revived-by-failure",
    checker: "ended runs stay ended",
    edits: [
      {
        module: "core/end-delivery.js",
        find: 'if (run === null || config === null || run.state !== "started") {',
        replace: "if (run === null || config === null) {",
      },
      {
        module: "core/end-delivery.js",
        find: "const verdict = judge(delivery, context);",
        replace:
          'const verdict = run.state === "started" ? judge(delivery, context) : { type: "failed", error: "late", move: "late" };',
      },
    ],
  },
  {
    name: "cancel-keeps-deliveries",
    checker: "ended runs stay ended",
    edits: [
      {
        module: "core/start-delivery.js",
        find: 'return run?.state === "started" && (kind',
        replace: "return run !== null && (kind",
      },
      { module: "engine/group.js", find: "dropEnded(effects, work);", replace: "" },
      {
        module: "core/run.js",
        find: '.filter((message) => message.state === "scheduled"',
        replace: ".filter((message) => false",
      },
    ],
  },
  {
    name: "storage-trouble-ends-runs",
    checker: "status contract",
    edits: [
      {
        module: "engine/engine.js",
        find: 'const refusal = new RepriseError("storage_unavailable", {',
        replace: 'const refusal = new RepriseError("run_ended", {',
      },
    ],
  },
  {
    name: "late-result-refused",
    checker: "status contract",
    edits: [
      {
        module: "core/submit-step.js",
        find: "if (run === null || !isOpen(run, deadLetter))",
        replace: 'if (run?.state !== "started")',
      },
    ],
  },
];
