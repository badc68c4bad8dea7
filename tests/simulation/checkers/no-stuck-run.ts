import type { RunRow, StepRow } from "@reprise/server";
import type { Checker } from "../facts.ts";
import { firstOfGroup, isOpenRun, isPlan } from "../lineage.ts";
import type { Commit, Mirror } from "../mirror.ts";
import { parseStep } from "../step-list.ts";
import { Swallowed } from "../stuck.ts";
import { isWaiting, type WaitRow } from "../waits.ts";

/** Every branch of a live run has something that will move it: checked at every commit, not by waiting. */
export const noStuckRun: Checker = {
  name: "no stuck run",
  promise:
    "every branch of a live run has a message, or a wait with a deadline, a request or a living child; every run ends",
  observe: ({ mirror, nodes, violate }) => {
    /** What the process that has died was delivering; message -> commit that began the attempt. */
    const orphans = new Map<number, number>();
    /** What the app itself has let fall: the watchdog's work. */
    const swallowed = new Swallowed();
    let commitsSinceCrash = 0;
    return (fact) => {
      swallowed.note(fact);
      // Others take over from one of several when its lease ends.
      if (fact.kind === "serverCrash" && nodes === 1) {
        commitsSinceCrash = 0;
        for (const { key, state } of mirror.all("messages")) {
          if (state === "active") orphans.set(key, mirror.leasedIn(key));
        }
      }
      if (fact.kind === "commit") {
        checkOrphans();
        for (const runKey of touchedRuns(fact.commit, mirror)) checkRun(runKey);
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
      const run = mirror.get("runs", runKey);
      if (run === null || !isOpenRun(run, mirror)) return;
      for (const wait of mirror.waits(runKey)) {
        if (wait.state === "open" && !isAlive(wait, mirror)) {
          violate(`nothing will end the wait ${wait.key} of run ${runKey} for ${wait.kind}`);
        }
      }
      if (run.state !== "started") return;
      for (const step of openSteps(mirror.steps(runKey))) {
        const wait = mirror.waitOfStep(runKey, stepBehind(step, mirror.steps(runKey)));
        if (swallowed.hasMessage(step.key) || swallowed.hasWait(wait?.key ?? 0)) continue;
        if (!isMoving(run, step, mirror)) {
          violate(`run ${runKey} is live, and nothing moves it behind record ${step.position}`);
        }
      }
    }

    function checkEnd(): void {
      for (const run of mirror.all("runs")) {
        if (run.state === "started") violate(`run ${run.key} (${run.id}) has not ended`);
      }
      for (const { key, state } of mirror.all("messages")) {
        if (state !== "failed") violate(`message ${key} is still ${state}`);
      }
      for (const wait of mirror.all("waits")) {
        if (isWaiting(wait)) violate(`wait ${wait.key} is still ${wait.state}`);
      }
    }
  },
};

function touchedRuns({ changes }: Commit, mirror: Mirror): ReadonlySet<number> {
  const touched = new Set<number>();
  for (const { table, before, after } of changes) {
    if (table === "messages" || table === "waits") touched.add((after ?? before)?.runKey ?? 0);
    if (table !== "runs") continue;
    const run = after ?? before;
    touched.add(run?.key ?? 0);
    if (run === null || run.invoker === null) continue;
    for (const wait of mirror.all("waits")) {
      if (wait.childRunKey === run.key) touched.add(wait.runKey);
    }
  }
  return touched;
}

/** Records behind which something must happen: plans without a result, else the last one. */
function openSteps(steps: readonly StepRow[]): readonly StepRow[] {
  const records = steps.slice(1).map((step) => ({ step, record: parseStep(step.body) }));
  const results = new Set(records.filter(({ record }) => !isPlan(record)).map(idOf));
  const open = records.filter(
    ({ record }) => isPlan(record) && !results.has(record.targetStep ?? 0),
  );
  return open.length > 0 ? open.map(({ step }) => step) : steps.slice(-1);
}

function idOf({ record }: { readonly record: { readonly stepId: number } }): number {
  return record.stepId;
}

function isMoving(run: RunRow, step: StepRow, mirror: Mirror): boolean {
  const open = mirror.openMessages(run.key).filter(({ kind }) => kind !== "failureCall");
  // The first contact with an endpoint has a message of its own.
  if (open.some(({ key, kind }) => key === step.key || kind === "hop")) return true;
  const wait = mirror.waitOfStep(run.key, stepBehind(step, mirror.steps(run.key)));
  return wait !== null && isWaiting(wait) && isAlive(wait, mirror);
}

/** Id of the step that the delivery of this record asks for. */
function stepBehind(step: StepRow, steps: readonly StepRow[]): number {
  if (step.position === 0) return 1;
  const record = parseStep(step.body);
  if (isPlan(record)) return record.targetStep ?? 0;
  if (record.concurrent === 1) return record.stepId + 1;
  const records = steps.slice(1).map(({ body }) => parseStep(body));
  return firstOfGroup(record.stepId, records) + record.concurrent;
}

/** Whether something will end the wait: its deadline, the message that asks, the one that tells the app, or another run. */
function isAlive(wait: WaitRow, mirror: Mirror): boolean {
  const { kind, key, state, dueAt, requestKey, childRunKey, runKey } = wait;
  switch (kind) {
    case "event":
    case "webhook":
      return dueAt !== null;
    case "invoke":
      return mirror.get("runs", childRunKey ?? 0)?.state === "started";
    case "call": {
      const isServing = (message: { readonly key: number; readonly kind: string }) =>
        state === "open"
          ? message.kind === "call" && message.key === requestKey
          : message.kind === "callResult";
      const open = mirror.openMessages(runKey);
      return open.some((message) => message.waitKey === key && isServing(message));
    }
  }
}
