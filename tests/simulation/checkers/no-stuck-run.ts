import type { Checker } from "../facts.ts";

/** A live run always has a message that will move it: checked at every commit, not by waiting. */
export const noStuckRun: Checker = {
  name: "no stuck run",
  promise: "every live run has a message that is scheduled or active, and every run ends",
  observe: ({ mirror, violate }) => {
    /** What the process that has died was delivering; message -> commit that began the attempt. */
    const orphans = new Map<number, number>();
    let commitsSinceCrash = 0;
    return (fact) => {
      if (fact.kind === "serverCrash") {
        commitsSinceCrash = 0;
        for (const { key, state } of mirror.all("messages")) {
          if (state === "active") orphans.set(key, mirror.leasedIn(key));
        }
      }
      if (fact.kind === "commit") {
        checkOrphans();
        const touched = new Set<number>();
        for (const { table, before, after } of fact.commit.changes) {
          if (table === "runs") touched.add((after ?? before)?.key ?? 0);
          if (table === "messages") touched.add((after ?? before)?.runKey ?? 0);
        }
        for (const runKey of touched) checkRun(runKey);
      }
      if (fact.kind === "end") checkEnd();
    };

    /** The next process takes over with its first transaction; one of the last may still reach the disk before. */
    function checkOrphans(): void {
      commitsSinceCrash += 1;
      if (commitsSinceCrash !== 2) return;
      for (const [key, leasedIn] of orphans) {
        const isLeft =
          mirror.get("messages", key)?.state === "active" && mirror.leasedIn(key) === leasedIn;
        if (isLeft)
          violate(
            `message ${key} was being delivered by a process that died, and is not taken over`,
          );
      }
      orphans.clear();
    }

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
