import { expect, test } from "vitest";
import { messageRow } from "../core/rows.suite.ts";
import type { Delivery } from "./dispatcher.ts";
import { isRecalled, type Recall, takenBack } from "./recall.ts";

const plain = messageRow({ key: 7, kind: "plain", runKey: null, queueName: "q" });

test.each<[string, Recall, boolean]>([
  ["its own key", { type: "recall", messageKey: 7 }, true],
  ["another key", { type: "recall", messageKey: 8 }, false],
  ["its queue", { type: "recallBehind", queueName: "q" }, true],
  ["another queue", { type: "recallBehind", queueName: "p" }, false],
  ["a flow control that it has not", { type: "recallBehind", flowControlKey: "q" }, false],
  ["nothing", { type: "recallBehind" }, false],
])("a message of a queue is meant by %s: %#", (_, recall, isMeant) => {
  expect(isRecalled(recall, plain)).toBe(isMeant);
});

test("the pause of a queue does not mean the callbacks of its messages", () => {
  const callback = { ...plain, kind: "callback" } as const;
  expect(isRecalled({ type: "recallBehind", queueName: "q" }, callback)).toBe(false);
  expect(isRecalled({ type: "recall", messageKey: 7 }, callback)).toBe(true);
});

test("a flow control means whatever has passed it", () => {
  const recall = { type: "recallBehind", flowControlKey: "f" } as const;
  for (const kind of ["plain", "callback", "step", "call"] as const) {
    expect(isRecalled(recall, messageRow({ kind, flowControlKey: "f" }))).toBe(true);
    expect(isRecalled(recall, messageRow({ kind, flowControlKey: "g" }))).toBe(false);
  }
});

test("a start of an older period is not given back to the new one", () => {
  const delivery: Delivery = { kind: "plain", message: plain, envelope: null, startUntil: 500 };
  const paused = { type: "recallBehind", flowControlKey: "f" } as const;
  expect(takenBack(paused, delivery).startUntil).toBe(500);
  expect(takenBack({ ...paused, isPeriodNew: true }, delivery).startUntil).toBe(null);
  expect(takenBack({ type: "recall", messageKey: 7 }, delivery).startUntil).toBe(500);
});
