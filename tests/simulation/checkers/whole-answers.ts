import type { Attempt, Checker, Fact, Scene } from "../facts.ts";
import type { Commit } from "../mirror.ts";
import { slotName, toSlot } from "../step-list.ts";
import { submissionsIn } from "../submission.ts";

/** What an answer submits, and the end of the attempt that it answers, are one transaction. */
export const wholeAnswers: Checker = {
  name: "whole answers",
  promise:
    "the records of an answer reach the disk together with the end of its attempt, or the run has ended",
  observe: (scene) => {
    const watch = new AnswersWatch(scene);
    return (fact) => watch.see(fact);
  },
};

interface Pending {
  readonly runKey: number;
  readonly lease: number;
  readonly slots: ReadonlySet<string>;
  readonly bodies: ReadonlySet<string>;
}

class AnswersWatch {
  readonly #mirror: Scene["mirror"];
  readonly #violate: Scene["violate"];
  readonly #mark: Scene["mark"];
  /** Message -> what its answer submits, as long as that is not on disk. */
  readonly #pending = new Map<number, Pending>();

  constructor({ mirror, violate, mark }: Scene) {
    this.#mirror = mirror;
    this.#violate = violate;
    this.#mark = mark;
  }

  see(fact: Fact): void {
    if (fact.kind === "attempt") this.#pending.delete(fact.attempt.messageKey);
    if (fact.kind === "outcome") this.#noteAnswer(fact.attempt, fact);
    if (fact.kind === "commit") this.#check(fact.commit);
  }

  #noteAnswer({ messageKey }: Attempt, fact: Fact): void {
    const records = submissionsIn(fact).flatMap(({ kind, step, body }) =>
      kind === "record" && step !== null ? [{ slot: toSlot(step), body }] : [],
    );
    const message = this.#mirror.get("messages", messageKey);
    if (records.length === 0 || message?.runKey == null) return;
    this.#mark("answer with lines");
    this.#pending.set(messageKey, {
      runKey: message.runKey,
      lease: message.leaseToken,
      slots: new Set(records.map(({ slot }) => slot)),
      bodies: new Set(records.map(({ body }) => body)),
    });
  }

  #check({ changes }: Commit): void {
    if (this.#pending.size === 0) return;
    for (const { table, before, after } of changes) {
      if (table === "messages" && after === null) this.#checkEnd(before?.key ?? 0);
      if (table !== "steps" || before !== null || after === null) continue;
      const body = Buffer.from(after.body).toString("utf8");
      for (const [key, { runKey, lease, bodies }] of this.#pending) {
        const message = this.#mirror.get("messages", key);
        const isOpen = message?.state === "active" && message.leaseToken === lease;
        if (runKey === after.runKey && bodies.has(body) && isOpen) {
          this.#violate(`record ${after.key} is on disk, and the attempt of ${key} has no end`);
        }
      }
    }
  }

  #checkEnd(key: number): void {
    const pending = this.#pending.get(key);
    this.#pending.delete(key);
    if (pending === undefined) return;
    const run = this.#mirror.get("runs", pending.runKey);
    if (run?.state !== "started") return;
    const recorded = new Set(this.#mirror.steps(run.key).map(slotName));
    for (const slot of pending.slots) {
      if (!recorded.has(slot)) this.#violate(`message ${key} is done, and ${slot} is not recorded`);
    }
  }
}
