import type { RunResource } from "@reprise/protocol";
import { Counters } from "../conformance/counters.ts";
import type { World } from "../conformance/world.ts";

/** Four steps, of which the third fails until it is healed. */
export function serveOrder(world: World, path: string): Counters {
  const counters = new Counters(["charge"]);
  world.serve<{ order: number }>(path, async (context) => {
    const { order } = context.requestPayload;
    const reserved = await context.run("reserve", counters.step("reserve", { order }));
    await context.sleep("pause", 0.01);
    const charge = await context.run("charge", counters.step("charge", `charge ${reserved.order}`));
    return context.run("ship", counters.step("ship", `shipped after ${charge}`));
  });
  return counters;
}

export interface FailedOrder {
  readonly runId: string;
  readonly counters: Counters;
}

/** A run of that workflow, once it has failed. */
export async function failOrder(world: World, options: object = {}): Promise<FailedOrder> {
  const counters = serveOrder(world, "/order");
  const url = `${world.app.url}/order`;
  const runId = await world.trigger({ url, body: { order: 7 }, retries: 0, ...options });
  await world.failed(runId);
  return { runId, counters };
}

/** The names of a run's steps as the log shows them. */
export const stepNames = (run: RunResource | null): readonly (string | undefined)[] =>
  run?.steps.flatMap(({ steps }) => steps.map(({ stepName }) => stepName)) ?? [];
