import { randomId } from "../wire/random-id.ts";
import { KitError } from "./kit-error.ts";
import type { ModelServer } from "./model-server.ts";
import { type Deliver, isPlan, type Recorded, type Run, type Wait } from "./rows.ts";

export interface Revival {
  readonly mode: "resume" | "restart";
  /** The workflow that goes on. */
  readonly deliver: Deliver;
}

/** Makes a new run of a failed one: a resume keeps every recorded result, a restart the payload alone. */
export function reviveRun(run: Run, { mode, deliver }: Revival, server: ModelServer): Run {
  const { deadLetter } = run;
  if (run.state !== "failed" || deadLetter?.state !== "open") {
    const now = deadLetter === null ? run.state : deadLetter.state;
    throw new KitError(`only a failed run can be ${mode}d once; this one is ${now}`);
  }
  deadLetter.state = mode === "resume" ? "resumed" : "restarted";
  const revived = server.start({
    ...run,
    id: `wfr_${randomId()}`,
    deliver,
    invoker: null,
  });
  if (mode === "restart") {
    for (const wait of run.waits) wait.state = "done";
    for (const message of server.openMessages(run)) {
      if (message.kind === "call") server.done(message);
    }
    server.send({ run: revived, kind: "step" });
    return revived;
  }
  revived.items.splice(0, 1, ...run.items);
  revived.records.push(...run.records);
  for (const [slot, recorded] of run.slots) revived.slots.set(slot, recorded);
  const taken = takeOver(run, revived, server);
  for (const { position, recorded } of openSteps(revived)) {
    if (recorded !== null && taken.has(awaitedBy(recorded))) continue;
    server.send({ run: revived, kind: "step", position, dueAt: recorded?.dueAt ?? server.now });
  }
  return revived;
}

/** What others are about to complete goes on, for the new run. @returns the ids of their steps. */
function takeOver(run: Run, revived: Run, server: ModelServer): ReadonlySet<number> {
  const stepIds = new Set<number>();
  for (const wait of run.waits.splice(0)) {
    wait.run = revived;
    revived.waits.push(wait);
    if (wait.state === "done") continue;
    stepIds.add(wait.step.stepId);
    if (wait.state === "answered") sendAnswer(wait, server);
  }
  for (const message of server.openMessages(run)) {
    if (message.kind === "call") message.run = revived;
  }
  revived.keptEvents.push(...run.keptEvents.splice(0));
  return stepIds;
}

function sendAnswer(wait: Wait, server: ModelServer): void {
  server.send({ run: wait.run, kind: "callResult", wait });
}

interface Place {
  readonly position: number;
  /** Null is the payload. */
  readonly recorded: Recorded | null;
}

/** Every plan whose result is missing, else the last record. */
function openSteps({ records, slots }: Run): readonly Place[] {
  const open = records
    .map((recorded, index) => ({ position: index + 1, recorded }))
    .filter(
      ({ recorded: { record } }) => isPlan(record) && !slots.has(`result ${record.targetStep}`),
    );
  if (open.length > 0) return open;
  return [{ position: records.length, recorded: records.at(-1) ?? null }];
}

/** Id of the step that is done with the delivery of a record. */
function awaitedBy({ record, nextStepId }: Recorded): number {
  return isPlan(record) ? (record.targetStep ?? 0) : nextStepId;
}
