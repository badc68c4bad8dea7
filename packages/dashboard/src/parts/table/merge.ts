/** How what the server says anew joins what is shown already. Pure, so that rows never jump under a person's hand. */

interface Fresh<T> {
  /** In the order of the server. */
  readonly rows: readonly T[];
  readonly hasMore: boolean;
}

interface Compared<T> {
  /** Rows that nobody has seen; the first is the newest. */
  readonly unseen: readonly T[];
  /** Ids that the server lists no more. */
  readonly gone: readonly string[];
}

/** Rows of pages in their order, each id once: a row that moved between two requests stays where it was seen first. */
export function joinPages<T>(
  pages: readonly (readonly T[])[],
  idOf: (row: T) => string,
): readonly T[] {
  const seen = new Set<string>();
  return pages.flatMap((rows) =>
    rows.filter((row) => {
      const id = idOf(row);
      if (seen.has(id)) return false;
      seen.add(id);
      return true;
    }),
  );
}

/**
 * Compares a page, asked for again, with the rows that are shown from where it begins. A shown row is gone when the server lists
 * one that was behind it, or lists nothing more at all.
 */
export function compare<T>(
  shown: readonly T[],
  fresh: Fresh<T>,
  idOf: (row: T) => string,
): Compared<T> {
  const listed = new Set(fresh.rows.map(idOf));
  const known = new Set(shown.map(idOf));
  const lastListed = shown.findLastIndex((row) => listed.has(idOf(row)));
  const end = fresh.hasMore ? lastListed : shown.length;
  return {
    unseen: fresh.rows.filter((row) => !known.has(idOf(row))),
    gone: shown
      .slice(0, Math.max(end, 0))
      .map(idOf)
      .filter((id) => !listed.has(id)),
  };
}

/** The first page with its new rows in front; only the new page when it has nothing in common with what is shown. */
export function putInFront<T>(
  shown: readonly T[],
  fresh: readonly T[],
  idOf: (row: T) => string,
): { readonly rows: readonly T[]; readonly isJoined: boolean } {
  const listed = new Set(fresh.map(idOf));
  const isJoined = shown.some((row) => listed.has(idOf(row)));
  return { rows: isJoined ? joinPages([fresh, shown], idOf) : fresh, isJoined };
}
