// What one node commits is told by the stream of changes of the other one: a dashboard may be open at any of them.

import { CHANGE_TOPICS, type ChangeEvent, type ChangeTopic } from "@reprise/protocol";
import { onTestFinished, test } from "vitest";
import { BOTH_ORDERS, okOf, useRaceCluster } from "./race-cluster.ts";

const cluster = useRaceCluster();

/** Hears what a node tells of; gives the wait for all of these topics. */
async function listenAt(
  node: 0 | 1,
): Promise<(...topics: readonly ChangeTopic[]) => Promise<void>> {
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const told = new Set<ChangeTopic>();
  const heard = (text: string) => {
    for (const [, data = ""] of text.matchAll(/^data: (.*)$/gm)) {
      const event = JSON.parse(data) as ChangeEvent; // An event is one chunk, as the server writes it.
      for (const topic of event.topics) told.add(topic);
    }
  };
  await cluster.changesOf(node, { signal: end.signal, heard });
  return async (...topics) => {
    await cluster.until(`to hear of ${topics.join(", ")}`, async () =>
      topics.every((topic) => told.has(topic)),
    );
    told.clear();
  };
}

test.each(BOTH_ORDERS)(
  "what node %i publishes, fails and changes for a person is told by node %i",
  async (a, b) => {
    const hears = await listenAt(b);
    const hearsItself = await listenAt(a);
    // The first look has nothing to compare with, and tells everything.
    await Promise.all([hears(...CHANGE_TOPICS), hearsItself(...CHANGE_TOPICS)]);
    const path = `/failing/${cluster.name("changes")}`;
    const headers = { "upstash-retries": "0" };
    const request = {
      method: "POST",
      path: `/v2/publish/${cluster.url(path)}`,
      body: "{}",
    } as const;
    okOf(await cluster.call(a, { ...request, headers }));
    await Promise.all([hears("messages", "logs", "deadMessages"), hearsItself("deadMessages")]);

    const body = JSON.stringify({ queueName: cluster.name("queue"), parallelism: 2 });
    okOf(await cluster.call(a, { method: "POST", path: "/v2/queues", body }));
    await Promise.all([hears("queues", "audit"), hearsItself("queues", "audit")]);
  },
);
