import type { ChangeTopic } from "@reprise/protocol";
import type { QueryClient } from "@tanstack/react-query";

/**
 * Asks again for what a change is about, where it is shown: the first part of a query's key is its topic, or a list of topics. A query
 * that still waits for its first answer gets it and asks once more, since the answer may be from before the change.
 */
export function askAgain(client: QueryClient, topics: readonly ChangeTopic[]): void {
  const about = ({ queryKey }: { readonly queryKey: readonly unknown[] }) =>
    concerns(queryKey[0], topics);
  for (const query of client.getQueryCache().findAll({ fetchStatus: "fetching" })) {
    if (!about(query) || query.state.data !== undefined) continue;
    const { queryKey } = query;
    const again = () => client.invalidateQueries({ queryKey, exact: true });
    // One that failed is tried again by its own rules.
    void query.promise?.then(again, () => {});
  }
  void client.invalidateQueries({ predicate: about });
}

function concerns(first: unknown, topics: readonly string[]): boolean {
  if (Array.isArray(first)) return first.some((topic) => topics.includes(String(topic)));
  return typeof first === "string" && topics.includes(first);
}
