import { expect, test } from "vitest";
import { decideAdvanceBulkAction, decideStartBulkAction } from "./bulk-action.ts";
import type { AdvanceBulkAction } from "./commands.ts";
import { contextAt, messageRow, NOW, plainMessageRow, updateOf } from "./rows.suite.ts";
import type { BulkActionRow } from "./rows.ts";

const action: BulkActionRow = {
  key: 50,
  kind: "cancel",
  state: "inProgress",
  createdAt: NOW - 5,
  completedAt: null,
  filter: "{}",
  total: 9,
  processed: 4,
  afterKey: 30,
};

const command: AdvanceBulkAction = {
  type: "advanceBulkAction",
  actionKey: 50,
  fromKey: 30,
  afterKey: 20,
  messageKeys: [],
  isLast: false,
};

test("an action begins above the messages that it means", () => {
  const start = { type: "startBulkAction", kind: "cancel", filter: "{}", afterKey: 31 } as const;
  expect(decideStartBulkAction({ ...start, total: 9 }, contextAt()).answer).toMatchObject({
    state: "inProgress",
    completedAt: null,
    total: 9,
    processed: 0,
    afterKey: 31,
  });
  expect(decideStartBulkAction({ ...start, total: 0 }, contextAt()).answer).toMatchObject({
    state: "finished",
    completedAt: NOW,
  });
});

test("a chunk counts what it is about to change, and nothing else", () => {
  const messages = [
    plainMessageRow({ state: "active" }),
    plainMessageRow({ state: "scheduled", kind: "callback" }),
    plainMessageRow({ state: "waiting" }),
    plainMessageRow({ state: "canceling" }),
    messageRow(),
    null,
  ];
  const transition = decideAdvanceBulkAction({ action, messages }, command, contextAt());
  expect(transition.answer).toEqual({ ...action, processed: 7, afterKey: 20 });
  expect(updateOf(transition, "bulkActions")).toEqual({ processed: 7, afterKey: 20 });
});

test("the last chunk ends the action", () => {
  const last = { ...command, isLast: true };
  const { answer } = decideAdvanceBulkAction({ action, messages: [] }, last, contextAt());
  expect(answer).toMatchObject({ state: "finished", completedAt: NOW });
});

test.each([
  ["is unknown", null],
  ["has ended", { ...action, state: "finished" } as const],
  ["has gone on meanwhile", { ...action, afterKey: 20 }],
])("a chunk of an action that %s is refused", (_, other) => {
  const act = () => decideAdvanceBulkAction({ action: other, messages: [] }, command, contextAt());
  expect(act).toThrow("is not where this chunk begins");
});
