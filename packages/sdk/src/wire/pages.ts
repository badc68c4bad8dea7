import { QstashError } from "../errors.ts";

/** What an answer says about the page behind it; no cursor, or an empty one, at the end. */
interface Page {
  readonly cursor?: string | undefined;
}

/**
 * Every item of every page, asked for as it is needed: `for await (const entry of eachItem(...))`.
 * @param read asks for the page behind a cursor.
 */
export async function* eachItem<T, P extends Page>(
  read: (cursor: string | undefined) => Promise<P>,
  itemsOf: (page: P) => readonly T[],
): AsyncGenerator<T, void, undefined> {
  let cursor: string | undefined;
  for (;;) {
    const page = await read(cursor);
    yield* itemsOf(page);
    const next = page.cursor === "" ? undefined : page.cursor;
    if (next === undefined) return;
    // Rather an error than the same page for ever.
    if (next === cursor) throw new QstashError("the server gave the same cursor twice");
    cursor = next;
  }
}

/** Answers say "nothing is left" by an empty cursor as well as by none. */
export function withoutEmptyCursor<P extends Page>(page: P): P & { cursor?: string } {
  const { cursor, ...rest } = page;
  // Only the cursor has been taken out, and an empty one is what must not come back.
  return (cursor ? { ...rest, cursor } : rest) as P & { cursor?: string };
}
