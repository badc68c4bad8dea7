import type { DeadLetterPage, DeadMessagePage, MatchCount } from "@reprise/protocol";
import { useQuery } from "@tanstack/react-query";
import { ApiError, ask } from "../api/client.ts";
import type { DeadEntry } from "./overrides.ts";
import {
  type DeadQueue,
  failedAtOf,
  filterOf,
  QUEUE_PATH,
  upTo,
  type Verb,
  type What,
} from "./recovery.ts";

/** How many are meant, and what some of them are. */
export interface Preview {
  readonly count: number;
  readonly isExact: boolean;
  readonly sample: readonly DeadEntry[];
  /** The instant up to which they were counted; null when they are named. */
  readonly toDate: number | null;
}

const SAMPLE_SIZE = 5;

interface Asked {
  readonly what: What;
  readonly queue: DeadQueue;
  readonly verb: Verb;
  /** False while it is carried out: what was counted goes away then. */
  readonly isEnabled: boolean;
}

export function usePreview({ what, queue, verb, isEnabled }: Asked) {
  return useQuery({
    queryKey: [["deadLetters", "deadMessages"], "recover", queue, what, filterOf(what, verb)],
    queryFn: ({ signal }) =>
      what.kind === "ids"
        ? previewNamed(what.dlqIds, queue, signal)
        : previewMatching(filterOf(what, verb) ?? {}, queue, signal),
    enabled: isEnabled,
  });
}

async function previewNamed(
  dlqIds: readonly string[],
  queue: DeadQueue,
  signal: AbortSignal,
): Promise<Preview> {
  const some = dlqIds.slice(0, SAMPLE_SIZE);
  const found = await Promise.all(some.map((dlqId) => readEntry(dlqId, queue, signal)));
  const sample = found.filter((entry) => entry !== null);
  return { count: dlqIds.length, isExact: true, sample, toDate: null };
}

/** Null when somebody else has handled it meanwhile. */
async function readEntry(
  dlqId: string,
  queue: DeadQueue,
  signal: AbortSignal,
): Promise<DeadEntry | null> {
  try {
    return await ask<DeadEntry>(`${QUEUE_PATH[queue]}/${encodeURIComponent(dlqId)}`, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

async function previewMatching(
  query: ReturnType<typeof upTo>,
  queue: DeadQueue,
  signal: AbortSignal,
): Promise<Preview> {
  const list = { ...query, order: "latestFirst", count: SAMPLE_SIZE };
  const { messages } = await ask<DeadLetterPage | DeadMessagePage>(QUEUE_PATH[queue], {
    query: list,
    signal,
  });
  const [newest] = messages;
  const toDate = newest === undefined ? null : failedAtOf(newest.dlqId);
  const { count, isExact } = await ask<MatchCount>(`${QUEUE_PATH[queue]}/count`, {
    query: upTo(query, toDate),
    signal,
  });
  return { count, isExact, sample: messages, toDate };
}
