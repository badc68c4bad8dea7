import { toHeaderMap, type UrlGroupResource } from "@reprise/protocol";
import type { Endpoint } from "../../core/publish.ts";
import type { UrlGroupRow } from "../../core/rows.ts";
import { storedHeaders } from "./content.ts";

/** A URL group as answers show it. */
export function toUrlGroupResource(group: UrlGroupRow): UrlGroupResource {
  const { name, createdAt, updatedAt, endpoints, headers } = group;
  return {
    name,
    createdAt,
    updatedAt,
    // Written by `JSON.stringify` of a list of endpoints.
    endpoints: JSON.parse(endpoints) as readonly Endpoint[],
    ...(headers === null ? {} : { headers: toHeaderMap(storedHeaders(headers)) }),
  };
}
