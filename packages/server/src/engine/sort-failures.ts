import { failedStepOf } from "../core/failed-step.ts";
import { type FailureFacts, kindOfFailure } from "../core/failure.ts";
import { attemptKey } from "../core/message.ts";
import type { AttemptRow, Change, DeadLetterRow, DeadMessageRow } from "../core/rows.ts";
import type { Host } from "../host/host.ts";
import type { Reader, Store } from "../store/store.ts";
import { Rounds } from "./rounds.ts";
import { hashBody } from "./signer.ts";

/**
 * Dead letters that an older version has written say nothing of their cause and group. They are sorted a few at a time; nodes of an older
 * version may write more while they are replaced one by one.
 */

export interface FailureSorterOptions {
  readonly host: Host;
  readonly store: Store;
  /** Gives what cannot be decrypted empty: a damaged row is sorted by what is left of it. */
  readonly shown: Reader;
}

const ROUND_MS = 10_000;

/** Each may bring the largest answer along. */
const ROWS_AT_ONCE = 10;

export function createFailureSorter({ host, store, shown }: FailureSorterOptions): Rounds {
  return new Rounds({
    host,
    everyMs: ROUND_MS,
    failure: "sorting_failures_failed",
    steps: [
      async (afterKey) => {
        const rows = await shown.list("deadLetters", unsorted(afterKey));
        await write("deadLetters", await kindsOfLetters(rows, shown), store);
        return keyBehind(rows);
      },
      async (afterKey) => {
        const rows = await shown.list("deadMessages", unsorted(afterKey));
        await write("deadMessages", kindsOfMessages(rows), store);
        return keyBehind(rows);
      },
    ],
  });
}

function unsorted(afterKey: number) {
  const where = [{ type: "in", column: "groupId", values: [null] } as const];
  return { where, order: "ascending", afterKey, limit: ROWS_AT_ONCE } as const;
}

function keyBehind(rows: readonly { readonly key: number }[]): number | null {
  return rows.length < ROWS_AT_ONCE ? null : (rows.at(-1)?.key ?? null);
}

type Kind = Pick<DeadMessageRow, "failureCause" | "failureText" | "groupId">;

/** Somebody else may have sorted a row, or taken it away, since it was read. */
async function write(
  table: "deadLetters" | "deadMessages",
  kinds: ReadonlyMap<number, Kind>,
  store: Store,
): Promise<void> {
  if (kinds.size === 0) return;
  await store.transaction(async (transaction) => {
    const rows = await transaction.get(table, Array.from(kinds.keys()));
    const changes = rows.flatMap(({ key, groupId }): Change[] => {
      const set = kinds.get(key);
      return set === undefined || groupId !== null ? [] : [{ type: "update", table, key, set }];
    });
    await transaction.write(changes);
  });
}

function kindsOfMessages(rows: readonly DeadMessageRow[]): ReadonlyMap<number, Kind> {
  return new Map(
    rows.map((row) => {
      const facts = { ...factsOf(row), isWorkflow: false, stepName: null, errorCause: row.cause };
      const { failureCause, failureText, groupId } = kindOfFailure(facts, hashBody);
      return [row.key, { failureCause, failureText, groupId }];
    }),
  );
}

async function kindsOfLetters(
  rows: readonly DeadLetterRow[],
  store: Reader,
): Promise<ReadonlyMap<number, Kind>> {
  if (rows.length === 0) return new Map();
  const messageKeys = rows.map(({ messageKey }) => messageKey);
  const [messages, steps] = await Promise.all([
    store.get("messages", messageKeys),
    store.get("steps", messageKeys),
  ]);
  const [attempts, waits] = await Promise.all([
    store.get("attempts", messages.map(attemptKey)),
    store.get(
      "waits",
      messages.flatMap(({ waitKey }) => waitKey ?? []),
    ),
  ]);
  return new Map(
    rows.map((row) => {
      const own = attempts.filter(({ messageKey }) => messageKey === row.messageKey);
      const message = messages.find(({ key }) => key === row.messageKey);
      const step = steps.find(({ key }) => key === row.messageKey) ?? null;
      const wait = waits.find(({ key, config }) => key === message?.waitKey && config !== "");
      const failed = failedStepOf({ step, wait: wait ?? null, attempts: told(own) });
      const stepName = failed?.stepName ?? null;
      const errorCause = own.at(-1)?.cause ?? null;
      return [
        row.key,
        kindOfFailure({ ...factsOf(row), isWorkflow: true, stepName, errorCause }, hashBody),
      ];
    }),
  );
}

/** Headers that are damaged are an empty text, which is no JSON. */
function told(attempts: readonly AttemptRow[]): readonly AttemptRow[] {
  return attempts.filter(({ responseHeaders }) => responseHeaders !== "");
}

function factsOf(
  row: DeadLetterRow | DeadMessageRow,
): Pick<FailureFacts, "url" | "status" | "headers" | "body" | "reason"> {
  return {
    url: row.url,
    status: row.responseStatus,
    headers: row.responseHeaders,
    body: row.responseBody,
    reason: row.reason,
  };
}
