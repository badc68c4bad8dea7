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
}

/** Asks for page after page and yields each. */
export async function* listPages<T>(api: Api, request: ListRequest): AsyncGenerator<readonly T[]> {
  const { field, pageSizeMax, ...first } = request;
  let cursor = "";
  do {
    const query = [...(first.query ?? []), ["count", String(pageSizeMax)] as const];
    const next = cursor === "" ? query : [...query, ["cursor", cursor] as const];
    const page: Page<T> = readPage(await api({ ...first, query: next }), field);
    yield page.items;
    // A server that repeats a cursor would be asked for ever.
    cursor = page.cursor === cursor ? "" : page.cursor;
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

function readPage<T>(answer: unknown, field: string): Page<T> {
  const fields: Readonly<Record<string, unknown>> =
    typeof answer === "object" && answer !== null ? { ...answer } : {};
  const items = fields[field];
  if (!Array.isArray(items)) throw failure(`the server's answer has no list "${field}"`);
  const { cursor } = fields;
  return { items, cursor: typeof cursor === "string" ? cursor : "" };
}
