import { useEffect } from "react";
import type { LivePages } from "./use-live-pages.ts";

interface FollowingAsked<T> {
  readonly list: LivePages<T>;
  readonly items: readonly { readonly index: number }[];
  readonly count: number;
  readonly isTop: boolean;
  /** A person has chosen rows, or stands on one. */
  readonly isBusyWith: boolean;
}

/** Rows behind the last visible one that are there already when somebody scrolls. */
const AHEAD_ROWS = 25;

/** Asks for more near the end, tells what is visible, and shows new rows by itself while a person just watches the top. */
export function useFollowing<T>(asked: FollowingAsked<T>): boolean {
  const { list, items, count, isTop, isBusyWith } = asked;
  const { hasMore, isFetchingMore, error, fetchMore, onVisible, newCount, showNew } = list;
  const first = items.at(0)?.index ?? 0;
  const last = items.at(-1)?.index ?? -1;
  const isNearEnd = last >= count - AHEAD_ROWS;
  useEffect(() => {
    if (hasMore && !isFetchingMore && error === null && isNearEnd) fetchMore();
  }, [hasMore, isFetchingMore, error, isNearEnd, fetchMore]);
  useEffect(() => onVisible(first, last), [first, last, onVisible]);
  const isFollowing = isTop && !isBusyWith;
  useEffect(() => {
    if (isFollowing && newCount > 0) showNew();
  }, [isFollowing, newCount, showNew]);
  return isFollowing;
}
