// The order of acceptance across nodes: whoever was answered before somebody else asked comes first, whichever nodes they have asked.

import { expect, test } from "vitest";
import { okOf, useRaceCluster } from "./race-cluster.ts";

// Nothing here is about leases: on a busy machine none is lost.
const cluster = useRaceCluster({ environment: { REPRISE_NODE_LEASE: "60s" } });

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
