import { isDeepStrictEqual } from "node:util";
import type { Store } from "@reprise/server";
import type { Mirror, TableName } from "./mirror.ts";

const TABLES: readonly TableName[] = [
  "runs",
  "runConfigs",
  "steps",
  "messages",
  "attempts",
  "deadLetters",
  "waits",
  "events",
];

/** The state of a world for people: what there is and where it stands. */
export function dumpState(mirror: Mirror): readonly string[] {
  const lines: string[] = ["runs:"];
  for (const run of mirror.all("runs")) {
    lines.push(`  run ${run.key} ${run.id} ${run.state}, ${run.stepCount} records`);
    for (const step of mirror.steps(run.key)) {
      const body = Buffer.from(step.body).toString("utf8").slice(0, 150);
      lines.push(`    ${step.position}: message ${step.key} slot ${step.slot} ${body}`);
    }
  }
  lines.push("messages:");
  for (const message of mirror.all("messages")) {
    const { key, kind, state, runKey, retried, retries, leaseToken, dueAt } = message;
    lines.push(
      `  ${key} ${kind} ${state} run ${runKey} retried ${retried}/${retries} lease ${leaseToken} due ${dueAt}`,
    );
  }
  lines.push("waits:");
  for (const wait of mirror.all("waits")) {
    const { key, runKey, stepId, kind, state, dueAt, eventId, requestKey, childRunKey } = wait;
    lines.push(
      `  ${key} ${kind} ${state} run ${runKey} step ${stepId} due ${dueAt} event ${eventId} request ${requestKey} child ${childRunKey}`,
    );
  }
  for (const { key, runKey, eventId, source, body } of mirror.all("events")) {
    lines.push(`  ${key} run ${runKey} keeps ${eventId} of ${source}: ${Buffer.from(body)}`);
  }
  lines.push("dead letters:");
  for (const entry of mirror.all("deadLetters")) {
    const { key, state, runKey, messageKey, nextRunKey, callbackState } = entry;
    lines.push(
      `  ${key} ${state} run ${runKey} message ${messageKey} next ${nextRunKey} callback ${callbackState}`,
    );
  }
  return lines;
}

/** Compares what the witness has seen with what the store holds; null when both are equal. */
export async function findDifference(mirror: Mirror, store: Store): Promise<string | null> {
  for (const table of TABLES) {
    const rows = await store.list(table, {
      where: [],
      order: "ascending",
      limit: Number.MAX_SAFE_INTEGER,
    });
    const kept = mirror.all(table).filter(({ key }) => !mirror.isRetired(table, key));
    const seen = kept.toSorted((a, b) => a.key - b.key);
    if (rows.length !== seen.length) {
      return `${table} has ${rows.length} rows; ${seen.length} were written`;
    }
    for (const [index, row] of rows.entries()) {
      if (isSame(row, seen[index])) continue;
      return `${table} ${row.key} is ${JSON.stringify(row)}; written was ${JSON.stringify(seen[index])}`;
    }
  }
  return null;
}

function isSame(stored: object, written: object | undefined): boolean {
  if (written === undefined) return false;
  const columns = new Map<string, unknown>(Object.entries(written));
  return Object.entries(stored).every(([column, value]) => {
    const other = columns.get(column);
    if (value instanceof Uint8Array && other instanceof Uint8Array) {
      return Buffer.compare(value, other) === 0;
    }
    return isDeepStrictEqual(value, other);
  });
}
