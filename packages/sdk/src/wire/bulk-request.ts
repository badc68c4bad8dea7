import type { HttpRequest } from "./http.ts";
import { toQuery } from "./http.ts";

/** Servers read heads of 16 KiB; tokens and headers need their part of it. */
const QUERY_CHARS_MAX = 6_000;

/** A request about many: its ids and filters are in the query, or in a JSON body when they are too long for a URL. */
export function bulkRequest({ query = {}, ...request }: HttpRequest): HttpRequest {
  if (toQuery(query).length <= QUERY_CHARS_MAX) return { ...request, query };
  const headers = new Headers(request.headers);
  headers.set("content-type", "application/json");
  return { ...request, headers, body: JSON.stringify(query) };
}
