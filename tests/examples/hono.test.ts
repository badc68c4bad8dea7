// The Hono example: a newsletter that invokes a run for each letter, fails at the archive and is resumed without
// mailing anybody again, and a subscription that waits for a click.

import { expect, test } from "vitest";
import { resultOf, useExample } from "./example-app.ts";

const press = useExample("hono");

const readers = ["ada@example.com", "alan@example.com", "grace@example.com"];
const lettersTo = (addresses: readonly string[]) =>
  addresses.flatMap((reader) => [`mailed ${reader}`, `wrote to ${reader}`]);

/** The letters are written and mailed at the same time, so their order is not told. */
async function expectJournal(issue: string, letters: readonly string[], rest: readonly string[]) {
  const lines = await press.lines(`/issues/${issue}`);
  expect(lines.slice(0, letters.length).toSorted()).toEqual(letters.toSorted());
  expect(lines.slice(letters.length)).toEqual(rest);
}

test("a newsletter is a run for each of its letters", async () => {
  const runId = await press.trigger("/issues", { title: "May" });
  const run = await press.ended(runId, "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ readers: 3, mailed: 3 });
  await expectJournal("May", lettersTo(readers), ["published in the archive"]);
});

test("a newsletter that fails at the archive mails nobody again", async () => {
  await press.post("/archive/offline");
  const runId = await press.trigger("/issues", { title: "June" });
  await press.ended(runId, "RUN_FAILED");
  const dlqId = await press.deadLetter(runId);
  const failure = [
    ...Array(3).fill("tried to publish in vain"),
    "June is mailed but not published, resume it (500): the archive answered 503: no space left on device",
  ];
  await expectJournal("June", lettersTo(readers), failure);

  await press.post("/archive/online");
  const run = await press.ended(await press.resume(dlqId), "RUN_SUCCESS");
  expect(resultOf(run)).toEqual({ readers: 3, mailed: 3 });
  await expectJournal("June", lettersTo(readers), [...failure, "published in the archive"]);
});

test("a reader counts after the click, and a refused address fails nothing", async () => {
  const reader = "kurt@nowhere.example";
  const runId = await press.trigger("/readers", { reader });
  await press.post(`/readers/${reader}/confirmation`);
  expect(resultOf(await press.ended(runId, "RUN_SUCCESS"))).toEqual({ isReader: true });
  expect(await press.lines(`/readers/${reader}`)).toEqual([
    "was asked to confirm the address",
    "is a reader now",
  ]);

  const issue = await press.trigger("/issues", { title: "July" });
  expect(resultOf(await press.ended(issue, "RUN_SUCCESS"))).toEqual({ readers: 4, mailed: 3 });
  const letters = [...lettersTo(readers), `wrote to ${reader}`];
  await expectJournal("July", letters, ["published in the archive"]);
});

test("only the server can call the workflows", async () => {
  await press.refusesStrangers("/workflows/newsletter");
  await press.refusesStrangers("/workflows/letter");
  await press.refusesStrangers("/workflows/subscription");
});
