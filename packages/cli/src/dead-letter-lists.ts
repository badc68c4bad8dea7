// The two dead letter queues of the API, read as one: failed runs, and failed messages that belong to no run.

import {
  type DeadLetterResource,
  type DeadMessageResource,
  deadLetterKey,
  isRepriseError,
  PATH,
} from "@reprise/protocol";
import { type Api, ask, type Query } from "./api-client.ts";
import { usageFault } from "./fault.ts";
import { deadMessageFilters, deadRunFilters } from "./filter-sets.ts";
import { type FilterOptions, type FilterSet, foreignFlags, toQuery } from "./filters.ts";
import { type ListRequest, listFirst, listPages } from "./pages.ts";
import { segment } from "./paths.ts";

export type DeadResource = DeadLetterResource | DeadMessageResource;
export type DeadKind = "run" | "message";

export function isOfRun(letter: DeadResource): letter is DeadLetterResource {
  return "workflowRunId" in letter;
}

interface Queue {
  readonly path: string;
  readonly filters: FilterSet;
}

export const DEAD_QUEUES: Readonly<Record<DeadKind, Queue>> = {
  run: { path: PATH.workflowDlq, filters: deadRunFilters },
  message: { path: PATH.dlq, filters: deadMessageFilters },
};

const KINDS: readonly DeadKind[] = ["run", "message"];
const PAGE_SIZE_MAX = 100;

/** Chooses one kind; without it the filters decide, and without those it is both. */
export interface KindOptions {
  readonly runs?: true;
  readonly messages?: true;
}

/**
 * The kinds that can match: a filter by queue, for example, can never match a run.
 * @throws CommanderError when none can.
 */
export function kindsOf(options: FilterOptions & KindOptions): readonly DeadKind[] {
  const { runs, messages } = options;
  const isAny = runs === messages;
  const wanted = KINDS.filter((kind) => isAny || (kind === "run" ? runs : messages) === true);
  const kinds = wanted.filter(
    (kind) => foreignFlags(options, DEAD_QUEUES[kind].filters).length === 0,
  );
  if (kinds.length > 0) return kinds;
  const flags = wanted.map((kind) => {
    const foreign = foreignFlags(options, DEAD_QUEUES[kind].filters).join(", ");
    return `${foreign} is no filter of ${kind}s`;
  });
  throw usageFault(`no dead letter can match: ${flags.join("; ")}`);
}

export function deadList(kind: DeadKind, query: Query): ListRequest {
  const { path } = DEAD_QUEUES[kind];
  return { path, query, field: "messages", pageSizeMax: PAGE_SIZE_MAX };
}

export interface FirstDead {
  readonly items: readonly DeadResource[];
  readonly hasMore: boolean;
}

/** The newest dead letters of both kinds, whichever failed last first. */
export async function listNewestDead(
  api: Api,
  options: FilterOptions & KindOptions,
  limit: number,
): Promise<FirstDead> {
  const lists: FirstDead[] = [];
  for (const kind of kindsOf(options)) {
    // The API lists the oldest first unless it is asked.
    const query = [
      ...toQuery(options, DEAD_QUEUES[kind].filters),
      ["order", "latestFirst"] as const,
    ];
    lists.push(await listFirst<DeadResource>(api, deadList(kind, query), limit));
  }
  const all = lists.flatMap(({ items }) => items).toSorted((a, b) => failedAt(b) - failedAt(a));
  const hasMore = all.length > limit || lists.some((list) => list.hasMore);
  return { items: all.slice(0, limit), hasMore };
}

/** A message's entry says only when the message was made; when it failed is part of its id. */
export function failedAt({ dlqId, createdAt }: DeadResource): number {
  return deadLetterKey(dlqId)?.failedAt ?? createdAt;
}

/** Ids of all that match, page after page. */
export async function* findDeadIds(
  api: Api,
  kinds: readonly DeadKind[],
  options: FilterOptions,
): AsyncGenerator<readonly string[]> {
  for (const kind of kinds) {
    const query = toQuery(options, DEAD_QUEUES[kind].filters);
    for await (const page of listPages<DeadResource>(api, deadList(kind, query))) {
      yield page.map(({ dlqId }) => dlqId);
    }
  }
}

/** Finds a dead letter of either kind. @throws RepriseError `dead_letter_not_found`. */
export async function getDead(api: Api, dlqId: string): Promise<DeadResource> {
  try {
    return await getDeadOf("run", api, dlqId);
  } catch (error) {
    if (!isRepriseError(error) || error.code !== "dead_letter_not_found") throw error;
  }
  return getDeadOf("message", api, dlqId);
}

function getDeadOf(kind: DeadKind, api: Api, dlqId: string): Promise<DeadResource> {
  const path = `${DEAD_QUEUES[kind].path}/${segment(dlqId, "the id")}`;
  return ask<DeadResource>(api, { path });
}

/** Refusals that an id of the other kind gets. */
const OTHER_KIND: ReadonlySet<string> = new Set(["dead_letter_not_found", "not_a_workflow"]);

/** What to do when an action for one kind names a dead letter of the other; the refusal itself otherwise. */
export async function explainDead(
  kind: DeadKind,
  { api, id, error }: { readonly api: Api; readonly id: string; readonly error: Error },
): Promise<string> {
  const isOther = isRepriseError(error) && OTHER_KIND.has(error.code);
  if (!isOther) return error.message;
  const other = kind === "run" ? "message" : "run";
  try {
    await getDeadOf(other, api, id);
  } catch {
    return error.message; // It is of neither kind, as the refusal says.
  }
  return other === "message"
    ? `dead letter ${id} is of a message, not of a run; use: reprise dlq retry ${id}`
    : `dead letter ${id} is of a run, not of a message; use: reprise dlq resume ${id}`;
}
