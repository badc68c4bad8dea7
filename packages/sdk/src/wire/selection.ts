import { QstashEmptyArrayError, QstashError } from "../errors.ts";
import type { QueryValue } from "./http.ts";

/** Which entries a request about many is meant for: those with these ids, those that match a filter, or all, said in a word. */

export type Filter = Readonly<Record<string, FilterValue>>;
export type FilterValue =
  | string
  | number
  | boolean
  | Date
  | readonly (string | number)[]
  | undefined;

export interface Selection {
  readonly ids?: string | readonly string[] | undefined;
  readonly filter?: Filter | undefined;
  readonly all?: boolean | undefined;
  readonly count?: number | undefined;
  readonly cursor?: string | undefined;
}

/** How the query calls the ids, and how error messages do. */
export interface IdName {
  readonly parameter: string;
  readonly noun: string;
}

/**
 * The query of a request about many. Nothing at all, an empty list and a filter without values are refused: a server could take each for
 * "all".
 * @throws QstashError, or QstashEmptyArrayError for a list without values.
 */
export function selectionQuery(
  { ids, filter, all, count, cursor }: Selection,
  { parameter, noun }: IdName,
): Record<string, QueryValue> {
  const given = [ids !== undefined, filter !== undefined, all === true];
  if (given.filter(Boolean).length !== 1) {
    const found = given.some(Boolean) ? "several of them" : "none of them";
    throw new QstashError(`name ${noun}s by ${parameter}, filter or all: true; got ${found}`);
  }
  if (ids !== undefined) return { [parameter]: checkIds(ids, noun), cursor };
  if (filter === undefined) return { count, cursor };
  return { ...checkFilter(filter), count, cursor };
}

/** An empty list is refused where the query is written. @throws QstashError for what cannot be an id. */
export function checkIds(ids: string | readonly string[], noun: string): readonly string[] {
  const list = typeof ids === "string" ? [ids] : ids;
  for (const id of list) checkId(id, noun);
  return list;
}

/** A comma would make two ids out of one. */
export function checkId(id: string, noun: string): string {
  if (typeof id === "string" && id !== "" && !/[\s,]/.test(id)) return id;
  throw new QstashError(
    `the id of a ${noun} cannot be ${id === "" ? "empty" : JSON.stringify(id)}`,
  );
}

/** The filter as a query. @throws QstashError when nothing would be left of it. */
export function checkFilter(filter: Filter): Record<string, QueryValue> {
  const query = filterQuery(filter);
  if (Object.values(query).some((value) => value !== undefined)) return query;
  throw new QstashError("the filter has no values; say all: true to mean everything");
}

/** The filter of a list, where no filter means everything. @throws QstashError for a value that is empty. */
export function filterQuery(filter: Filter): Record<string, QueryValue> {
  const query: Record<string, QueryValue> = {};
  for (const [name, value] of Object.entries(filter)) query[name] = checkValue(name, value);
  return query;
}

function checkValue(name: string, value: FilterValue): QueryValue {
  if (value instanceof Date) return value.getTime();
  if (Array.isArray(value) && value.length === 0) throw new QstashEmptyArrayError(name);
  const values = Array.isArray(value) ? value : [value];
  if (values.every((item) => item !== "" && item !== null)) return value;
  throw new QstashError(`the filter ${name} is empty; leave it out, or say all: true`);
}

/** Ids that one request names; servers take no more than 1,000. */
const IDS_OF_A_REQUEST = 500;

/** How many of these have been changed, asked for in as many requests as they need; of no ids nothing is sent. */
export async function countInPieces(
  ids: readonly string[],
  change: (some: readonly string[]) => Promise<number>,
): Promise<number> {
  let changed = 0;
  for (let start = 0; start < ids.length; start += IDS_OF_A_REQUEST) {
    changed += await change(ids.slice(start, start + IDS_OF_A_REQUEST));
  }
  return changed;
}
