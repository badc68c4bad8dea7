import {
  CALLBACK_PREFIX,
  FAILURE_CALLBACK_PREFIX,
  FORWARD_PREFIX,
  HEADER,
  type HeaderMap,
  isHeaderRedacted,
  parseRedaction,
  type Redaction,
  toHeaderMap,
  type UrlGroupResource,
} from "@reprise/protocol";
import type { Endpoint } from "../../core/publish.ts";
import type { UrlGroupRow } from "../../core/rows.ts";
import { hidden, storedHeaders } from "./content.ts";

/** A URL group as answers show it. */
export function toUrlGroupResource(group: UrlGroupRow): UrlGroupResource {
  const { name, createdAt, updatedAt, endpoints, headers } = group;
  return {
    name,
    createdAt,
    updatedAt,
    // Written by `JSON.stringify` of a list of endpoints.
    endpoints: JSON.parse(endpoints) as readonly Endpoint[],
    ...(headers === null ? {} : { headers: shownDefaults(headers) }),
  };
}

/** Default headers hide what messages with these headers hide. */
function shownDefaults(json: string): HeaderMap {
  const map = toHeaderMap(storedHeaders(json));
  const redaction = redactionOf(storedHeaders(json)[HEADER.redactFields]);
  const shown = Object.entries(map).map(([name, values]) => {
    const forwarded = forwardedName(name.toLowerCase());
    const isHidden = forwarded !== null && isHeaderRedacted(redaction, forwarded);
    return [name, isHidden ? values.map(hidden) : values] as const;
  });
  return Object.fromEntries(shown);
}

/** A row that cannot be read may have asked for anything, so every header is hidden. */
const ALL_HIDDEN: Redaction = { isBodyRedacted: true, headers: "all" };

function redactionOf(field: string | readonly string[] | undefined): Redaction | null {
  if (field === undefined) return null;
  try {
    return parseRedaction([field].flat().join(","));
  } catch {
    return ALL_HIDDEN; // Checked when it was stored: only a damaged row comes here.
  }
}

const PREFIXES = [
  FORWARD_PREFIX,
  `${CALLBACK_PREFIX}forward-`,
  `${FAILURE_CALLBACK_PREFIX}forward-`,
] as const;

/** The name under which a header reaches a destination; null for a setting. */
function forwardedName(name: string): string | null {
  const prefix = PREFIXES.find((one) => name.startsWith(one));
  return prefix === undefined ? null : name.slice(prefix.length);
}
