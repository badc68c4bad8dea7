// A day in the shop, told within seconds: for pictures that look like a server that has been running.

import { serve, type WorkflowContext } from "@upstash/workflow";
import { until } from "../conformance/until.ts";
import type { DayClock } from "./day-clock.ts";
import { fillShop, type ShopRuns } from "./fill-shop.ts";
import type { Shop } from "./shop.ts";

const MINUTE_MS = 60_000;
/** What `fillShop` brings comes so long before the end. */
const LATE_MS = 40 * MINUTE_MS;

/** Work that comes every few minutes, with trouble in between; in the last hour what `fillShop` brings. */
export async function fillDay(shop: Shop, clock: DayClock): Promise<ShopRuns> {
  shop.takes = (ms) => clock.pass(ms);
  let round = 0;
  const workUntil = async (behindMs: number, pauseMs: number) => {
    for (; clock.behindMs > behindMs + pauseMs; round++) {
      await workOf(shop, round);
      clock.pass(pauseMs);
    }
  };
  await workUntil(LATE_MS, 23 * MINUTE_MS);
  const runs = await fillShop(shop);
  await workUntil(0, 4 * MINUTE_MS);
  clock.pass(clock.behindMs);
  return runs;
}

async function workOf(shop: Shop, round: number): Promise<void> {
  const begin = (path: string, body: unknown, label: string) => shop.trigger(path, body, { label });
  const runs: string[] = [];
  for (let index = 0; index < 1 + (round % 3); index++) {
    const id = 1_000 + round * 4 + index;
    runs.push(await begin("/order", { id }, index % 2 === 0 ? "web" : "app"));
  }
  if (round % 7 === 4) runs.push(await begin("/order/failing", { id: 300 + round }, "web"));
  if (round % 5 === 2) runs.push(await begin("/thumbnail", { id: round }, "media"));
  await shop.messages.publishJSON({ url: `${shop.appUrl}/notify/mail`, body: { round } });
  for (const id of runs) {
    await until(`${id} to end`, async () => (await shop.stateOf(id)) !== "RUN_STARTED", 60_000);
  }
}

/** A shipment whose carrier never answers well, and is asked again. Timers have to go by the true clock. */
export async function failShipment(shop: Shop): Promise<string> {
  const shipment = async (context: WorkflowContext) => {
    await context.run("print label", () => ({ label: "L-77120", weightKg: 2.4 }));
    await context.run("hand over to carrier", () => {
      throw new Error("carrier north answered 503: depot is closed until Monday");
    });
  };
  shop.serve("/shipment", (qstashClient) => serve(shipment, { qstashClient }).handler);
  const runId = await shop.trigger(
    "/shipment",
    { parcel: "P-5521", carrier: "north" },
    { label: "web", retries: 2, retryDelay: "1500" },
  );
  await shop.reaches(runId, "RUN_FAILED");
  return runId;
}
