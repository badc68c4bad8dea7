import { type QueryKey, useInfiniteQuery } from "@tanstack/react-query";
import { ask, type Query } from "./client.ts";

interface Paged<Page, Item> {
  readonly queryKey: QueryKey;
  readonly path: string;
  readonly query?: Query;
  readonly itemsOf: (page: Page) => readonly Item[];
}

/** A list that comes page by page, each behind the cursor of the one before. */
export function usePages<Page extends { readonly cursor?: string }, Item>(
  paged: Paged<Page, Item>,
) {
  const { queryKey, path, query = {}, itemsOf } = paged;
  const result = useInfiniteQuery({
    queryKey: [...queryKey, query],
    queryFn: ({ pageParam, signal }) =>
      ask<Page>(path, { query: { ...query, cursor: pageParam }, signal }),
    initialPageParam: "",
    getNextPageParam: ({ cursor }) => cursor,
  });
  return { ...result, items: result.data?.pages.flatMap((page) => [...itemsOf(page)]) };
}
