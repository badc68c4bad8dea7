import type { RunRow } from "@reprise/server";
import type { Attempt, Checker, Exchange } from "../facts.ts";

/** An end is final. Nothing new is sent to a run that has ended, least of all to one that was cancelled. */
export const endedRuns: Checker = {
  name: "ended runs stay ended",
  promise:
    "a run ends once; no attempt begins for it afterwards, but for calls of failed runs that may be resumed; a cancelled one gets no dead letter",
  observe: ({ mirror, violate, mark }) => {
    /** Run -> commit of its end. */
    const endedIn = new Map<number, number>();
    /** Run -> commit since which nobody will resume it. */
    const closedIn = new Map<number, number>();
    /** Cancelled runs whose cancel has been answered. */
    const acknowledged = new Set<number>();
    return (fact) => {
      if (fact.kind === "attempt") checkAttempt(fact.attempt);
      if (fact.kind === "answer") noteCancel(fact.exchange);
      if (fact.kind !== "commit") return;
      for (const { table, before, after } of fact.commit.changes) {
        if (table === "runs") checkRun(before, after, fact.commit.seq);
        if (table === "deadLetters" && after !== null && after.state !== "open") {
          closedIn.set(after.runKey, fact.commit.seq);
        }
        if (table === "deadLetters" && before === null && after !== null) {
          const run = mirror.get("runs", after.runKey);
          if (run?.state === "canceled") violate(`cancelled run ${run.key} got a dead letter`);
        }
      }
    };

    function checkRun(before: RunRow | null, after: RunRow | null, seq: number): void {
      if (after === null) violate(`run ${before?.key} was taken away`);
      if (after === null || before === null || before.state === after.state) return;
      if (before.state !== "started") {
        violate(`run ${after.key} was ${before.state} and became ${after.state}`);
      }
      endedIn.set(after.key, seq);
    }

    function checkAttempt({ number, message, run }: Attempt): void {
      if (run === null || message === null) return;
      const name = `attempt ${number} of message ${message.key} for ${run.state} run ${run.key}`;
      if (message.kind === "failureCall") {
        if (run.state !== "failed") violate(`${name} calls the failure function`);
        return;
      }
      if (acknowledged.has(run.key)) violate(`${name} begins after the cancel was answered`);
      const isCallOfFailed = message.kind === "call" && run.state === "failed";
      const ended = (isCallOfFailed ? closedIn : endedIn).get(run.key);
      if (isCallOfFailed && ended === undefined) mark("call of a failed run");
      if (ended !== undefined && mirror.leasedIn(message.key) > ended) {
        violate(
          `${name} begins with commit ${mirror.leasedIn(message.key)}, the run ended with ${ended}`,
        );
      }
    }

    function noteCancel({ method, target, status }: Exchange): void {
      const isCancel =
        method === "DELETE" && target.startsWith("/v2/workflows/runs") && status === 200;
      if (!isCancel || target.includes("cancel=false")) return;
      for (const run of mirror.all("runs")) if (run.state === "canceled") acknowledged.add(run.key);
      mark("cancel answered");
    }
  },
};
