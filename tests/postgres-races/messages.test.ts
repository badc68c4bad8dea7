// What two nodes do to one message at the same time. The first one stands with its locks in an open transaction of the real
// PostgreSQL, the second one runs into them, and only then may the first one commit.

import { messageId, messageKey } from "@reprise/protocol";
import type { Change } from "@reprise/server";
import { expect, test } from "vitest";
import { BOTH_ORDERS, okOf, useRaceCluster } from "./race-cluster.ts";

// On a busy machine no lease is lost but those that a test ends, and the next one is not far.
const cluster = useRaceCluster({ environment: { REPRISE_NODE_LEASE: "20s" } });

interface Published {
  readonly messageId: string;
  readonly deduplicated?: boolean;
}

const inserts = (table: Change["table"]) => (changes: readonly Change[]) =>
  changes.some((change) => change.type === "insert" && change.table === table);

/** What changes the message or takes it away. */
const touches = (messageId: string) => (changes: readonly Change[]) =>
  changes.some(
    (change) =>
      change.table === "messages" &&
      change.type !== "insert" &&
      change.key === messageKey(messageId),
  );

function publish(node: 0 | 1, path: string, headers: Readonly<Record<string, string>> = {}) {
  return cluster.call(node, {
    method: "POST",
    path: `/v2/publish/${cluster.url(path)}`,
    headers,
    body: "{}",
  });
}

async function momentsOf(messageId: string): Promise<readonly string[]> {
  const rows = await cluster.query<{ readonly moment: string }>(
    `SELECT moment FROM logs WHERE "messageKey" = ${messageKey(messageId)} ORDER BY key`,
  );
  return rows.map(({ moment }) => moment);
}

const ENDS = ["delivered", "failed", "canceled", "canceledLate"];

async function ended(messageId: string): Promise<readonly string[]> {
  await cluster.until(`the end of ${messageId}`, async () => {
    const moments = await momentsOf(messageId);
    return moments.some((moment) => ENDS.includes(moment));
  });
  return (await momentsOf(messageId)).filter((moment) => ENDS.includes(moment));
}

test.each(BOTH_ORDERS)(
  "dedup/dedup: node %i claims the id, and node %i names its message",
  async (a, b) => {
    const id = cluster.name("dedup");
    const headers = { "upstash-deduplication-id": id, "upstash-delay": "1h" };
    const held = cluster.node(a).gatekeeper.hold(inserts("dedups"));
    const [first, second] = await cluster.collide(
      held,
      () => publish(a, `/${id}`, headers),
      () => publish(b, `/${id}`, headers),
    );
    const [one, other] = [okOf<Published>(first), okOf<Published>(second)];
    expect(one.deduplicated ?? false).toBe(false);
    expect(other).toMatchObject({ messageId: one.messageId, deduplicated: true });
    const made = `SELECT count(*) FROM envelopes WHERE url LIKE '%/${id}'`;
    expect(await cluster.count(made)).toBe(1);
  },
);

test.each(BOTH_ORDERS)(
  "enqueue/enqueue: node %i is first in the queue, node %i behind it",
  async (a, b) => {
    const queue = cluster.name("queue");
    const path = `/held/${queue}`;
    const enqueue = (node: 0 | 1) =>
      cluster.call(node, {
        method: "POST",
        path: `/v2/enqueue/${queue}/${cluster.url(path)}`,
        body: "{}",
      });
    const held = cluster.node(a).gatekeeper.hold(inserts("messages"));
    const [first, second] = await cluster.collide(
      held,
      () => enqueue(a),
      () => enqueue(b),
    );
    const [one, other] = [okOf<Published>(first), okOf<Published>(second)];
    expect(Number(messageKey(one.messageId))).toBeLessThan(Number(messageKey(other.messageId)));
    const [early] = await cluster.delivered(path);
    expect(early?.messageId).toBe(one.messageId);
    expect(cluster.deliveriesOf(path)).toHaveLength(1);
    early?.answer();
    const [, late] = await cluster.delivered(path, 2);
    expect(late?.messageId).toBe(other.messageId);
    late?.answer();
    expect(await ended(other.messageId)).toEqual(["delivered"]);
  },
);

test("claim/claim: what one node is about to deliver no other one takes", async () => {
  const path = `/${cluster.name("claim")}`;
  const { messageId } = okOf<Published>(await publish(0, path, { "upstash-delay": "1h" }));
  const holds = [0, 1].map(
    (node) => cluster.node(node as 0 | 1).gatekeeper.hold(touches(messageId)), // One of the two above.
  );
  // Due once both are held, however long that takes.
  await cluster.query(`UPDATE messages SET "dueAt" = 1 WHERE key = ${messageKey(messageId)}`);
  const winner = await Promise.race(holds.map(({ entered }, node) => entered.then(() => node)));
  const loser = cluster.node(winner === 0 ? 1 : 0).gatekeeper;
  const before = loser.claims;
  await cluster.until("two looks of the other node", () =>
    Promise.resolve(loser.claims > before + 1),
  );
  for (const { release } of holds) release();
  expect(await ended(messageId)).toEqual(["delivered"]);
  expect(cluster.deliveriesOf(path)).toHaveLength(1);
});

