import { describe, expect, test } from "vitest";
import { messageRow, runRow } from "../core/rows.suite.ts";
import type { MessageRow } from "../core/rows.ts";
import { type Effect, insert, update } from "../core/transition.ts";
import { ConfigCache } from "./config-cache.ts";
import { formatHint, type Hint, hintsOf, holderOf, parseHint } from "./hints.ts";
import { WorkingSet } from "./working-set.ts";

const OWN = 50;
const OTHER = 51;

test.each<Hint>([
  { type: "recall", messageKey: 7 },
  { type: "recallBehind", queueName: 'a "queue"' },
  { type: "recallBehind", flowControlKey: "é", isPeriodNew: true },
  { type: "runEnded", runKey: 3 },
  { type: "gate", gate: "origin:http://a.connected.alt" },
  { type: "settings" },
])("a hint is understood as it was meant: %j", (hint) => {
  expect(parseHint(formatHint(hint))).toEqual(hint);
});

test.each([
  "",
  "{",
  "null",
  "7",
  '"recall"',
  "[]",
  "{}",
  '{"type":"recall"}',
  '{"type":"recall","messageKey":"7"}',
  '{"type":"runEnded"}',
  '{"type":"gate","gate":7}',
  '{"type":"of a later version","messageKey":7}',
])("what is no hint of this version is passed over: %s", (text) => {
  expect(parseHint(text)).toBe(null);
});

function workOf(...messages: readonly MessageRow[]): WorkingSet {
  const work = new WorkingSet(new ConfigCache(10));
  work.addLoaded("messages", [], messages);
  work.addLoaded("runs", [], [runRow({ key: 1 })]);
  return work;
}

const room = (nodeKey: number | null) => ({ context: { nodeKey } });

function told(work: WorkingSet, effects: readonly Effect[], nodeKey: number | null = OWN) {
  return hintsOf({ work, effects, room: room(nodeKey) });
}

describe("the other nodes hear", () => {
  test("that a message is recalled whose attempt one of them makes", () => {
    const work = workOf(messageRow({ key: 7, nodeKey: OTHER }));
    expect(told(work, [{ type: "recall", messageKey: 7 }])).toEqual([
      { type: "recall", messageKey: 7 },
    ]);
  });

  test.each([OWN, null])("nothing of a message that node %s makes", (nodeKey) => {
    const work = workOf(messageRow({ key: 7, nodeKey }));
    expect(told(work, [{ type: "recall", messageKey: 7 }])).toEqual([]);
  });

  test("of each pause, because nobody knows who has passed the gate", () => {
    const pause = { type: "recallBehind", queueName: "q" } as const;
    expect(told(workOf(), [pause])).toEqual([pause]);
  });

  test.each([
    ["failed", true],
    ["canceled", true],
    ["succeeded", false],
  ] as const)("of a run that is %s: %s", (state, isTold) => {
    const work = workOf();
    const run = runRow({ key: 1 });
    work.apply([update("runs", run, { ...run, state })]);
    expect(told(work, [])).toEqual(isTold ? [{ type: "runEnded", runKey: 1 }] : []);
  });

  test("once of a line at which an app is waited for that has to connect, and of no other line", () => {
    const lines = [
      "origin:http://app.connected.alt",
      "origin:http://app.connected.alt",
      "origin:https://app.test",
      "queue:q",
    ];
    const work = workOf();
    const rows = lines.map((gate, index) =>
      messageRow({ key: 10 + index, state: "waiting", gate, waitOrder: index, nodeKey: null }),
    );
    work.apply(rows.map((row) => insert("messages", row)));
    expect(told(work, [])).toEqual([{ type: "gate", gate: "origin:http://app.connected.alt" }]);
  });

  test("nothing where there is nobody else", () => {
    const work = workOf(messageRow({ key: 7, nodeKey: OTHER }));
    const effects = [
      { type: "recallBehind", queueName: "q" },
      { type: "recall", messageKey: 7 },
    ] as const;
    expect(told(work, effects, null)).toEqual([]);
  });
});

test.each([
  [OTHER, OWN, OTHER],
  [OWN, OWN, null],
  [null, OWN, null],
  [OTHER, null, null],
])("the holder of a message of node %s, seen from node %s, is %s", (nodeKey, own, holder) => {
  expect(holderOf(7, workOf(messageRow({ key: 7, nodeKey })), room(own))).toBe(holder);
});
