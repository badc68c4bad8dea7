import type { PresentStepResource, RunFailureResource, RunResource } from "@reprise/protocol";
import { readFailureCause } from "../core/failure.ts";
import type { DeadLetterRow, RunRow, StepRow } from "../core/rows.ts";
import { nextStepIdOf } from "../core/step.ts";
import { readStandings, type Standings } from "./read-run-waiting.ts";
import type { ApiRoom } from "./room.ts";
import { withoutAbsent } from "./views/content.ts";
import { namingKey, toPresentStep } from "./views/present-step.ts";
import { toRunResource } from "./views/run.ts";

/** Runs as a table shows them: what a page needs of all its runs is read at once, and none of their records. */
export async function readLightRuns(
  runs: readonly RunRow[],
  room: ApiRoom,
): Promise<readonly RunResource[]> {
  const [deadLetters, { waiting, first }] = await Promise.all([
    readDeadLetters(runs, room),
    readStandings(
      runs
        .filter(({ state }) => state === "started")
        .map((run) => ({ run, planCounts: new Map(), lastAnswer: null, answeredUrl: null })),
      room,
    ),
  ]);
  const byKey = new Map(deadLetters.map((row) => [row.key, row]));
  const byNextRun = new Map(deadLetters.map((row) => [row.nextRunKey, row]));
  const successors = await room.store.list("runs", {
    where: [{ type: "in", column: "key", values: nextRunKeys(deadLetters) }],
    order: "ascending",
    limit: deadLetters.length,
    without: ["response"],
  });
  const present = await readPresentSteps({ first, deadLetters }, room);
  const successorOf = new Map(successors.map((run) => [run.key, run]));
  return runs.map((run) => {
    const deadLetter = byKey.get(run.deadLetterKey ?? -1) ?? null;
    const resource = toRunResource(
      {
        ...{ run, config: null, steps: [], messages: [], deadLetter },
        ...{ attempts: new Map(), waits: new Map(), children: new Map() },
        origin: byNextRun.get(run.key) ?? null,
        successor: successorOf.get(deadLetter?.nextRunKey ?? -1) ?? null,
      },
      -1,
    );
    return withoutAbsent<RunResource>({
      ...resource,
      ...waiting.get(run.key),
      stepCount: run.stepCount,
      presentStep: present.get(run.key),
      failure: deadLetter === null ? undefined : toFailure(deadLetter),
      steps: [],
    });
  });
}

/** Those of the runs, and those that the runs go on from. */
async function readDeadLetters(
  runs: readonly RunRow[],
  { store }: ApiRoom,
): Promise<readonly DeadLetterRow[]> {
  const values = runs.flatMap(({ deadLetterKey }) => deadLetterKey ?? []);
  const sources = runs.flatMap(({ sourceRunKey }) => sourceRunKey ?? []);
  const query = { order: "ascending", without: ["responseBody", "callbackResponseBody"] } as const;
  const [own, origins] = await Promise.all([
    values.length === 0
      ? []
      : store.list("deadLetters", {
          ...query,
          where: [{ type: "in", column: "key", values }],
          limit: values.length,
        }),
    sources.length === 0
      ? []
      : store.list("deadLetters", {
          ...query,
          where: [{ type: "in", column: "runKey", values: sources }],
          limit: sources.length,
        }),
  ]);
  return [...own, ...origins];
}

/** By the keys of the runs: of live ones what is open, of failed ones the delivery that has failed. */
async function readPresentSteps(
  {
    first,
    deadLetters,
  }: Pick<Standings, "first"> & { readonly deadLetters: readonly DeadLetterRow[] },
  room: ApiRoom,
): Promise<ReadonlyMap<number, PresentStepResource>> {
  const named = [...first.values()].flatMap((opening) => namingKey(opening) ?? []);
  const [naming, failed] = await Promise.all([
    readSteps(named, [], room),
    readSteps(
      deadLetters.map(({ messageKey }) => messageKey),
      ["body"],
      room,
    ),
  ]);
  return new Map([
    ...deadLetters.map(({ runKey, messageKey, stepName }) => {
      const record = failed.get(messageKey);
      const stepId = record === undefined ? undefined : nextStepIdOf(record);
      const step = withoutAbsent<PresentStepResource>({ stepId, stepName: stepName ?? undefined });
      return [runKey, step] as const;
    }),
    ...Array.from(first, ([key, opening]) => [key, toPresentStep(opening, naming)] as const),
  ]);
}

async function readSteps(
  values: readonly number[],
  without: readonly "body"[],
  { store }: ApiRoom,
): Promise<ReadonlyMap<number, StepRow>> {
  if (values.length === 0) return new Map();
  const where = [{ type: "in", column: "key", values }] as const;
  const rows = await store.list("steps", {
    where,
    order: "ascending",
    limit: values.length,
    without,
  });
  return new Map(rows.map((row) => [row.key, row]));
}

function nextRunKeys(deadLetters: readonly DeadLetterRow[]): readonly number[] {
  return deadLetters.flatMap(({ nextRunKey }) => nextRunKey ?? []);
}

function toFailure(row: DeadLetterRow): RunFailureResource {
  return withoutAbsent<RunFailureResource>({
    reason: row.reason,
    cause: readFailureCause(row.failureCause) ?? undefined,
    groupId: row.groupId ?? undefined,
    message: row.failureText ?? undefined,
    stepName: row.stepName ?? undefined,
    responseStatus: row.responseStatus === 0 ? undefined : row.responseStatus,
    failedAt: row.createdAt,
    isOpen: row.state === "open",
  });
}
