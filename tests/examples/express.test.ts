// The Express example: an order that is paid by a request of the server, fails at the carrier and is resumed, and a
// refund that waits for somebody to decide.

import { expect, test } from "vitest";
import { resultOf, useExample } from "./example-app.ts";
import { untilSeen } from "./program.ts";

const shop = useExample("express");

test("an order goes through all of its steps", async () => {
  const runId = await shop.trigger("/orders", { orderId: "1", article: "teapot", euros: 40 });
  await shop.ended(runId, "RUN_SUCCESS");
  expect(await shop.lines("/orders/1")).toEqual([
    "reserved a teapot",
    "charged 40 euros",
    "booked the carrier for the parcel from shelf-teapot",
    "sent track-1",
  ]);
});

test("a declined card is a result, not a failure", async () => {
  const runId = await shop.trigger("/orders", { orderId: "2", article: "piano", euros: 4000 });
  const run = await shop.ended(runId, "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ orderId: "2", isPaid: false });
  expect(await shop.lines("/orders/2")).toEqual(["reserved a piano", "put the piano back"]);
});

test("an order that fails at the carrier is resumed there", async () => {
  await shop.post("/carrier/offline");
  const runId = await shop.trigger("/orders", { orderId: "3", article: "lamp", euros: 90 });
  await shop.ended(runId, "RUN_FAILED");
  const dlqId = await shop.deadLetter(runId);
  const before = [
    "reserved a lamp",
    "charged 90 euros",
    ...Array(3).fill("tried to book the carrier in vain"),
    "order 3 is on hold (500): the carrier answered 503: closed for maintenance",
  ];
  expect(await shop.lines("/orders/3")).toEqual(before);

  await shop.post("/carrier/online");
  await shop.ended(await shop.resume(dlqId), "RUN_SUCCESS");
  expect(await shop.lines("/orders/3")).toEqual([
    ...before,
    "booked the carrier for the parcel from shelf-lamp",
    "sent track-3",
  ]);
});

test("a refund waits for a decision", async () => {
  const refund = { orderId: "4", reason: "the lid is missing" };
  const runId = await shop.trigger("/refunds", refund);
  await untilSeen(
    "the question to support",
    async () => (await shop.lines("/orders/4")).length === 1,
  );
  await shop.post("/refunds/4/decision", { isApproved: true, by: "Ada" });
  const run = await shop.ended(runId, "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ orderId: "4", isRefunded: true });
  expect(await shop.lines("/orders/4")).toEqual([
    "support is asked for a refund: the lid is missing",
    "Ada approved the refund",
  ]);
});

test("a decision that comes before the run waits for it is not lost", async () => {
  const runId = await shop.trigger("/refunds", { orderId: "5", reason: "too late" });
  await shop.post("/refunds/5/decision", { isApproved: false, by: "Ada" });
  const run = await shop.ended(runId, "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ orderId: "5", isRefunded: false });
});

test("only the server can call the workflows", async () => {
  await shop.refusesStrangers("/workflows/order");
  await shop.refusesStrangers("/workflows/refund");
});
