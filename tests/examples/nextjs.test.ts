// The Next.js example under `next dev`: an order that is paid through a webhook, fails at the carrier and is resumed,
// and a return that waits for the parcel.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { resultOf, useExample } from "./example-app.ts";
import { untilSeen } from "./program.ts";

const settingsFile = new URL("../../examples/nextjs/tsconfig.json", import.meta.url);
const settings = readFileSync(settingsFile, "utf8");

const shop = useExample("nextjs");

interface Shop {
  readonly orders: readonly { readonly orderId: string; readonly journal: readonly string[] }[];
}

async function journalOf(orderId: string): Promise<readonly string[]> {
  // The page shows what this route gives; the tests compare each line.
  const { orders } = (await shop.get("/api/orders")) as Shop;
  return orders.find((order) => order.orderId === orderId)?.journal ?? [];
}

/** Orders, and pays as soon as the provider has asked for it. */
async function orderAndPay(orderId: string): Promise<string> {
  const runId = await shop.trigger("/api/orders", { orderId, article: "teapot", euros: 40 });
  const isAsked = async () => (await journalOf(orderId)).includes("asked for the payment");
  await untilSeen("the request for the payment", isAsked);
  await shop.post(`/api/orders/${orderId}/payment`);
  return runId;
}

test("an order goes through all of its steps", async () => {
  const runId = await orderAndPay("1");
  const run = await shop.ended(runId, "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ orderId: "1", isPaid: true, trackingCode: "track-1" });
  expect(await journalOf("1")).toEqual([
    "reserved a teapot",
    "asked for the payment",
    "booked the carrier for the parcel from shelf-teapot",
    "sent track-1",
  ]);
});

test("an order that fails at the carrier is resumed there, and nobody pays twice", async () => {
  await shop.post("/api/carrier/offline");
  const runId = await orderAndPay("2");
  await shop.ended(runId, "RUN_FAILED");
  const dlqId = await shop.deadLetter(runId);
  const before = [
    "reserved a teapot",
    "asked for the payment",
    ...Array(3).fill("tried to book the carrier in vain"),
    "order 2 is on hold (500): the carrier answered 503: closed for maintenance",
  ];
  expect(await journalOf("2")).toEqual(before);

  await shop.post("/api/carrier/online");
  await shop.ended(await shop.resume(dlqId), "RUN_SUCCESS");
  expect(await journalOf("2")).toEqual([
    ...before,
    "booked the carrier for the parcel from shelf-teapot",
    "sent track-2",
  ]);
});

test("a return waits for the parcel", async () => {
  const runId = await shop.trigger("/api/returns", { orderId: "3" });
  await shop.post("/api/returns/3/arrival", { isIntact: true });
  const run = await shop.ended(runId, "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ orderId: "3", isRefunded: true });
  expect(await journalOf("3")).toEqual(["sent a label for the return", "paid the money back"]);
});

test("the page is there", async () => {
  const response = await fetch(shop.url);
  expect(response.status).toBe(200);
  expect(await response.text()).toContain("Order a teapot");
});

test("only the server can call the workflows", async () => {
  await shop.refusesStrangers("/api/workflows/order");
  await shop.refusesStrangers("/api/workflows/return");
});

test("Next.js finds nothing to rewrite in the settings of TypeScript", () => {
  expect(readFileSync(settingsFile, "utf8")).toBe(settings);
});
