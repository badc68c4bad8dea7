import type { DeadLetterRow, RunRow } from "@reprise/server";
import type { Checker, Scene } from "../facts.ts";
import type { Commit } from "../mirror.ts";

/** A failed run and its dead letter are born together, and a dead letter is closed once, by what takes its place. */
export const deadLetter: Checker = {
  name: "dead letter",
  promise:
    "a failed run has exactly one dead letter, closed once and together with what revives the run",
  observe: (scene) => {
    const { mirror, violate } = scene;
    /** Run -> its dead letter. */
    const entries = new Map<number, number>();
    return (fact) => {
      if (fact.kind === "commit") {
        const { changes } = fact.commit;
        for (const { table, before, after } of changes) {
          if (table !== "deadLetters") continue;
          if (after === null) violate(`dead letter ${before?.key} was taken away`);
          else if (before === null) checkNew(after);
          else if (before.state !== after.state) checkClosing(before, after, fact.commit, scene);
        }
        for (const { table, before, after } of changes) {
          if (table !== "runs" || after === null) continue;
          if (before?.state === "started" && after.state === "failed") checkFailure(after);
          if (before === null && after.sourceRunKey !== null) checkRevival(after);
        }
      }
      if (fact.kind !== "end") return;
      for (const { key, state } of mirror.all("deadLetters")) {
        if (state === "open") violate(`dead letter ${key} is still open`);
      }
    };

    function checkNew(entry: DeadLetterRow): void {
      const other = entries.get(entry.runKey);
      if (other !== undefined)
        violate(`run ${entry.runKey} has dead letters ${other}, ${entry.key}`);
      entries.set(entry.runKey, entry.key);
      if (mirror.get("runs", entry.runKey)?.state !== "failed") {
        violate(`dead letter ${entry.key} belongs to a run that has not failed`);
      }
    }

    function checkFailure(run: RunRow): void {
      const key = entries.get(run.key);
      if (key === undefined || run.deadLetterKey !== key) {
        violate(
          `run ${run.key} failed and names the dead letter ${run.deadLetterKey}; it has ${key}`,
        );
      }
      const messageKey = mirror.get("deadLetters", key ?? 0)?.messageKey ?? 0;
      if (mirror.get("messages", messageKey)?.state !== "failed") {
        violate(`the dead letter of run ${run.key} does not keep its message`);
      }
    }

    /** A run that takes up another one, and the end of that one's dead letter, are one commit. */
    function checkRevival(run: RunRow): void {
      const entry = mirror.get("deadLetters", entries.get(run.sourceRunKey ?? 0) ?? 0);
      if (entry?.nextRunKey !== run.key) {
        violate(
          `run ${run.key} revives run ${run.sourceRunKey}, whose dead letter is ${entry?.state}`,
        );
      }
    }
  },
};

function checkClosing(
  before: DeadLetterRow,
  after: DeadLetterRow,
  { seq }: Commit,
  { mirror, mark, violate }: Scene,
): void {
  mark(`dead letter ${after.state}`);
  if (before.state !== "open") violate(`dead letter ${after.key} was closed twice`);
  const isRevived = after.state === "resumed" || after.state === "restarted";
  const isBornNow = after.nextRunKey !== null && mirror.bornIn(after.nextRunKey) === seq;
  if (isRevived !== isBornNow) {
    violate(`dead letter ${after.key} became ${after.state}; its next run is ${after.nextRunKey}`);
  }
}
