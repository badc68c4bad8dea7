import type { ChangeTopic } from "@reprise/protocol";
import {
  type InfiniteData,
  useInfiniteQuery,
  useQueries,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { ask, type Query } from "../../api/client.ts";
import { compare, joinPages, putInFront } from "./merge.ts";

export interface PageOf<T> {
  readonly rows: readonly T[];
  readonly cursor?: string | undefined;
}

export interface PagesAsked<T, A> {
  /** What makes the server be asked again. */
  readonly topics: readonly ChangeTopic[];
  readonly path: string;
  readonly query: Query;
  /** Stable, as `idOf` and `refind` are: a function of the module. */
  readonly read: (answer: A) => PageOf<T>;
  readonly idOf: (row: T) => string;
  /** Requests of the same path that name the visible rows; without it the first page alone is asked for again. */
  readonly refind?: (visible: readonly T[]) => readonly Query[];
}

/** A list that grows at its end as a person scrolls, and whose rows change in place while the server works. */
export interface LivePages<T> {
  readonly rows: readonly T[];
  readonly isPending: boolean;
  readonly error: Error | null;
  readonly hasMore: boolean;
  readonly isFetchingMore: boolean;
  readonly fetchMore: () => void;
  /** Begins at the top again. */
  readonly reload: () => void;
  /** Rows that came since and are not shown yet. */
  readonly newCount: number;
  readonly showNew: () => void;
  /** Ids of rows that the server lists no more. */
  readonly gone: ReadonlySet<string>;
  readonly onVisible: (first: number, last: number) => void;
}

const KEPT_MS = 60_000;
const SETTLED_MS = 250;
type Pages<T> = InfiniteData<PageOf<T>, string>;

export function useLivePages<T, A>(asked: PagesAsked<T, A>): LivePages<T> {
  const { topics, path, query, read, idOf } = asked;
  const client = useQueryClient();
  const pagesKey = useMemo(() => ["pages", path, query], [path, query]);
  const headKey = useMemo(() => [topics, "head", path, query], [topics, path, query]);
  const pages = useInfiniteQuery({
    queryKey: pagesKey,
    queryFn: async ({ pageParam, signal }) => {
      const page = read(await ask<A>(path, { query: { ...query, cursor: pageParam }, signal }));
      // The first page need not be asked for twice.
      if (pageParam === "") client.setQueryData(headKey, page);
      return page;
    },
    initialPageParam: "",
    getNextPageParam: ({ cursor }) => (cursor === "" ? undefined : cursor),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: KEPT_MS,
  });
  const head = useQuery({
    queryKey: headKey,
    queryFn: async ({ signal }) => read(await ask<A>(path, { query, signal })),
    enabled: pages.data !== undefined,
    gcTime: KEPT_MS,
  });
  const listed = useMemo(
    () => joinPages(pages.data?.pages.map(({ rows }) => rows) ?? [], idOf),
    [pages.data, idOf],
  );
  const { found, onVisible } = useVisible(asked, listed);
  const fresh = useMemo(
    () => joinPages([found, head.data?.rows ?? []], idOf),
    [found, head.data, idOf],
  );
  const rows = useFresh(listed, fresh, idOf);
  const { unseen, gone } = useMemo(() => {
    if (head.data === undefined) return { unseen: [], gone: [] };
    const { cursor = "" } = head.data;
    return compare(listed, { rows: head.data.rows, hasMore: cursor !== "" }, idOf);
  }, [head.data, listed, idOf]);
  const showNew = useCallback(() => {
    const first = client.getQueryData<PageOf<T>>(headKey);
    if (first === undefined) return;
    client.setQueryData<Pages<T>>(pagesKey, (before) => withHead(before, first, idOf));
  }, [client, headKey, pagesKey, idOf]);
  const reload = useCallback(() => {
    client.setQueryData<Pages<T>>(pagesKey, (before) =>
      before === undefined
        ? before
        : { pages: before.pages.slice(0, 1), pageParams: before.pageParams.slice(0, 1) },
    );
    void client.invalidateQueries({ queryKey: pagesKey });
  }, [client, pagesKey]);
  const { hasNextPage, isFetchingNextPage, fetchNextPage, error, isPending } = pages;
  const fetchMore = useCallback(() => void fetchNextPage(), [fetchNextPage]);
  const isStill = asked.refind !== undefined;
  return {
    rows,
    isPending,
    error: error ?? head.error,
    hasMore: hasNextPage,
    isFetchingMore: isFetchingNextPage,
    fetchMore,
    reload,
    newCount: unseen.length,
    showNew,
    gone: useMemo(() => new Set(isStill ? [] : gone), [isStill, gone]),
    onVisible,
  };
}

function withHead<T>(
  before: Pages<T> | undefined,
  head: PageOf<T>,
  idOf: (row: T) => string,
): Pages<T> {
  const [first] = before?.pages ?? [];
  if (before === undefined || first === undefined) return { pages: [head], pageParams: [""] };
  const { rows, isJoined } = putInFront(first.rows, head.rows, idOf);
  // Behind a gap nothing that was shown can stay.
  if (!isJoined) return { pages: [head], pageParams: [""] };
  return { ...before, pages: [{ ...first, rows }, ...before.pages.slice(1)] };
}

/** What the server says now of the rows that are on the screen. */
function useVisible<T, A>(asked: PagesAsked<T, A>, listed: readonly T[]) {
  const { topics, path, query, read, refind } = asked;
  const [range, setRange] = useState({ first: 0, last: 0 });
  const [next, setNext] = useState(range);
  useEffect(() => {
    // Nobody reads rows that fly by.
    const timer = setTimeout(() => setRange(next), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [next]);
  const onVisible = useCallback(
    (first: number, last: number) =>
      setNext((before) =>
        before.first === first && before.last === last ? before : { first, last },
      ),
    [],
  );
  const visible = listed.slice(range.first, range.last + 1);
  const queries = refind?.(visible) ?? [];
  const found = useQueries({
    queries: queries.map((named) => ({
      queryKey: [topics, "rows", path, named],
      queryFn: async ({ signal }: { readonly signal: AbortSignal }) =>
        read(await ask<A>(path, { query: { trimBody: query.trimBody, ...named }, signal })).rows,
      gcTime: KEPT_MS,
    })),
    combine: joinResults<T>,
  });
  return { found, onVisible };
}

const joinResults = <T>(results: readonly { readonly data?: readonly T[] | undefined }[]) =>
  results.flatMap(({ data }) => data ?? []);

/** Keeps what was said last of every row, also of those that are out of sight by now. */
function useFresh<T>(listed: readonly T[], fresh: readonly T[], idOf: (row: T) => string) {
  const [latest, setLatest] = useState<ReadonlyMap<string, T>>(new Map());
  useEffect(() => {
    if (fresh.length === 0) return;
    setLatest((before) => new Map([...before, ...fresh.map((row) => [idOf(row), row] as const)]));
  }, [fresh, idOf]);
  return useMemo(() => listed.map((row) => latest.get(idOf(row)) ?? row), [listed, latest, idOf]);
}
