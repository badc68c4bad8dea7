/** Prefixes of destinations, which may be written in any letters as well; the slash behind them belongs to them. */
const DESTINATIONS: ReadonlySet<string> = new Set(["publish", "enqueue"]);

/** Collections that some client names in other letters, or with a slash behind; keys and tokens have one address only. */
const COLLECTIONS: ReadonlyMap<string, string> = new Map(
  [
    "messages",
    "queues",
    "schedules",
    "topics",
    "dlq",
    "logs",
    "events",
    "flowControl",
    "globalParallelism",
    "bulkActions",
  ].map((name) => [name.toLowerCase(), name]),
);

const COLLECTION = /^\/v2\/([A-Za-z]+)(\/.*)?$/i;

/**
 * The path by which a route is looked for: one client writes `/v2/Schedules`, and a slash behind a collection means the
 * collection. What follows the name of the collection is an id or a destination and stays as it is.
 */
export function routePath(path: string): string {
  const [, name = "", rest = ""] = COLLECTION.exec(path) ?? [];
  if (DESTINATIONS.has(name.toLowerCase())) return `/v2/${name.toLowerCase()}${rest}`;
  const collection = COLLECTIONS.get(name.toLowerCase());
  return collection === undefined ? path : `/v2/${collection}${rest === "/" ? "" : rest}`;
}
