// Destinations and names from strangers, with a real server: a message goes where it says, and nothing else happens.

import { expect, test } from "vitest";
import { countWritten } from "../../conformance/snapshot.ts";
import { useWorld } from "../../conformance/world.ts";
import { messageClient, runClient } from "./clients.ts";

const world = useWorld();

/** URLs that lead a client that puts them into its own path somewhere else. */
const DESTINATIONS: readonly string[] = [
  "https://x.test/../../../../keys/rotate?force=true",
  "https://x.test/../../../../dlq/retry?count=100",
  "https://x.test/%2e%2e/%2e%2e/%2e%2e/workflows/dlq/resume",
  "https://x.test/a%2Fb%3Fc%23d",
  "https://x.test/?a=b&c=%20d",
  "https://x.test/a//b/./c",
  "https://x.test/a+b@c;d=e,f'g\"h",
  "https://x.test/\u00e4",
];

test.each(DESTINATIONS)("%s is kept as it is", async (url) => {
  const client = messageClient(world);
  const keys = await client.keys.get();
  const single = await client.publish({ url, delay: "1h", body: "x" });
  const queued = await client.queue({ queueName: "q" }).enqueue({ url, delay: "1h" });
  const [batched] = await client.batch([{ url, delay: "1h" }]);
  for (const { messageId } of [single, queued, batched ?? single]) {
    expect((await client.messages.get(messageId)).url).toBe(url);
  }
  const { scheduleId } = await client.schedules.create({ destination: url, cron: "@yearly" });
  expect((await client.schedules.get(scheduleId)).destination).toBe(url);
  const { workflowRunId } = await runClient(world).trigger({ url, delay: "1h" });
  const { runs } = await runClient(world).logs({ filter: { workflowRunId } });
  expect(runs[0]?.workflowUrl).toBe(url);
  expect(await client.keys.get()).toEqual(keys);
  expect(await client.messages.count()).toBe(3);
});

/** Names that would be other endpoints, or all of a kind. */
const NAMES: readonly string[] = [
  ".",
  "..",
  "../keys/rotate",
  "a/../../messages",
  "?count=5",
  "#",
  "%2e%2e",
  "",
  "a,b",
];

test.each(NAMES)("the name %j reaches nobody", async (name) => {
  const client = messageClient(world);
  const { messageId } = await client.publish({ url: "https://x.test", delay: "1h" });
  await client.queue({ queueName: "q" }).upsert({ parallelism: 1 });
  const keys = await client.keys.get();
  const rowsWritten = await countWritten(world.store);
  const calls = [
    () => client.publish({ urlGroup: name }),
    () => client.queue({ queueName: name }).enqueue({ url: "https://x.test" }),
    () => client.schedules.delete(name),
    () => client.schedules.pause({ schedule: name }),
    () => client.messages.cancel(name),
    () => client.messages.release(name),
    () => client.dlq.delete(name),
    () => client.dlq.retry(name),
    () => client.tokens.revoke(name),
    () => runClient(world).dlq.resume(name),
    () => runClient(world).nudge(name),
  ];
  // To delete what is not there is no error everywhere.
  for (const call of calls) await call().catch(() => null);
  expect(await countWritten(world.store)).toBe(rowsWritten);
  expect(await client.keys.get()).toEqual(keys);
  expect((await client.messages.get(messageId)).state).toBe("SCHEDULED");
});
