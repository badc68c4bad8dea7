import { expect, test } from "vitest";
import { endDelivery, response, startRun, submitStep } from "../core/rows.suite.ts";
import { newMessage } from "./gates.suite.ts";
import { Inbox } from "./inbox.ts";
import { ScriptedHost } from "./scripted-host.suite.ts";

const limits = { groupRequestsMax: 3, groupBytesMax: 100, inboxRequestsMax: 4 };
const bytes = (count: number) => new Uint8Array(count);
const step = (count: number, runId = "wfr_a") => submitStep({ runId, body: bytes(count) });

function taken(inbox: Inbox): readonly number[] {
  return inbox.take().map(({ commands }) => commands.length);
}

test("requests are taken in order, so many at once", () => {
  const inbox = new Inbox(limits);
  for (const count of [1, 2, 3, 4]) void inbox.add(Array(count).fill(step(1)), () => {});
  expect(taken(inbox)).toEqual([1, 2, 3]);
  expect(inbox.size).toBe(1);
  expect(taken(inbox)).toEqual([4]);
  expect(taken(inbox)).toEqual([]);
});

test("bodies of every kind count against the bytes of a group", () => {
  const body = bytes(60);
  for (const command of [
    step(60),
    startRun({ payload: body }),
    { ...newMessage(new ScriptedHost(), "a"), body },
    endDelivery({ type: "response", status: 200, headers: {}, body, isTruncated: false }),
  ]) {
    const inbox = new Inbox(limits);
    void inbox.add([command], () => {});
    void inbox.add([command], () => {});
    expect(taken(inbox)).toEqual([1]);
    expect(inbox.size).toBe(1);
  }
});

test("one request that is larger than a group is taken alone", () => {
  const inbox = new Inbox(limits);
  void inbox.add([step(1_000)], () => {});
  void inbox.add([step(1)], () => {});
  expect(taken(inbox)).toEqual([1]);
  expect(taken(inbox)).toEqual([1]);
});

test("a full inbox refuses with 503, says how many wait, and still takes outcomes", async () => {
  const inbox = new Inbox(limits);
  let added = 0;
  for (let index = 0; index < 4; index += 1) void inbox.add([step(1)], () => added++);
  const refused = inbox.add([step(1)], () => added++);
  await expect(refused).rejects.toMatchObject({
    code: "storage_unavailable",
    status: 503,
    message: "4 requests wait for the storage; try again",
  });
  expect(added).toBe(4);
  inbox.addQuiet([endDelivery(response(200))]);
  expect(inbox.size).toBe(5);
});

test("the server is told that there is work only after it is there", async () => {
  const inbox = new Inbox(limits);
  let sizeWhenTold = 0;
  const answer = inbox.add([step(1)], () => {
    sizeWhenTold = inbox.size;
  });
  expect(sizeWhenTold).toBe(1);
  inbox.take()[0]?.resolve([null]);
  expect(await answer).toEqual([null]);
});

test("what was taken back is taken first again, in its order", () => {
  const inbox = new Inbox(limits);
  inbox.addQuiet([step(1), step(1)]);
  inbox.addQuiet([step(1), step(1), step(1)]);
  const back = inbox.take();
  inbox.addQuiet([step(1)]);
  inbox.putBack(back);
  expect(taken(inbox)).toEqual([2, 3, 1]);
});

test("clearing takes everything, whatever a group may hold", () => {
  const inbox = new Inbox(limits);
  for (let index = 0; index < 9; index += 1) inbox.addQuiet([step(90)]);
  expect(inbox.clear()).toHaveLength(9);
  expect(inbox.size).toBe(0);
});
