import type { Checker } from "../facts.ts";
import { isOpenRun } from "../lineage.ts";
import type { Commit } from "../mirror.ts";
import { isWaiting } from "../waits.ts";

/** Nobody waits any more for a run that has ended and that nobody can resume, and nothing is kept for it. */
export const leftOpen: Checker = {
  name: "nothing left open",
  promise:
    "a run that has ended for good has no open wait, no kept event and no message that has not begun",
  observe: ({ mirror, violate }) => {
    return (fact) => {
      if (fact.kind === "commit") for (const key of touchedRuns(fact.commit)) checkRun(key);
      if (fact.kind === "end") {
        for (const { key } of mirror.all("runs")) checkRun(key);
        for (const { key } of mirror.all("events")) violate(`event ${key} is still kept`);
      }
    };

    function checkRun(runKey: number): void {
      const run = mirror.get("runs", runKey);
      if (run === null || isOpenRun(run, mirror)) return;
      for (const wait of mirror.waits(runKey)) {
        if (isWaiting(wait)) violate(`${run.state} run ${runKey} still waits for ${wait.kind}`);
      }
      for (const { key } of mirror.keptEvents(runKey)) {
        violate(`event ${key} is kept for the ${run.state} run ${runKey}`);
      }
      for (const { key, kind, state } of mirror.openMessages(runKey)) {
        const isToBegin = state === "scheduled" || state === "waiting";
        if (isToBegin && kind !== "failureCall") {
          violate(`message ${key} (${kind}) is ${state} for the ${run.state} run ${runKey}`);
        }
      }
    }
  },
};

function touchedRuns({ changes }: Commit): ReadonlySet<number> {
  const touched = new Set<number>();
  for (const { table, before, after } of changes) {
    if (table === "runs") touched.add((after ?? before)?.key ?? 0);
    if (table === "deadLetters" || table === "waits" || table === "events") {
      touched.add((after ?? before)?.runKey ?? 0);
    }
  }
  return touched;
}
