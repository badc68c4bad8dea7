/** Recovers dead letters in small parts, so that it can be followed and stopped. */

import type {
  BulkDeleteAnswer,
  BulkRetryAnswer,
  BulkRunsAnswer,
  DeadLetterPage,
  RetryAnswer,
  RunAnswer,
} from "@reprise/protocol";
import { ApiError, type ask, type Query } from "../api/client.ts";
import { toOverrideHeaders } from "./overrides.ts";
import { callOf, filterOf, hasOverrides, QUEUE_PATH, upTo } from "./recovery.ts";
import type { Recovery } from "./snippets.ts";

/** What became of one dead letter. */
export interface Outcome {
  /** Null where the server tells only what is new. */
  readonly dlqId: string | null;
  readonly runId?: string;
  readonly messageId?: string;
  /** The server's words. */
  readonly error?: string;
}

export interface Progress {
  readonly done: number;
  readonly failed: number;
  readonly outcomes: readonly Outcome[];
}

export interface Execution extends Recovery {
  /** Failures after this instant are not meant; null when there is no bound. */
  readonly toDate: number | null;
  readonly ask: typeof ask;
  /** Aborted when a person stops; the part that is on its way comes to its end. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

const PART_SIZE = 25;

/** @throws ApiError when nothing could be begun, or when what a filter chooses cannot be gone on with. */
export async function execute(execution: Execution): Promise<Progress> {
  const report = newReport(execution);
  const { what, verb } = execution;
  if (what.kind === "ids") await handleIds(what.dlqIds, execution, report);
  else if (verb === "callback") await callMatching(execution, report);
  else await handleMatching(execution, report);
  return report.read();
}

interface Report {
  readonly add: (outcomes: readonly Outcome[]) => void;
  /** Counts what is not told one by one. */
  readonly count: (done: number) => void;
  readonly read: () => Progress;
}

function newReport({ onProgress }: Execution): Report {
  let outcomes: readonly Outcome[] = [];
  let counted = 0;
  const read = (): Progress => {
    const failed = outcomes.filter(({ error }) => error !== undefined).length;
    return { done: counted + outcomes.length - failed, failed, outcomes };
  };
  return {
    add: (more) => {
      outcomes = [...outcomes, ...more];
      onProgress(read());
    },
    count: (done) => {
      counted += done;
      onProgress(read());
    },
    read,
  };
}

const headersOf = ({ verb, overrides }: Execution) =>
  hasOverrides(verb) ? toOverrideHeaders(overrides).headers : {};

async function handleIds(ids: readonly string[], execution: Execution, report: Report) {
  const { verb, signal } = execution;
  const isOneByOne = verb === "callback" || ids.length === 1;
  const size = isOneByOne ? 1 : PART_SIZE;
  for (let start = 0; start < ids.length; start += size) {
    if (signal.aborted) return;
    const part = ids.slice(start, start + size);
    if (isOneByOne) report.add([await handleOne(part[0] ?? "", execution)]);
    else await handlePart(part, execution, report);
  }
}

async function handlePart(ids: readonly string[], execution: Execution, report: Report) {
  const { queue, verb, ask } = execution;
  const { method, path } = callOf(queue, verb);
  const request = { method, headers: headersOf(execution), body: { dlqIds: ids } } as const;
  try {
    if (verb === "delete") {
      const { deleted } = await ask<BulkDeleteAnswer>(path, request);
      report.count(deleted);
      const error = "was not there any more";
      report.add(Array.from({ length: ids.length - deleted }, () => ({ dlqId: null, error })));
      return;
    }
    // The endpoint of the verb answers one or the other.
    const answer = await ask<Partial<BulkRunsAnswer & BulkRetryAnswer>>(path, request);
    const made = answer.workflowRuns ?? answer.responses ?? [];
    report.add(made.map((item, index) => outcomeOf(item, ids[index] ?? null)));
  } catch (error) {
    if (!isRefusal(error)) {
      report.add(ids.map((dlqId) => ({ dlqId, error: wordsOf(error) })));
      return;
    }
    // One of them is refused and stops the others; each by itself says which.
    for (const id of ids) {
      if (execution.signal.aborted) return;
      report.add([await handleOne(id, execution)]);
    }
  }
}

async function handleOne(dlqId: string, execution: Execution): Promise<Outcome> {
  const { queue, verb, ask } = execution;
  const { method, path } = callOf(queue, verb, dlqId);
  try {
    const answer = await ask<Partial<RunAnswer & RetryAnswer> | null>(path, {
      method,
      headers: headersOf(execution),
    });
    // A re-run is answered with the run that has failed, which is not new.
    return verb === "callback" ? { dlqId } : outcomeOf(answer ?? {}, dlqId);
  } catch (error) {
    return { dlqId, error: wordsOf(error) };
  }
}

/** The oldest first, page by page; what fails meanwhile is left alone. */
async function handleMatching(execution: Execution, report: Report) {
  const { queue, verb, ask, signal } = execution;
  const { method, path } = callOf(queue, verb);
  const query = boundFilter(execution);
  let cursor = "";
  do {
    const answer = await ask<Partial<BulkRunsAnswer & BulkRetryAnswer & BulkDeleteAnswer>>(path, {
      method,
      query: { ...query, count: PART_SIZE, cursor },
      headers: headersOf(execution),
    });
    if (verb === "delete") report.count(answer.deleted ?? 0);
    const made = answer.workflowRuns ?? answer.responses ?? [];
    if (made.length > 0) report.add(made.map((item) => outcomeOf(item, null)));
    cursor = answer.cursor ?? "";
  } while (cursor !== "" && !signal.aborted);
}

/** The wire has no bulk form of this: the ids are found first. */
async function callMatching(execution: Execution, report: Report) {
  const { queue, ask, signal } = execution;
  const query = { ...boundFilter(execution), count: 100 };
  let cursor = "";
  const ids: string[] = [];
  do {
    const page: DeadLetterPage = await ask(QUEUE_PATH[queue], { query: { ...query, cursor } });
    ids.push(...page.messages.map(({ dlqId }) => dlqId));
    cursor = page.cursor ?? "";
  } while (cursor !== "" && !signal.aborted);
  await handleIds(ids, execution, report);
}

function boundFilter({ what, verb, toDate }: Execution): Query {
  return upTo(filterOf(what, verb) ?? {}, toDate);
}

function outcomeOf(item: Partial<RunAnswer & RetryAnswer>, dlqId: string | null): Outcome {
  return {
    dlqId,
    ...(item.workflowRunId === undefined ? {} : { runId: item.workflowRunId }),
    ...(item.messageId === undefined ? {} : { messageId: item.messageId }),
  };
}

const isRefusal = (error: unknown): boolean =>
  error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429;

const wordsOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);
