import { parentPort, workerData } from "node:worker_threads";
import type { WorldKind } from "./options.ts";
import { plant } from "./plant.ts";
import type { Order, SeedResult } from "./pool.ts";
import { findMutant, loadWorld } from "./suite.ts";

// The bug must be planted before the server is loaded, so the world is imported behind it.
const { mutant: name, kind } = workerData as {
  readonly mutant: string | null;
  readonly kind: WorldKind;
}; // What the pool gives.
const mutant = name === null ? null : findMutant(name, kind);
if (mutant !== null) plant(mutant);
const playSeed = await loadWorld(kind);

parentPort?.on("message", (order: Order) => {
  void play(order).then((result) => parentPort?.postMessage(result));
});

async function play({ seed, sdk, isTwice, nodes }: Order): Promise<SeedResult> {
  const checker = mutant === null ? {} : { checker: mutant.checker };
  const world = { ...(await playSeed(seed, { sdk, nodes, ...checker })), sdk, nodes };
  if (!isTwice || world.violation !== null) return world;
  // What was checked once needs no second check: only the trace is compared.
  const again = await playSeed(seed, { sdk, nodes, checker: "none" });
  if (again.hash === world.hash) return world;
  const message = `${world.lines} lines with hash ${world.hash}, then ${again.lines} with ${again.hash}`;
  return { ...world, violation: { checker: "each seed is the same twice", message } };
}
