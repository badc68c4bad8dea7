import type { Checker } from "../facts.ts";

/** A live run always has a message that will move it: checked at every commit, not by waiting. */
export const noStuckRun: Checker = {
  name: "no stuck run",
  promise: "every live run has a message that is scheduled or active, and every run ends",
  observe: ({ mirror, violate }) => {
    return (fact) => {
      if (fact.kind === "commit") {
        const touched = new Set<number>();
        for (const { table, before, after } of fact.commit.changes) {
          if (table === "runs") touched.add((after ?? before)?.key ?? 0);
          if (table === "messages") touched.add((after ?? before)?.runKey ?? 0);
        }
        for (const runKey of touched) checkRun(runKey);
      }
      if (fact.kind === "end") checkEnd();
    };

    function checkRun(runKey: number): void {
      if (mirror.get("runs", runKey)?.state !== "started") return;
      const open = mirror.openMessages(runKey).filter(({ kind }) => kind !== "failureCall");
      if (open.length === 0) violate(`run ${runKey} is live and has no message`);
    }

    function checkEnd(): void {
      for (const run of mirror.all("runs")) {
        if (run.state === "started") violate(`run ${run.key} (${run.id}) has not ended`);
      }
      for (const { key, state } of mirror.all("messages")) {
        if (state !== "failed") violate(`message ${key} is still ${state}`);
      }
    }
  },
};
