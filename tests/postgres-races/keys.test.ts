// Rotating the signing keys at one node while the other one delivers.

import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { BOTH_ORDERS, type Delivered, okOf, useRaceCluster } from "./race-cluster.ts";

// Nothing here is about leases: on a busy machine none is lost.
const cluster = useRaceCluster({ environment: { REPRISE_NODE_LEASE: "60s" } });

interface Keys {
  readonly current: string;
  readonly next: string;
}

async function keysOf(node: 0 | 1): Promise<Keys> {
  return okOf<Keys>(await cluster.call(node, { method: "GET", path: "/v2/keys" }));
}

function rotate(node: 0 | 1) {
  return cluster.call(node, { method: "POST", path: "/v2/keys/rotate" });
}

async function deliver(node: 0 | 1): Promise<Delivered> {
  const path = `/${cluster.name("signed")}`;
  const request = { method: "POST", path: `/v2/publish/${cluster.url(path)}`, body: "{}" } as const;
  okOf(await cluster.call(node, request));
  const [delivered] = await cluster.delivered(path);
  if (delivered === undefined) throw new Error("nothing was delivered");
  return delivered;
}

function isSignedWith(key: string, { headers }: Delivered): boolean {
  const [head, claims, signature] = String(headers["upstash-signature"]).split(".");
  return createHmac("sha256", key).update(`${head}.${claims}`).digest("base64url") === signature;
}

test.each(BOTH_ORDERS)(
  "rotate/deliver: while node %i rotates, node %i signs so that every app knows the key; soon with the new one",
  async (a, b) => {
    const before = await keysOf(b);
    const held = cluster
      .node(a)
      .gatekeeper.hold((changes) => changes.some(({ table }) => table === "settings"));
    const rotated = rotate(a);
    await held.entered;
    expect(isSignedWith(before.current, await deliver(b))).toBe(true);
    held.release();
    okOf(await rotated);
    const after = await keysOf(a);
    expect(after.current).toBe(before.next);
    // Apps have both keys, so the node that learns of it late signs with one that they know.
    const signed = await deliver(b);
    expect(isSignedWith(before.current, signed) || isSignedWith(after.current, signed)).toBe(true);
    await cluster.until("the other node to sign with the new key", async () =>
      isSignedWith(after.current, await deliver(b)),
    );
    expect(await keysOf(b)).toEqual(after);
  },
);

test.each(BOTH_ORDERS)(
  "rotate/rotate: node %i rotates, then node %i does, and both have the same keys",
  async (a, b) => {
    const before = await keysOf(a);
    const held = cluster
      .node(a)
      .gatekeeper.hold((changes) => changes.some(({ table }) => table === "settings"));
    const [first, second] = await cluster.collide(
      held,
      () => rotate(a),
      () => rotate(b),
    );
    // The second one rotates what the first has left, or is told that it was just done.
    expect([first.status, second.status < 300 || second.status === 409]).toEqual([200, true]);
    await cluster.until("both nodes to have the same keys", async () => {
      const [one, other] = [await keysOf(a), await keysOf(b)];
      return one.current === other.current && one.next === other.next;
    });
    const after = await keysOf(a);
    expect([before.current, before.next]).not.toContain(after.next);
  },
);