test.each(BOTH_ORDERS)(
  "cancel/finish: the cancel at node %i is first, the outcome at node %i comes late",
  async (a, b) => {
    const path = `/held/${cluster.name("cancel")}`;
    const { messageId } = okOf<Published>(await publish(b, path));
    const [attempt] = await cluster.delivered(path);
    const held = cluster.node(a).gatekeeper.hold(touches(messageId));
    const [canceled, ends] = await cluster.collide(
      held,
      () => cluster.call(a, { method: "DELETE", path: `/v2/messages/${messageId}` }),
      () => {
        attempt?.answer();
        return ended(messageId);
      },
    );
    expect(canceled.status, canceled.text).toBe(202);
    expect(ends).toHaveLength(1);
    expect(cluster.deliveriesOf(path)).toHaveLength(1);
  },
);

test.each(BOTH_ORDERS)(
  "finish/cancel: the outcome at node %i is first, the cancel at node %i finds nothing",
  async (a, b) => {
    const path = `/held/${cluster.name("finish")}`;
    const { messageId } = okOf<Published>(await publish(a, path));
    const [attempt] = await cluster.delivered(path);
    const held = cluster.node(a).gatekeeper.hold(touches(messageId));
    const [ends, canceled] = await cluster.collide(
      held,
      () => {
        attempt?.answer();
        return ended(messageId);
      },
      () => cluster.call(b, { method: "DELETE", path: `/v2/messages/${messageId}` }),
    );
    expect(ends).toEqual(["delivered"]);
    expect(canceled.status, canceled.text).toBe(404);
  },
);

test.each(BOTH_ORDERS)(
  "deliver/cancel: node %i has not heard yet that it is to deliver when node %i cancels, and does not",
  async (a, b) => {
    const path = `/${cluster.name("unheard")}`;
    const { gatekeeper } = cluster.node(a);
    const asleep = gatekeeper.sleepBehind(inserts("envelopes"));
    const published = publish(a, path);
    await asleep.entered;
    const rows = await cluster.query<{ readonly key: string }>(
      `SELECT key FROM envelopes WHERE url LIKE '%${path}'`,
    );
    const id = messageId(Number(rows[0]?.key));
    const canceled = await cluster.call(b, { method: "DELETE", path: `/v2/messages/${id}` });
    expect(canceled.status, canceled.text).toBe(202);
    // Its own connection hears: others may have been told before it.
    await cluster.until("the recall", async () =>
      gatekeeper.hasHeard(
        (hint) => hint.includes('"recall"') && hint.includes(String(rows[0]?.key)),
      ),
    );
    asleep.wake();
    expect(okOf<Published>(await published).messageId).toBe(id);
    expect(await ended(id)).toHaveLength(1);
    const open = `SELECT count(*) FROM messages WHERE key = ${rows[0]?.key}`;
    await cluster.until("the message to be gone", async () => (await cluster.count(open)) === 0);
    expect(cluster.deliveriesOf(path)).toHaveLength(0);
  },
);

/** The node that holds the message counts as gone for all others. */
async function endLeaseOfHolder(messageId: string): Promise<void> {
  await cluster.query(
    `UPDATE nodes SET "leaseUntil" = 0 WHERE key = (SELECT "nodeKey" FROM messages WHERE key = ${messageKey(messageId)}) AND "leaseUntil" > 0`,
  );
}

/** As above, until somebody else has the message: a node that notices goes on with it under another row. */
async function endLeasesUntil(isTaken: Promise<void>, messageId: string): Promise<void> {
  let isOver = false;
  void isTaken.then(() => {
    isOver = true;
  });
  await cluster.until(`the takeover of ${messageId}`, async () => {
    if (!isOver) await endLeaseOfHolder(messageId);
    return isOver;
  });
}

test.each(BOTH_ORDERS)(
  "finish/lease expiry: the outcome at node %i is first, node %i takes nothing over",
  async (a) => {
    await cluster.allHoldLeases();
    const path = `/held/${cluster.name("late-expiry")}`;
    const { messageId } = okOf<Published>(await publish(a, path));
    const [attempt] = await cluster.delivered(path);
    const held = cluster.node(a).gatekeeper.hold(touches(messageId));
    attempt?.answer();
    await held.entered;
    await endLeaseOfHolder(messageId);
    await cluster.waitsForLock();
    held.release();
    expect(await ended(messageId)).toEqual(["delivered"]);
    expect(cluster.deliveriesOf(path)).toHaveLength(1);
  },
);

test.each(BOTH_ORDERS)(
  "lease expiry/finish: node %i loses the message to node %i, and its outcome is not taken",
  async (a, b) => {
    await cluster.allHoldLeases();
    const path = `/held/${cluster.name("early-expiry")}`;
    const { messageId } = okOf<Published>(await publish(a, path));
    const [attempt] = await cluster.delivered(path);
    const held = cluster.node(b).gatekeeper.hold(touches(messageId));
    await endLeasesUntil(held.entered, messageId);
    attempt?.answer(500);
    await cluster.waitsForLock();
    held.release();
    const [, again] = await cluster.delivered(path, 2);
    // The failure of the first attempt does not count: the second one has the same number.
    expect(again?.headers["upstash-retried"]).toBe("0");
    again?.answer();
    expect(await ended(messageId)).toEqual(["delivered"]);
    expect(await momentsOf(messageId)).not.toContain("retry");
  },
);
