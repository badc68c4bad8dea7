// The order of acceptance across nodes: whoever was answered before somebody else asked comes first, whichever nodes they have asked.

import { expect, test } from "vitest";
import { okOf, useRaceCluster } from "./race-cluster.ts";

const cluster = useRaceCluster();

/** Enough that a clock which runs ahead by a millisecond now and then is seen. */
const MESSAGES = 100;

test("a queue delivers in the order in which its messages were accepted, at one node and at the other", async () => {
  const queue = cluster.name("order");
  const path = `/${queue}`;
  const sent: string[] = [];
  for (let number = 0; number < MESSAGES; number += 1) {
    const body = String(number);
    okOf(
      await cluster.call(number % 2 === 0 ? 0 : 1, {
        method: "POST",
        path: `/v2/enqueue/${queue}/${cluster.url(path)}`,
        body,
      }),
    );
    sent.push(body);
  }
  const delivered = await cluster.delivered(path, MESSAGES);
  expect(delivered.map(({ body }) => body)).toEqual(sent);
});

test("what has no delay is due when it is accepted, and not a moment later", async () => {
  const queue = cluster.name("due");
  const paused = JSON.stringify({ queueName: queue, parallelism: 1, paused: true });
  okOf(await cluster.call(0, { method: "POST", path: "/v2/queues", body: paused }));
  for (let number = 0; number < MESSAGES; number += 1) {
    const path = `/v2/enqueue/${queue}/${cluster.url("/due")}`;
    okOf(await cluster.call(number % 2 === 0 ? 0 : 1, { method: "POST", path, body: "x" }));
    // Each waits in the line from the transaction on that accepts it: nobody has to find it later.
    const waiting = `SELECT count(*) FROM messages WHERE gate = 'queue:${queue}' AND state = 'waiting'`;
    expect(await cluster.count(waiting)).toBe(number + 1);
  }
});
