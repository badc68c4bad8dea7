import type { Tables } from "@reprise/server";
import type { Checker, Scene } from "../facts.ts";

/** Nobody waits at an open gate, by the rows on disk: a free place is taken in the transaction that has freed it. */
export const noStall: Checker = {
  name: "nobody waits at an open gate",
  promise:
    "behind every transaction each message that waits for a queue or a key waits for a closed one; when a new period opens a key, the wait ends at once",
  observe: (scene) => {
    /** Key -> since when its period has been over while somebody waits. */
    const overdue = new Map<string, number>();
    return (fact) => {
      if (fact.kind === "commit") {
        checkQueues(scene);
        for (const flow of scene.mirror.all("flowControls")) checkFlow(flow, scene);
      } else if (fact.kind === "serverCrash" || fact.kind === "storeFault") overdue.clear();
      if (scene.isCalm) checkPeriods(overdue, scene);
    };
  },
};

const LATE_MS_MAX = 1_000;

function checkQueues({ mirror, violate, mark }: Scene): void {
  for (const queue of mirror.all("queues")) {
    const waiting = mirror.all("messages").filter(({ gate }) => gate === `queue:${queue.name}`);
    if (waiting.length > 0) mark("waited for a queue");
    if (queue.isPaused === 1 || waiting.length === 0) continue;
    const isHolder = waiting.some(({ ticketKey }) => ticketKey !== null);
    if (queue.openCount < queue.parallelism || isHolder) {
      violate(`${waiting.length} messages wait at queue ${queue.name}, which is open`);
    }
  }
}

type Flow = Tables["flowControls"];

function checkFlow(flow: Flow, { mirror, violate, mark }: Scene): void {
  const count = mirror.all("messages").filter(({ gate }) => gate === `flow:${flow.name}`).length;
  if (count === 0) return;
  mark("waited for a key");
  const isClosed = isClosedByPlaces(flow) || (flow.rate !== null && flow.rateCount >= flow.rate);
  if (!isClosed) violate(`${count} messages wait at key ${flow.name}, which is open`);
}

function isClosedByPlaces({ isPaused, parallelism, inFlightCount }: Flow): boolean {
  return isPaused === 1 || (parallelism !== null && inFlightCount >= parallelism);
}

function checkPeriods(overdue: Map<string, number>, { mirror, now, violate }: Scene): void {
  for (const flow of mirror.all("flowControls")) {
    const isOver =
      flow.waitingCount > 0 &&
      !isClosedByPlaces(flow) &&
      now() >= flow.periodStartAt + flow.periodMs;
    if (!isOver) {
      overdue.delete(flow.name);
      continue;
    }
    const since = overdue.get(flow.name) ?? now();
    overdue.set(flow.name, since);
    if (now() > since + LATE_MS_MAX) {
      violate(`key ${flow.name} has a new period, and nobody is called`);
    }
  }
}
