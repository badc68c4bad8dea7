import type { Api, ApiRequest } from "./api-client.ts";
import { failure } from "./fault.ts";

/** One page of a list: its items under a name of their own, and where the next page starts. */
interface Page<T> {
  readonly items: readonly T[];
  readonly cursor: string;
}

export interface ListRequest extends ApiRequest {
  /** The field of the answer that holds the items. */
  readonly field: string;
  readonly pageSizeMax: number;
  /** Where the list begins; the beginning when it is not given. */
  readonly cursor?: string | undefined;
}

/** Asks for page after page and yields each. */
export async function* listPages<T>(api: Api, request: ListRequest): AsyncGenerator<readonly T[]> {
  let cursor = request.cursor ?? "";
  do {
    const page = await askPage<T>(api, request, { count: request.pageSizeMax, cursor });
    yield page.items;
    cursor = page.cursor;
  } while (cursor !== "");
}

/** The first `limit` items of a list, and whether there are more. */
export async function listFirst<T>(
  api: Api,
  request: ListRequest,
  limit: number,
): Promise<{ readonly items: readonly T[]; readonly hasMore: boolean }> {
  const items: T[] = [];
  for await (const page of listPages<T>(api, request)) {
    items.push(...page);
    if (items.length > limit) break;
  }
  return { items: items.slice(0, limit), hasMore: items.length > limit };
}

/** Pages up to the item that fills the limit; all of them without one. */
export async function* takeFirst<T>(
  pages: AsyncIterable<readonly T[]>,
  limit = Number.POSITIVE_INFINITY,
): AsyncGenerator<readonly T[]> {
  let left = limit;
  for await (const page of pages) {
    yield page.slice(0, left);
    left -= page.length;
    if (left <= 0) return;
  }
}

/** The first `limit` items, and the cursor to those behind them; it is empty at the end. */
export async function listUpTo<T>(
  api: Api,
  request: ListRequest,
  limit: number,
): Promise<{ readonly items: readonly T[]; readonly cursor: string }> {
  const items: T[] = [];
  let cursor = request.cursor ?? "";
  do {
    // A page never has more than is missing, because a cursor leads to the end of its page.
    const count = Math.min(request.pageSizeMax, limit - items.length);
    const page = await askPage<T>(api, request, { count, cursor });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== "" && items.length < limit);
  return { items, cursor };
}

async function askPage<T>(
  api: Api,
  { field, pageSizeMax: _, ...request }: ListRequest,
  { count, cursor }: { readonly count: number; readonly cursor: string },
): Promise<Page<T>> {
  const query = [...(request.query ?? []), ["count", String(count)] as const];
  const next = cursor === "" ? query : [...query, ["cursor", cursor] as const];
  const page: Page<T> = readPage(await api({ ...request, query: next }), field);
  // A server that repeats a cursor would be asked for ever.
  return page.cursor === cursor ? { ...page, cursor: "" } : page;
}

function readPage<T>(answer: unknown, field: string): Page<T> {
  const fields: Readonly<Record<string, unknown>> =
    typeof answer === "object" && answer !== null ? { ...answer } : {};
  const items = fields[field];
  if (!Array.isArray(items)) throw failure(`the server's answer has no list "${field}"`);
  const { cursor } = fields;
  return { items, cursor: typeof cursor === "string" ? cursor : "" };
}
