// The message of a stuck run comes back under its old key.

import { expect, test } from "vitest";
import { decideNudgeRun } from "./nudge-run.ts";
import {
  contextAt,
  insertsInto,
  leftovers,
  NOW,
  runConfig,
  runRow,
  stepRow,
} from "./rows.suite.ts";

test("leases go on above all that the message has had, so that nobody late holds one of the new", () => {
  const step = stepRow({ position: 1 });
  const state = {
    live: runRow(),
    config: runConfig(),
    leftovers: leftovers(),
    steps: [step],
    attemptsOf: () => 2,
  };
  const nudge = { type: "nudgeRun", runId: "wfr_1" } as const;
  const transition = decideNudgeRun(state, nudge, contextAt(NOW));
  const [message] = insertsInto(transition, "messages");
  expect(message).toMatchObject({ key: step.key, state: "active", retried: 2 });
  expect(message?.leaseToken).toBeGreaterThanOrEqual(NOW);
  const delivery = { type: "deliver", messageKey: step.key, leaseToken: message?.leaseToken };
  expect(transition.effects).toContainEqual(delivery);
});
