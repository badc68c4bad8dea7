import { MATCH_COUNT_MAX, type MatchCount } from "@reprise/protocol";
import type { Tables } from "../core/rows.ts";
import type { Column, Condition } from "../store/store.ts";
import type { ApiRoom } from "./room.ts";

/** Counts what filters match, piece by piece: other work waits behind each, and counting ends somewhere. */

export type CountedTable = "runs" | "messages" | "deadLetters" | "deadMessages";

export interface Counted<T extends CountedTable> {
  readonly table: T;
  readonly conditions: readonly Condition<T>[];
  /** What no column holds; null when the conditions say everything. */
  readonly matches: ((row: Tables[T]) => boolean) | null;
}

/** Keys that one question passes over: the store compares some millions of rows a second. */
const SPAN_KEYS = 50_000;
/** Rows that are read at once when the store cannot compare what is asked for. */
const PAGE_ROWS = 250;
/** How long one request counts; then it tells what it has. */
const COUNT_MS_MAX = 400;

export async function countMatches<T extends CountedTable>(
  counted: Counted<T>,
  room: ApiRoom,
): Promise<MatchCount> {
  const { host } = room;
  const deadline = host.now() + COUNT_MS_MAX;
  let count = 0;
  for (let afterKey: number | null = 0; afterKey !== null; await host.nextTurn()) {
    const piece: Piece = await countPiece(counted, afterKey, room);
    count += piece.count;
    afterKey = piece.end;
    if (count >= MATCH_COUNT_MAX) {
      return { count: MATCH_COUNT_MAX, isExact: count === MATCH_COUNT_MAX && afterKey === null };
    }
    if (afterKey !== null && host.now() > deadline) return { count, isExact: false };
  }
  return { count, isExact: true };
}

interface Piece {
  readonly count: number;
  /** The key behind which counting goes on; null at the end. */
  readonly end: number | null;
}

async function countPiece<T extends CountedTable>(
  { table, conditions, matches }: Counted<T>,
  afterKey: number,
  { store }: ApiRoom,
): Promise<Piece> {
  const order = "ascending";
  if (matches !== null) {
    const query = { where: conditions, order, afterKey, limit: PAGE_ROWS } as const;
    const rows = await store.list(table, query);
    const count = rows.filter(matches).length;
    return { count, end: rows.length < PAGE_ROWS ? null : (rows.at(-1)?.key ?? null) };
  }
  const [first] = await store.list(table, {
    where: stateOf(conditions),
    order,
    afterKey,
    limit: 1,
  });
  if (first === undefined) return { count: 0, end: null };
  const end = first.key + SPAN_KEYS;
  // Each of these tables has this column.
  const column = "key" as Column<T>;
  const span: Condition<T> = { type: "range", column, from: first.key, to: end };
  return { count: await store.count(table, [...conditions, span]), end };
}

/** An index leads to the next row in a state; other conditions may pass over all there are. */
function stateOf<T extends CountedTable>(
  conditions: readonly Condition<T>[],
): readonly Condition<T>[] {
  return conditions.filter(
    (condition) =>
      condition.type === "in" && condition.column === "state" && condition.values.length === 1,
  );
}
