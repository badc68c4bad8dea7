import { RepriseError } from "@reprise/protocol";
import type { ApiRoom } from "./room.ts";

/**
 * Refusals of what would make more named things than this server allows. Requests at the same instant may all pass: the limits
 * guard the server, not a price.
 */

/**
 * For messages that create their queue, and for queues themselves; null is a message without one.
 * @throws RepriseError `quota_exceeded`.
 */
export async function checkQueueQuota(
  names: readonly (string | null | undefined)[],
  { store, settings }: ApiRoom,
): Promise<void> {
  const wanted = new Set(names.filter((name) => typeof name === "string"));
  if (wanted.size === 0) return;
  const known = await store.find(
    "queues",
    "byName",
    Array.from(wanted, (name) => [name]),
  );
  const newCount = wanted.size - known.length;
  if (newCount === 0) return;
  const count = await store.count("queues", []);
  if (count + newCount > settings.queuesMax) throw exceeded("maxQueues", settings.queuesMax);
}

/** @throws RepriseError `quota_exceeded`. */
export async function checkUrlGroupQuota(
  name: string,
  { store, settings }: ApiRoom,
): Promise<void> {
  const known = await store.find("urlGroups", "byName", [[name]]);
  if (known.length > 0) return;
  const count = await store.count("urlGroups", []);
  if (count >= settings.urlGroupsMax) throw exceeded("maxTopics", settings.urlGroupsMax);
}

function exceeded(quota: string, limit: number): RepriseError {
  return new RepriseError("quota_exceeded", {
    message: `quota ${quota} exceeded, current limit: ${limit}`,
    details: { quota, limit },
  });
}
