import { expect, test } from "vitest";
import { messageRow, runConfig, runRow } from "../core/rows.suite.ts";
import type { Delivery } from "./dispatcher.ts";
import { EarlyHints } from "./early-hints.ts";

const plain: Delivery = {
  kind: "plain",
  message: messageRow({ key: 7, kind: "plain", runKey: null, queueName: "q", flowControlKey: "f" }),
  envelope: null,
  startUntil: 500,
};

function ofRun(kind: "step" | "failureCall"): Delivery {
  const config = runConfig();
  const own = { timeoutMs: 1_000, startUntil: null, config, own: {} };
  const run = runRow({ key: 1 });
  // A delivery of a run has more that nobody looks at here.
  return { kind: "run", message: messageRow({ kind, runKey: 1 }), run, ...own } as Delivery;
}

const step = ofRun("step");
const failureCall = ofRun("failureCall");

test("nothing said, nothing taken back", () => {
  const hints = new EarlyHints();
  expect(hints.sort([plain, step])).toEqual({ wanted: [plain, step], recalled: [] });
});

test.each([
  { type: "recall", messageKey: 7 },
  { type: "recallBehind", queueName: "q" },
  { type: "recallBehind", flowControlKey: "f" },
] as const)("%j takes the delivery back that it means, and no other", (recall) => {
  const hints = new EarlyHints();
  hints.recall(recall);
  expect(hints.sort([step, plain])).toEqual({ wanted: [step], recalled: [plain] });
});

test("a new period gets back no start of the old one", () => {
  const hints = new EarlyHints();
  hints.recall({ type: "recallBehind", flowControlKey: "f", isPeriodNew: true });
  expect(hints.sort([plain]).recalled).toEqual([{ ...plain, startUntil: null }]);
});

test("the end of a run takes its deliveries back, but not the call that reports its failure", () => {
  const hints = new EarlyHints();
  hints.endRun(1);
  const sorted = { wanted: [failureCall, plain], recalled: [step] };
  expect(hints.sort([step, failureCall, plain])).toEqual(sorted);
  hints.clear();
  hints.endRun(2);
  expect(hints.sort([step]).recalled).toEqual([]);
});

test("what was said before a transaction began is nothing to its deliveries", () => {
  const hints = new EarlyHints();
  hints.recall({ type: "recall", messageKey: 7 });
  hints.endRun(1);
  hints.clear();
  expect(hints.sort([plain, step])).toEqual({ wanted: [plain, step], recalled: [] });
});
