import type { Tables } from "@reprise/server";
import type { Checker } from "../facts.ts";
import { RETENTION } from "../retention.ts";

/** Retention takes away what is over, and nothing else. The mirror keeps what it has taken, so that every other promise can still be checked. */
export const retention: Checker = {
  name: "retention takes what is over",
  promise:
    "what is deleted belongs to a run that ended long enough ago, has nothing open, and from which no run was resumed that is still there",
  observe: ({ mirror, now, violate, mark }) => {
    return (fact) => {
      if (fact.kind !== "retention") return;
      for (const { table, row } of fact.rows) {
        const runKey = ownerOf(table, row);
        if (runKey === null) violate(`${table} ${row.key} belongs to no run and was deleted`);
        else checkRun(runKey, `${table} ${row.key}`);
        if (table === "runs") mark("run deleted by retention");
        if (table === "deadLetters") mark("dead letter deleted by retention");
      }
    };

    function ownerOf(table: string, row: { readonly key: number }): number | null {
      if (table === "runs" || table === "runConfigs") return row.key;
      if (table !== "attempts") return "runKey" in row ? Number(row.runKey) : null;
      // Rows of this very table.
      const { runKey, messageKey } = row as Tables["attempts"];
      return runKey ?? mirror.get("steps", messageKey)?.runKey ?? null;
    }

    function checkRun(runKey: number, what: string): void {
      const run = mirror.get("runs", runKey);
      if (run === null || run.state === "started" || run.completedAt === null) {
        violate(`${what} was deleted while run ${runKey} is ${run?.state}`);
        return;
      }
      if (run.completedAt > now() - RETENTION.runRetentionMs) {
        violate(`${what} was deleted, but run ${runKey} ended at ${run.completedAt}`);
      }
      const letter =
        run.deadLetterKey === null ? null : mirror.get("deadLetters", run.deadLetterKey);
      if (letter?.state === "open") violate(`${what} was deleted with an open dead letter`);
      const nextKey = letter?.nextRunKey ?? null;
      if (nextKey !== null && !mirror.isRetired("runs", nextKey)) {
        violate(`${what} was deleted, but run ${nextKey} goes on from run ${runKey}`);
      }
      if (mirror.openMessages(runKey).length > 0) violate(`${what} was deleted with open messages`);
      const isWaiting = mirror.waits(runKey).some(({ state }) => state === "open");
      if (isWaiting) violate(`${what} was deleted with an open wait`);
    }
  },
};
