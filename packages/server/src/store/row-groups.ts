import { assert } from "../core/assert.ts";
import type { RowGroup } from "./store.ts";

/** What both databases share of putting rows together in groups. */

/** The columns of a group, in this order, from any database that quotes names with `"`. */
export const GROUP_COLUMNS =
  '"groupId", count(*) AS "count", min("createdAt") AS "firstAt", max("createdAt") AS "lastAt", ' +
  'min(CASE WHEN "isHeld" = 0 THEN "createdAt" END) AS "firstFreeAt", max("key") AS "newestKey"';

/** What each order sorts by. */
export const GROUP_RANK = { latest: 'max("createdAt")', largest: "count(*)" } as const;

/** Counted in its database, its parts not yet. */
export type GroupHead = Omit<RowGroup, "partsFrom" | "parts">;

/** Reads a row of {@link GROUP_COLUMNS}. Drivers give large numbers as texts or as big integers. */
export function toGroupHead(values: readonly unknown[]): GroupHead {
  const [groupId, count, firstAt, lastAt, firstFreeAt, newestKey] = values;
  return {
    groupId: String(groupId),
    count: Number(count),
    firstAt: Number(firstAt),
    lastAt: Number(lastAt),
    firstFreeAt: firstFreeAt == null ? null : Number(firstFreeAt),
    newestKey: Number(newestKey),
  };
}

export interface PartsAsked {
  readonly parts: number;
  readonly from: number;
  readonly until: number;
}

export interface Parts {
  readonly from: number;
  /** Of one of them; never 0. */
  readonly width: number;
}

/** Where the parts of one group begin, and how long each is. */
export function partsOf({ firstAt }: Pick<GroupHead, "firstAt">, asked: PartsAsked): Parts {
  assert(asked.parts > 0, "a group has parts");
  const from = Math.max(firstAt, asked.from);
  const width = Math.max(1, Math.ceil((asked.until - from + 1) / asked.parts));
  return { from, width };
}
