import type { FailureGroup, FailureGroupPage } from "@reprise/protocol";
import { readFailureCause } from "../core/failure.ts";
import type { DeadLetterRow, DeadMessageRow } from "../core/rows.ts";
import type { BytesColumn, Condition, RowGroup } from "../store/store.ts";
import { decodeCursor, encodeCursor } from "./cursor.ts";
import { deadLetterConditions } from "./filters.ts";
import type { DeadTable } from "./find-dead.ts";
import { deadMessageConditions } from "./message-filters.ts";
import {
  invalid,
  type Parameters,
  readCount,
  readCursor,
  readOneOf,
  readWhole,
} from "./parameters.ts";
import type { ApiRoom } from "./room.ts";
import { dlqIdOf } from "./views/dlq-id.ts";
import { expiresAt } from "./views/expires-at.ts";

/** Lists what went wrong: the entries of a dead letter queue, put together by cause, place and words. */

const GROUPS_MAX = 100;
const BUCKETS = 24;

const ORDER = { last: "latest", count: "largest" } as const;

/** The filters of both queues, by the table that they are about. */
const CONDITIONS: {
  readonly [T in DeadTable]: (parameters: Parameters) => readonly Condition<T>[];
} = { deadLetters: deadLetterConditions, deadMessages: deadMessageConditions };

export function deadConditions<T extends DeadTable>(
  table: T,
  parameters: Parameters,
): readonly Condition<T>[] {
  return CONDITIONS[table](parameters);
}

const BODIES: { readonly [T in DeadTable]: readonly BytesColumn<T>[] } = {
  deadLetters: ["responseBody", "callbackResponseBody"],
  deadMessages: ["responseBody"],
};

/** @throws RepriseError `invalid_query` or `invalid_cursor`. */
export async function listGroups<T extends DeadTable>(
  table: T,
  parameters: Parameters,
  room: ApiRoom,
): Promise<FailureGroupPage> {
  const [sort = "last", ...others] = readOneOf(parameters, "sort", Object.keys(ORDER)) ?? [];
  if (others.length > 0) throw invalid("sort", "must be given once");
  const issuer = { endpoint: `${table}.groups.${sort}`, secret: room.credentials.cursorSecret };
  const cursor = readCursor(parameters);
  const [rank, newestKey] = cursor === null ? [] : decodeCursor(cursor, 2, issuer);
  const limit = readCount(parameters, GROUPS_MAX);
  const now = room.host.now();
  const found = await room.store.groups(table, {
    where: deadConditions(table, parameters),
    order: sort === "count" ? ORDER.count : ORDER.last,
    after: rank === undefined || newestKey === undefined ? null : { rank, newestKey },
    limit: limit + 1,
    parts: BUCKETS,
    from: readWhole(parameters, "fromDate", 0) ?? 0,
    until: now,
  });
  const page = found.slice(0, limit);
  const groups = await showGroups(table, page, room);
  const last = page.at(-1);
  if (last === undefined || found.length <= limit) return { groups };
  const place = [sort === "count" ? last.count : last.lastAt, last.newestKey];
  return { groups, cursor: encodeCursor(place, issuer) };
}

async function showGroups<T extends DeadTable>(
  table: T,
  found: readonly RowGroup[],
  { store, settings }: ApiRoom,
): Promise<readonly FailureGroup[]> {
  const keys = found.map(({ newestKey }) => newestKey);
  const isOne: Condition<T> = { type: "in", column: "key", values: keys };
  const rows = await store.list(table, {
    where: [isOne],
    order: "ascending",
    limit: keys.length,
    without: BODIES[table],
  });
  const byKey = new Map(rows.map((row) => [row.key, row]));
  return found.flatMap((group) => {
    const newest = byKey.get(group.newestKey);
    // Gone since it was counted, and with it perhaps the group.
    return newest === undefined ? [] : [toGroup(group, newest, settings.deadLetterRetentionMs)];
  });
}

function toGroup(
  group: RowGroup,
  newest: DeadLetterRow | DeadMessageRow,
  deadLetterRetentionMs: number,
): FailureGroup {
  const { firstFreeAt } = group;
  return {
    groupId: group.groupId,
    url: newest.url,
    stepName: "stepName" in newest ? newest.stepName : null,
    cause: readFailureCause(newest.failureCause) ?? "unknown",
    responseStatus: newest.responseStatus === 0 ? null : newest.responseStatus,
    message: newest.failureText ?? "",
    count: group.count,
    firstFailedAt: group.firstAt,
    lastFailedAt: group.lastAt,
    expiresAt:
      firstFreeAt === null
        ? null
        : expiresAt({ createdAt: firstFreeAt, isHeld: 0 }, deadLetterRetentionMs),
    buckets: group.parts,
    bucketsFrom: group.partsFrom,
    sampleDlqId: dlqIdOf(newest),
  };
}
