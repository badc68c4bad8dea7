// The example without a framework: an import that asks a supplier, fails at the database and is resumed without
// asking again, and a change of a price that waits for somebody to decide.

import { expect, test } from "vitest";
import { resultOf, useExample } from "./example-app.ts";
import { untilSeen } from "./program.ts";

const shop = useExample("node-http");

test("an import goes through all of its steps", async () => {
  const runId = await shop.trigger("/imports", { importId: "monday" });
  const run = await shop.ended(runId, "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ importId: "monday", written: 2 });
  expect(await shop.lines("/journal/monday")).toEqual([
    "the supplier was asked",
    "2 of 3 prices can be true",
    "wrote 2 prices",
  ]);
});

test("an import that fails at the database is resumed there", async () => {
  await shop.post("/database/read-only");
  const runId = await shop.trigger("/imports", { importId: "tuesday" });
  await shop.ended(runId, "RUN_FAILED");
  const dlqId = await shop.deadLetter(runId);
  const before = [
    "the supplier was asked",
    "2 of 3 prices can be true",
    ...Array(3).fill("tried to write in vain"),
    "the old prices stay (500): the database is read-only: a failover is under way",
  ];
  expect(await shop.lines("/journal/tuesday")).toEqual(before);

  await shop.post("/database/writable");
  await shop.ended(await shop.resume(dlqId), "RUN_SUCCESS");
  expect(await shop.lines("/journal/tuesday")).toEqual([...before, "wrote 2 prices"]);
});

test("a change of a price waits for a decision", async () => {
  const change = { changeId: "7", article: "teapot", cents: 4200 };
  const runId = await shop.trigger("/changes", change);
  await untilSeen("the question", async () => (await shop.lines("/journal/7")).length === 1);
  await shop.post("/changes/7/decision", { isApproved: true, by: "Grace" });
  await shop.ended(runId, "RUN_SUCCESS");
  expect(await shop.lines("/journal/7")).toEqual([
    "is 4200 cents right for the teapot?",
    "wrote 1 prices",
  ]);
  expect(await shop.lines("/prices")).toContainEqual({ article: "teapot", cents: 4200 });
});

test("a refused change changes nothing", async () => {
  const runId = await shop.trigger("/changes", { changeId: "8", article: "vase", cents: 1 });
  await shop.post("/changes/8/decision", { isApproved: false, by: "Grace" });
  expect(resultOf(await shop.ended(runId, "RUN_SUCCESS"))).toEqual({
    changeId: "8",
    isChanged: false,
  });
  expect(await shop.lines("/prices")).not.toContainEqual({ article: "vase", cents: 1 });
});

test("only the server can call the workflows", async () => {
  await shop.refusesStrangers("/workflows/import");
  await shop.refusesStrangers("/workflows/change");
});
