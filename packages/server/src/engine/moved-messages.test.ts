import { expect, test } from "vitest";
import { limits, openWorld } from "./engine.suite.ts";
import { Engine } from "./engine.ts";
import { newMessages } from "./gates.suite.ts";
import { NodeLease } from "./node-lease.ts";
import { accepted } from "./scripted-host.suite.ts";
import { SharedClock } from "./shared-clock.ts";

/** More than are read at once. */
const MESSAGES = 2_300;
const MANY = { perOriginMax: 3_000, parallelismMax: 3_000, groupRequestsMax: 5_000 };

test("a node takes over at once whatever a server had in flight that was alone, however much it was", async () => {
  const world = await openWorld(MANY);
  const { host, engine, store } = world;
  const names = Array.from({ length: MESSAGES }, (_, number) => number);
  for (let first = 0; first < MESSAGES; first += 100)
    await engine.execute(newMessages(host, names.slice(first, first + 100)));
  await host.until(() => host.exchanges.length === MESSAGES);

  // The server is gone with all of its attempts, and its data has been moved to where nodes share it.
  const again: string[] = [];
  host.respond = ({ url }) => {
    again.push(url);
    return accepted();
  };
  const clock = new SharedClock(() => host.now(), host.now());
  const lease = await NodeLease.open({ store, host, clock, leaseMs: 15_000 });
  const keys = { current: "sig_current", next: "sig_next" };
  const node = new Engine({ host, store, lease, keys: () => keys, limits: { ...limits, ...MANY } });
  const startedAt = host.now();
  node.start();
  await host.until(() => again.length >= MESSAGES);
  expect(host.now()).toBe(startedAt);
  expect(new Set(again).size).toBe(MESSAGES);
  await node.stop(0);
  await lease.close();
  await store.close();
});
